"""How the simulated network behaves: `PUT /simulator/rules`. A wrong rule is refused with the place where it is wrong."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from infra.sinch.simulator.chances import exponential

Share = Annotated[float, Meta(ge=0, le=1, description="Share of cases, 0 to 1.")]
Seconds = Annotated[float, Meta(ge=0, le=31_536_000, description="Seconds.")]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Code = Annotated[int, Meta(ge=0, le=999, description="Sinch's delivery code.")]
HttpStatus = Annotated[int, Meta(ge=500, le=599)]
Word = Annotated[str, Meta(min_length=1, max_length=40)]
Prefix = Annotated[str, Meta(max_length=2048)]

FaultKind = Literal[
    "too_many_requests",
    "error_before",
    "error_after",
    "hang_before",
    "hang_after",
    "cut_before",
    "cut_after",
    "unreadable",
    "slow",
    "unauthorized",
    "blocked_account",
    "callbacks_first",
]
Operation = Literal["send", "list", "get", "cancel", "report", "any"]


class _Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=False):
    """Unknown fields are mistakes here: this is our own vocabulary."""


class Delay(_Rule, frozen=True):
    """A wait in seconds: evenly between `min` and `max`, plus an exponential share with mean `mean`."""

    min: Seconds = 0.0
    max: Seconds = 0.0
    mean: Seconds = 0.0

    def seconds(self, chance: float) -> float:
        """The wait for a number in [0, 1)."""
        even = self.min + max(0.0, self.max - self.min) * chance
        return even + (exponential(self.mean, chance) if self.mean else 0.0)

    @property
    def constant(self) -> float | None:
        """The wait, when it is always the same."""
        return self.min if self.max <= self.min and not self.mean else None


class Delays(_Rule, frozen=True):
    """How long things take. `final` is from dispatch to the last status, `reply` until POST /batches is answered."""

    dispatch: Delay = Delay()
    final: Delay = Delay(min=0.05, max=0.5)
    reply: Delay = Delay()
    lists: Delay = Delay()


class Fate(_Rule, frozen=True):
    """What becomes of a share of the messages: a code, with the status that goes with it unless one is given.

    `never`: no final report ever comes. `first_only`: a number's later messages are delivered.
    """

    share: Share
    code: Code = 0
    status: Word | None = None
    never: bool = False
    first_only: bool = False
    recipient_prefix: Annotated[str, Meta(pattern=r"^[0-9]{0,15}$")] = ""


class Callbacks(_Rule, frozen=True):
    """What happens to callbacks on their way."""

    duplicate: Share = 0.0
    duplicate_after: Delay = Delay(max=1.0)
    reorder: Share = 0.0
    reorder_window: Seconds = 2.0
    drop: Share = 0.0
    queued: bool = False


class Fault(_Rule, frozen=True):
    """What befalls a share of the requests, the first `times` of them or all. The first fault that fits is taken.

    `seconds`: how long a `slow` or hanging one takes (and how long `callbacks_first` waits at most).
    """

    kind: FaultKind
    on: Operation = "send"
    share: Share = 1.0
    times: Count | None = None
    status: HttpStatus = 503
    retry_after: Annotated[int, Meta(ge=0, le=86_400)] | None = None
    seconds: Seconds = 60.0
    client_reference_prefix: Prefix = ""


class Lists(_Rule, frozen=True):
    """How far lists can be trusted.

    `lag`: until a batch shows in lists and by its id. `wrong_filter`: `client_reference` is ignored. `wrong_count`: one
    batch more is counted than there is.
    """

    lag: Seconds = 0.0
    wrong_filter: bool = False
    wrong_count: bool = False


class Rules(_Rule, frozen=True):
    """Everything that can be made to go wrong. The default is a network where numbers decide their own fate."""

    seed: Annotated[int, Meta(ge=0, le=2**53)] = 1
    number_fates: bool = True
    fates: Annotated[list[Fate], Meta(max_length=100)] = []
    delays: Delays = Delays()
    callbacks: Callbacks = Callbacks()
    faults: Annotated[list[Fault], Meta(max_length=100)] = []
    lists: Lists = Lists()
    refused_numbers: Annotated[list[str], Meta(max_length=100_000)] = []
    blocked_account: bool = False


class WrongRule(ValueError):  # noqa: N818  named by what it says
    """The text says which rule is wrong and why."""


_decoder = msgspec.json.Decoder(Rules)


def decode_rules(raw: bytes) -> Rules:
    """Rules from JSON; what is left out is as by default. Raises WrongRule."""
    try:
        rules = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WrongRule(str(error)) from error
    if sum(fate.share for fate in rules.fates if not fate.recipient_prefix) > 1 + 1e-9:
        raise WrongRule("the shares of the fates add up to more than 1 - at `$.fates`")
    return rules


def rules_schema() -> dict[str, Any]:
    """The JSON Schema of the rules."""
    return msgspec.json.schema(Rules)
