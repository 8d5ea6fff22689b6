"""Recipients as clients give them → numbers, names and parameters, each number once, every wrong one named."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from contracts.http.campaigns import Recipient
from contracts.http.problems import Fault
from services.campaign.checks.placeholders import Placeholders
from services.campaign.faults import Faults, faults_of, shown
from services.campaign.phones import NotAPhone, digits_of

Names = tuple[str | None, str | None]
"""First and last name."""


@dataclass(slots=True)
class Recipients:
    """What has been read so far. `parameters` has what was given for each number, in the order of the input.

    `region`: the country of numbers that are written without its code (two letters of ISO 3166); None: there are none.
    `count`: how many entries were read; `wrong`: how many of them are none that can be sent to.
    """

    region: str | None = None
    placeholders: Placeholders = field(default_factory=lambda: Placeholders("", {}))
    parameters: dict[str, dict[str, str]] = field(default_factory=dict)
    names: dict[str, Names] = field(default_factory=dict)
    duplicates: int = 0
    count: int = 0
    wrong: int = 0
    faults: Faults = field(default_factory=Faults)

    def read(self, items: Sequence[Any]) -> None:
        """Read `items`, which follow what was read before."""
        first = self.count
        self.count += len(items)
        if items and isinstance(items[0], dict) and self._read_objects(items, first):
            return
        for position, item in enumerate(items, start=first):
            if isinstance(item, str):
                self._take(item, position)
            elif isinstance(item, dict):
                self._take_object(item, position)
            else:
                self._refuse(position, "", item, "must be a number as text, or an object with `phone`")

    def _read_objects(self, items: Sequence[Any], first: int) -> bool:
        """Read all of them at once, which takes two thirds of the time; nothing of them if one is no right object."""
        try:
            recipients = _OBJECTS.validate_python(items)
        except ValidationError:
            return False
        for position, recipient in enumerate(recipients, start=first):
            self._take_recipient(recipient, position)
        return True

    def _take(self, text: str, position: int, step: str = "", parameters: dict[str, str] | None = None) -> str | None:
        """Take one number; None when it is wrong or repeated."""
        try:
            digits = digits_of(text, self.region)
        except NotAPhone as error:
            self._refuse(position, step, text, str(error))
            return None
        if digits in self.parameters:
            self.duplicates += 1
            return None
        self.parameters[digits] = own = parameters or _NONE
        if not self.placeholders.are_none:
            self.placeholders.check(position, own)
        return digits

    def _take_object(self, item: dict[str, Any], position: int) -> None:
        try:
            recipient = Recipient.model_validate(item)
        except ValidationError as error:
            self._refuse_object(item, position, error)
            return
        self._take_recipient(recipient, position)

    def _take_recipient(self, recipient: Recipient, position: int) -> None:
        digits = self._take(recipient.phone, position, "/phone", recipient.parameters)
        if digits is not None and (recipient.first_name or recipient.last_name):
            self.names[digits] = (recipient.first_name, recipient.last_name)

    def _refuse_object(self, item: dict[str, Any], position: int, error: ValidationError) -> None:
        self.wrong += 1
        if self.faults.is_full:
            self.faults.count += error.error_count()  # naming them takes a hundred times as long
        else:
            self.faults.add(*faults_of(error, f"/recipients/{position}"))
        if not isinstance(phone := item.get("phone"), str):
            return
        try:  # a wrong number is named, whatever else is wrong
            digits_of(phone, self.region)
        except NotAPhone as why:
            self._name(position, "/phone", phone, str(why))

    def _refuse(self, position: int, step: str, value: Any, why: str) -> None:
        self.wrong += 1
        self._name(position, step, value, why)

    def _name(self, position: int, step: str, value: Any, why: str) -> None:
        if self.faults.is_full:
            self.faults.count += 1
        else:
            self.faults.add(Fault(pointer=f"/recipients/{position}{step}", value=shown(value), detail=why))


_OBJECTS = TypeAdapter(list[Recipient])
_NONE: dict[str, str] = {}
"""One empty dict for the many recipients that have no parameters. Never written to."""
