"""What becomes of a message: decided by its number's last digits, or by a rule, the same way in every run."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.sinch.simulator.chances import unit
from infra.sinch.simulator.rules import Fate, Rules

DELIVERED, EXPIRED, UNKNOWN = "Delivered", "Expired", "Unknown"
UNMATCHED_PARAMETER, INTERNAL_EXPIRY, CANCELLED, TOO_MANY_PARTS = 405, 406, 407, 411
QUEUED, DISPATCHED = (400, "Queued"), (401, "Dispatched")

_NO_RECEIPT = 399  # "Unknown error" of the SMPP table
_OWN_CODES = range(402, 500)  # codes of Sinch itself; the message never reached an SMSC
_REJECTED = frozenset({110, 160, 213, 321})  # whose description says "reject"

# A number's last eight digits: 99990nnn a single outcome, 99991ccc code ccc, 99992ccc code ccc the first time only.
# In North America that is an area code ending in 9 and then 999-xxxx: +1 209 999 1301 fails with code 301. Eight digits,
# so that no campaign to a million numbers in a row runs into them.
SUFFIX = 100_000_000
_SPECIAL = 99_990_000
_ALWAYS_CODE = 99_991
_FIRST_CODE = 99_992


@dataclass(frozen=True, slots=True)
class Outcome:
    """A final status and code, or `never`: no report comes."""

    code: int
    status: str
    never: bool = False

    @property
    def reached_network(self) -> bool:
        """Whether an operator took the message, and so has a time of its own for it."""
        return self.code not in _OWN_CODES


GOOD = Outcome(0, DELIVERED)
NEVER = Outcome(401, "Dispatched", never=True)

_SINGLE = {
    99_990_001: Outcome(0, EXPIRED),  # code 0 beside a status that is not Delivered: Sinch does that
    99_990_002: Outcome(_NO_RECEIPT, UNKNOWN),
    99_990_003: NEVER,
    99_990_004: Outcome(257, "Deleted"),
    99_990_005: Outcome(321, "Rejected"),
}
REFUSED_SUFFIX = 99_990_010  # refused as `to[i]` with a 400


def of_code(code: int, status: str | None = None) -> Outcome:
    """The outcome of a code, with the status it comes with (Sinch documents that for 0 and 402-413 only).

    Queued and Dispatched are no outcomes: the message stays on its way for ever.
    """
    if status is not None:
        return Outcome(code, status)
    if code == 0:
        return GOOD
    if code in (QUEUED[0], DISPATCHED[0]):
        return NEVER
    if code == CANCELLED:
        return Outcome(code, "Cancelled")
    if code in _OWN_CODES:
        return Outcome(code, "Aborted")
    return Outcome(code, "Rejected" if code in _REJECTED else "Failed")


class Fates:
    """Decides, and remembers which numbers have failed before (their later messages may fare better)."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._failed: set[int] = set()
        self._failures: dict[int, int] = {}

    @property
    def remembered(self) -> int:
        """How many numbers are remembered, for the memory bound."""
        return len(self._failed) + len(self._failures)

    def unusual(self, to: Sequence[int], positions: Sequence[int]) -> dict[int, Outcome]:
        """By position, the outcomes of those messages that are not simply delivered."""
        if self._rules.fates:
            found = {position: self.outcome(to[position]) for position in positions}
            return {position: outcome for position, outcome in found.items() if outcome is not GOOD}
        if not self._rules.number_fates:
            return {}
        special = [position for position in positions if to[position] % SUFFIX >= _SPECIAL]
        return {position: self.outcome(to[position]) for position in special}

    def outcome(self, recipient: int) -> Outcome:
        """What becomes of the next message to this number."""
        if self._rules.fates:
            by_rule = self._by_rule(recipient)
            if by_rule is not None:
                return by_rule
        if self._rules.number_fates and recipient % SUFFIX >= _SPECIAL:
            return self._by_number(recipient, recipient % SUFFIX)
        return GOOD

    def _by_number(self, recipient: int, suffix: int) -> Outcome:
        group, code = divmod(suffix, 1000)
        if group == _ALWAYS_CODE:
            return of_code(code)
        if group == _FIRST_CODE:
            if recipient in self._failed:
                return GOOD
            self._failed.add(recipient)
            return of_code(code)
        return _SINGLE.get(suffix, GOOD)

    def _by_rule(self, recipient: int) -> Outcome | None:
        """The fate whose share the number falls into; each further message to a failed number falls anew."""
        before = self._failures.get(recipient, 0)
        chance = unit(self._rules.seed, "fate", recipient, before)
        text = str(recipient)
        for fate in self._rules.fates:
            if fate.recipient_prefix and not text.startswith(fate.recipient_prefix):
                continue
            if chance < fate.share:
                return self._taken(recipient, fate, before)
            chance -= fate.share
        return None

    def _taken(self, recipient: int, fate: Fate, before: int) -> Outcome:
        if fate.first_only and before:
            return GOOD
        if fate.never:
            return NEVER
        outcome = of_code(fate.code, fate.status)
        if outcome.status != DELIVERED:
            self._failures[recipient] = before + 1
        return outcome
