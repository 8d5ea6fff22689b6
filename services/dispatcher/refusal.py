"""What Sinch's own refusal costs: the recipient that it named, or the batch, or neither is known and it is split. Pure."""

import re
from dataclasses import dataclass

from infra.sinch.outcomes import Refused
from infra.sinch.wire.codes import CULPRIT_MAY_BE_ONE

_OTHER_PARAMETER = re.compile(r"parameter '(?!to\b)[a-z_]+", re.IGNORECASE)
"""The text names a field of the batch that is not `to`: no half of it would fare better."""


@dataclass(frozen=True, slots=True)
class DropRecipient:
    """Sinch named this one: the rest is offered again."""

    recipient: str
    rest: list[str]


@dataclass(frozen=True, slots=True)
class Split:
    """Nobody is named: each half is offered under a reference of its own."""

    parts: tuple[tuple[str, list[str]], tuple[str, list[str]]]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The whole batch is refused for good."""


CULPRITS = 4
"""As many are surely found by halving a chunk; with more of them what is left is refused as it stands."""


def most_splits(recipients: int) -> int:
    """How often the offers of a chunk of so many are halved at most: two POSTs each time, not two thousand in all."""
    return CULPRITS * max(1, (recipients - 1).bit_length())


Verdict = DropRecipient | Split | GiveUp


def judge(refused: Refused, recipients: list[str], part: str) -> Verdict:
    """What to do with `recipients` of part `part` after this refusal."""
    index = refused.recipient_index
    if index is not None and index < len(recipients) and len(recipients) > 1:
        return DropRecipient(recipients[index], recipients[:index] + recipients[index + 1 :])
    if refused.code not in CULPRIT_MAY_BE_ONE or len(recipients) == 1 or _OTHER_PARAMETER.search(refused.text or ""):
        return GiveUp()
    middle = len(recipients) // 2
    return Split(((part + "a", recipients[:middle]), (part + "b", recipients[middle:])))
