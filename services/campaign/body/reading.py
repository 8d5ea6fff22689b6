"""A request to send → its recipients, its faults, and the hash by which a repetition of it is known."""

import hashlib
from collections.abc import Iterator
from typing import Any

import orjson

from contracts.http.campaigns import MAX_RECIPIENTS, Pages, SendRequest
from contracts.http.problems import Fault
from infra.process.world import Clock
from services.campaign.body.pauses import Pauses
from services.campaign.checks.placeholders import Placeholders
from services.campaign.faults import Faults, in_words
from services.campaign.phones import NO_SUCH_REGION, is_region
from services.campaign.problems import CorrectTheRequest
from services.campaign.recipients import Recipients

AT_A_TIME = 100  # recipients between two looks at the time
TOO_MANY = f"may have at most {MAX_RECIPIENTS:,} entries"


class BodyHash:
    """SHA-256 of a request as JSON with sorted names, made page by page. Order of fields and spaces do not matter."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256(b"[[")
        self._is_first = True

    def add(self, page: list[Any]) -> None:
        """The next recipients."""
        raw = orjson.dumps(page, option=orjson.OPT_SORT_KEYS)[1:-1]
        self._hash.update(raw if self._is_first else b"," + raw)
        self._is_first = False

    def of(self, request: SendRequest) -> bytes:
        """The hash, with the request's other fields behind its recipients."""
        options = request.model_dump(exclude={"recipients"}, exclude_unset=True)
        self._hash.update(b"]," + orjson.dumps(options, option=orjson.OPT_SORT_KEYS) + b"]")
        return self._hash.digest()


class Reading:
    """Reads one request in slices. `faults` are those that were found before."""

    def __init__(self, request: SendRequest, region: str | None, faults: list[Fault], clock: Clock) -> None:
        self._request = request
        self._pauses = Pauses(clock)
        self._faults = Faults()
        own = request.default_region
        if own is not None and not is_region(own):
            self._faults.add(Fault(pointer="/default_region", value=own, detail=NO_SUCH_REGION))
            own = None
        if not request.message.strip():
            self._faults.add(Fault(pointer="/message", value=request.message, detail="must not be empty"))
        self._faults.add(*faults)
        self.recipients = Recipients(own or region, Placeholders(request.message, request.parameters or {}))

    async def read(self, body_hash: BodyHash | None = None) -> None:
        """Read every recipient, whatever is wrong with some."""
        for page in _pages(self._request.recipients):
            for first in range(0, len(page), AT_A_TIME):
                self.recipients.read(page[first : first + AT_A_TIME])
                await self._pauses.when_due()
            if body_hash is not None:
                body_hash.add(page)
                await self._pauses.when_due()
            if self.recipients.count > MAX_RECIPIENTS:
                break

    async def forget(self) -> None:
        """Let go of what was read, slice by slice: to free a million entries at once takes 50 ms."""
        read = self.recipients
        for entries in (read.parameters, read.names):
            while len(entries) > AT_A_TIME:
                for _ in range(AT_A_TIME):
                    entries.popitem()
                await self._pauses.when_due()

    def refuse_faults(self) -> None:
        """Raise CorrectTheRequest with all that is wrong, if anything is."""
        read = self.recipients
        if read.count > MAX_RECIPIENTS or read.count == 0:
            self._faults.add(Fault(pointer="/recipients", detail=TOO_MANY if read.count else "must not be empty"))
        self._faults.add_all(read.placeholders.faults())
        if self._faults.count:
            detail = in_words(self._faults.first)
            self._faults.add_all(read.faults)
            raise CorrectTheRequest(detail, errors=self._faults)
        if read.faults.count:
            detail = (
                f"{read.wrong:,} of {read.count:,} recipients cannot be accepted, and nothing was sent: see `errors`."
            )
            raise CorrectTheRequest(detail, errors=read.faults, code="invalid_recipients")


def _pages(given: Any) -> Iterator[list[Any]]:
    return given.pages() if isinstance(given, Pages) else iter([given])
