"""Recipients as clients give them → numbers, names and parameters, each number once, every wrong one named."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from contracts.http.campaigns import Recipient
from contracts.http.problems import Fault
from services.campaign.faults import faults_of, shown
from services.campaign.phones import NotAPhone, digits_of

Names = tuple[str | None, str | None]
"""First and last name."""


@dataclass(slots=True)
class Recipients:
    """What has been read so far. `parameters` has what was given for each number, in the order of the input.

    `region`: the country of numbers that are written without its code (two letters of ISO 3166); None: there are none.
    """

    region: str | None = None
    parameters: dict[str, dict[str, str]] = field(default_factory=dict)
    names: dict[str, Names] = field(default_factory=dict)
    duplicates: int = 0
    faults: list[Fault] = field(default_factory=list)

    def read(self, items: Sequence[Any], first: int) -> None:
        """Read `items`, which stand in the request from position `first` on."""
        for position, item in enumerate(items, start=first):
            if isinstance(item, str):
                self._take(item, position)
            elif isinstance(item, dict):
                self._take_object(item, position)
            else:
                self._refuse(position, "", item, "must be a number as text, or an object with `phone`")

    def _take(self, text: str, position: int, step: str = "", parameters: dict[str, str] | None = None) -> str | None:
        """Take one number; None when it is wrong or repeated."""
        digits = self._digits(text, position, step)
        if digits is None:
            return None
        if digits in self.parameters:
            self.duplicates += 1
            return None
        self.parameters[digits] = parameters or _NONE
        return digits

    def _digits(self, text: str, position: int, step: str) -> str | None:
        try:
            return digits_of(text, self.region)
        except NotAPhone as error:
            self._refuse(position, step, text, str(error))
            return None

    def _take_object(self, item: dict[str, Any], position: int) -> None:
        try:
            recipient = Recipient.model_validate(item)
        except ValidationError as error:
            self.faults += faults_of(error, f"/recipients/{position}")
            if isinstance(phone := item.get("phone"), str):
                self._digits(phone, position, "/phone")  # a wrong number is named, whatever else is wrong
            return
        digits = self._take(recipient.phone, position, "/phone", recipient.parameters)
        if digits is not None and (recipient.first_name or recipient.last_name):
            self.names[digits] = (recipient.first_name, recipient.last_name)

    def _refuse(self, position: int, step: str, value: Any, why: str) -> None:
        self.faults.append(Fault(pointer=f"/recipients/{position}{step}", value=shown(value), detail=why))


_NONE: dict[str, str] = {}
"""One empty dict for the many recipients that have no parameters. Never written to."""
