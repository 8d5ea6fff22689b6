"""How many parts of SMS a campaign becomes: what is billed. The same count as the provider's (infra/sinch/wire/parts.py).

Most texts need no look at every character for every recipient: where no character counts twice, parts follow from lengths
(1 µs a recipient with parameters, where counting the filled-in text takes 10).
"""

from collections.abc import Mapping

from infra.process.world import Clock
from infra.sinch.wire.parts import (
    GSM_BASIC,
    GSM_EXTENSION,
    PLACEHOLDER,
    SEPTETS_ALONE,
    SEPTETS_JOINED,
    UNITS_ALONE,
    UNITS_JOINED,
    parts,
)
from services.campaign.body.pauses import Pauses

_GSM = GSM_BASIC | GSM_EXTENSION
_LAST_SINGLE = "\uffff"  # characters behind it are two UTF-16 units
AT_A_TIME = 500  # recipients between two looks at the time


class MessageParts:
    """The parts of one template. `defaults`: values for recipients that have none of their own."""

    def __init__(self, body: str, defaults: Mapping[str, str]) -> None:
        pieces = PLACEHOLDER.split(body)  # text, key, text, key, …, text
        self._texts, self._keys = pieces[::2], pieces[1::2]
        self._defaults = [defaults.get(key, f"${{{key}}}") for key in self._keys]
        fixed = "".join(self._texts)
        self._length = len(fixed)
        self._is_unicode = not _GSM.issuperset(fixed)
        self._is_simple = all(map(self._is_narrow, self._texts))
        self._without_own = self._count(self._defaults)

    def of(self, own: Mapping[str, str]) -> int:
        """The parts of one recipient's message."""
        if not own or not self._keys:
            return self._without_own
        return self._count([own.get(key, default) for key, default in zip(self._keys, self._defaults, strict=True)])

    async def of_all(self, recipients: Mapping[str, Mapping[str, str]], clock: Clock) -> int:
        """The parts of everybody's, in slices. `recipients`: by number their own values."""
        if not self._keys:
            return self._without_own * len(recipients)
        pauses, total = Pauses(clock), 0
        for number, own in enumerate(recipients.values()):
            total += self.of(own)
            if number % AT_A_TIME == 0:
                await pauses.when_due()
        return total

    def _is_narrow(self, text: str) -> bool:
        """True where every character counts once, and none changes the encoding."""
        return max(text, default="") <= _LAST_SINGLE if self._is_unicode else GSM_BASIC.issuperset(text)

    def _count(self, values: list[str]) -> int:
        if not (self._is_simple and all(map(self._is_narrow, values))):
            return parts(self._filled(values)).count
        units = self._length + sum(map(len, values))
        alone, joined = (UNITS_ALONE, UNITS_JOINED) if self._is_unicode else (SEPTETS_ALONE, SEPTETS_JOINED)
        return 1 if units <= alone else -(-units // joined)

    def _filled(self, values: list[str]) -> str:
        pieces = [piece for pair in zip(self._texts, values, strict=False) for piece in pair]
        return "".join([*pieces, self._texts[-1]])
