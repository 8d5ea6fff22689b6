"""Placeholders of a message: every recipient needs a value for each.

Sinch fills `${key}` where the batch's parameters have the key, case and all (CONTRACT §1.1). Who has no value of his own
and finds no default gets nothing: his message ends with code 405, "Unmatched Parameter". A key that no parameter has
stays in the text as it stands, and people read `${amount}`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from contracts.http.campaigns import MAX_MESSAGE_CHARACTERS, MAX_PARAMETER_VALUE_CHARACTERS
from contracts.http.problems import Fault
from infra.sinch.wire.parts import PLACEHOLDER
from services.campaign.faults import MOST_FAULTS, Faults

CODE = "Sinch would end this message with code 405 (Unmatched Parameter)"
FORM = "a placeholder is `${name}`, its name 1 to 16 letters, digits, dots, dashes and underscores"
EMPTY = "the message is empty for this recipient: its placeholders have empty values and nothing else stands in it"
LONGEST = f"Sinch takes {MAX_MESSAGE_CHARACTERS:,} and does not say what becomes of more"

_OPENED = re.compile(r"\$\{[^}\n]{0,40}\}?")
_OTHER_FORMS = re.compile(
    r"(?<!\$)\{\{?\s*([A-Za-z][A-Za-z0-9_.-]{0,15})\s*\}\}?|\$([A-Za-z][A-Za-z0-9_]{0,15})\b|%([A-Za-z][A-Za-z0-9_]{0,15})%"
)
"""How other programs write a placeholder: `{name}`, `{{name}}`, `$name`, `%name%`. Sinch sends them as they stand."""


@dataclass(slots=True)
class _Missing:
    """A key that some recipients have no value for: how many, where the first stand, and a key that differs by case."""

    count: int = 0
    positions: list[int] = field(default_factory=list)
    alike: str | None = None


class Placeholders:
    """What a message needs of each recipient's parameters. `defaults` are the campaign's own, for who has none."""

    def __init__(self, message: str, defaults: Mapping[str, str]) -> None:
        self._message = message
        self._defaults = defaults
        self._uses = Counter(PLACEHOLDER.findall(message) if "${" in message else ())
        self._needed = frozenset(self._uses) - frozenset(defaults)
        literal = PLACEHOLDER.sub("", message) if self._uses else message
        self._literal = len(literal)
        most = self._literal + sum(self._uses.values()) * MAX_PARAMETER_VALUE_CHARACTERS
        self._measures = bool(self._uses) and (most > MAX_MESSAGE_CHARACTERS or not literal.strip())
        self._foreign = _foreign(message)
        self._filled = self._foreign.keys() & defaults.keys()
        self.are_none = not self._uses and not self._foreign
        """Whether no recipient can have a value wrong, so that there is nothing to check."""
        self._recipients = 0
        self._missing: dict[str, _Missing] = {}
        self._faults = Faults(_malformed(message))

    def check(self, position: int, own: Mapping[str, str]) -> None:
        """Judge one recipient by the values that are his own."""
        self._recipients += 1
        if not self._needed <= own.keys():
            self._miss(position, own)
        elif self._measures:
            self._measure(position, own)
        if self._foreign:
            self._filled |= self._foreign.keys() & own.keys()

    def faults(self) -> Faults:
        """What is wrong, once every recipient was checked: first what is so for all of them."""
        found = Faults(self._said_otherwise())
        for key in self._uses:
            if (missing := self._missing.get(key)) is not None:
                self._tell(key, missing, found)
        found.add_all(self._faults)
        return found

    def _miss(self, position: int, own: Mapping[str, str]) -> None:
        for key in self._needed - own.keys():
            missing = self._missing.setdefault(key, _Missing())
            missing.count += 1
            if len(missing.positions) < MOST_FAULTS:
                missing.positions.append(position)
            if missing.alike is None and own:
                missing.alike = next((name for name in own if name.lower() == key.lower()), None)

    def _measure(self, position: int, own: Mapping[str, str]) -> None:
        values = {key: own.get(key, self._defaults.get(key, "")) for key in self._uses}
        length = self._literal + sum(len(values[key]) * uses for key, uses in self._uses.items())
        if length > MAX_MESSAGE_CHARACTERS:
            why = f"the message has {length:,} characters for this recipient with its placeholders filled in; {LONGEST}"
            self._faults.add(_about(position, why))
        elif not PLACEHOLDER.sub(lambda found: values[found[1]], self._message).strip():
            self._faults.add(_about(position, EMPTY))

    def _tell(self, key: str, missing: _Missing, found: Faults) -> None:
        alike = missing.alike or next((name for name in self._defaults if name.lower() == key.lower()), None)
        hint = f". A value for `{alike}` does not count: upper and lower case differ" if alike else ""
        if missing.count == self._recipients:
            why = (
                f"has `${{{key}}}`, for which no recipient has a value, so people would read the placeholder or get nothing: "
                f"give each recipient one in its `parameters`, or all of them one in the request's{hint}"
            )
            found.add(Fault(pointer="/message", value=f"${{{key}}}", detail=why))
            return
        why = (
            f"has no value for `${{{key}}}` of the message, and the request's `parameters` have none for all: {CODE}. "
            f"Give it one, or all of them one{hint}"
        )
        found.add(*[_about(position, why) for position in missing.positions])
        found.count += missing.count - len(missing.positions)

    def _said_otherwise(self) -> Iterator[Fault]:
        for key in sorted(self._filled - self._uses.keys()):
            written = self._foreign[key]
            why = f"`{written}` is sent as it stands, though there is a value for `{key}`: write `${{{key}}}`"
            yield Fault(pointer="/message", value=written, detail=why)


def _about(position: int, why: str) -> Fault:
    return Fault(pointer=f"/recipients/{position}", detail=why)


def _foreign(message: str) -> dict[str, str]:
    """Key → how it is written, of what another program would take for a placeholder."""
    found = _OTHER_FORMS.finditer(message) if "{" in message or "$" in message or "%" in message else ()
    return {next(filter(None, match.groups())): match[0] for match in found}


def _malformed(message: str) -> Iterator[Fault]:
    """What begins like a placeholder and is none: people would read it as it stands."""
    for match in _OPENED.finditer(message):
        if PLACEHOLDER.match(message, match.start()) is None:
            why = f"`{match[0]}` is sent as it stands: {FORM}"
            yield Fault(pointer="/message", value=match[0], detail=why)
