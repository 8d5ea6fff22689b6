"""Sinch's delivery codes (CONTRACT §4.2): what each means, whether it may pass, and what to do next.

The table is `delivery_codes.json`, taken from Sinch's public documentation (its `_source` names the pages): 137 SMPP
codes and 18 of Sinch's own. A code that is not in it is shown by its number and never retried.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any


class Permanence(StrEnum):
    """Whether sending again can help."""

    NONE = "none"
    """No failure, or an intermediate state."""
    PERMANENT = "permanent"
    TEMPORARY = "temporary"
    ACCOUNT = "account"
    """The whole account is stopped: nothing helps until a person acts."""
    UNSPECIFIED = "unspecified"
    """Sinch does not say; treated as permanent."""


ADVICE: dict[Permanence, str] = {
    Permanence.NONE: "Nothing to do.",
    Permanence.PERMANENT: "Do not send again to this number: the same error is likely.",
    Permanence.TEMPORARY: "May be sent again later.",
    Permanence.ACCOUNT: "The Sinch account is blocked or out of credit: settle that, then resume.",
    Permanence.UNSPECIFIED: "Sinch does not say whether it may pass; not sent again by itself.",
}


OPTED_OUT = frozenset({257})
"""Codes by which an operator says that the recipient opted out (CONTRACT §4.2: US toll-free STOP)."""
ACCOUNT_BLOCKED = 413
"""The account is blocked, potentially out of credits: everything pauses."""


@dataclass(frozen=True, slots=True)
class Code:
    """One delivery code."""

    number: int
    name: str
    permanence: Permanence
    note: str = ""

    @property
    def advice(self) -> str:
        """What to do next, in one sentence."""
        return ADVICE[self.permanence]


def _smpp(number: int, row: dict[str, Any]) -> Code:
    permanence = Permanence.TEMPORARY if row["treated_as"] == "Temporary" else Permanence.PERMANENT
    return Code(number, row["description"], permanence, row["comment"])


def _custom(number: int, row: dict[str, Any]) -> Code:
    if row["finality"] == "intermediate":
        permanence = Permanence.NONE
    elif row["permanence"] == "account-level":
        permanence = Permanence.ACCOUNT
    else:
        permanence = Permanence(row["permanence"] or "unspecified")
    return Code(number, row["name"], permanence, row["note"])


def _load() -> dict[int, Code]:
    table = json.loads(files("contracts").joinpath("delivery_codes.json").read_bytes())
    smpp = {int(n): _smpp(int(n), row) for n, row in table["smpp"].items()}
    return smpp | {int(n): _custom(int(n), row) for n, row in table["custom"].items()}


CODES: dict[int, Code] = _load()


def code_of(number: int) -> Code:
    """The code's row; for one that Sinch's pages do not list, a row that says so."""
    return CODES.get(number) or Code(number, f"code {number}, not in Sinch's list", Permanence.UNSPECIFIED)
