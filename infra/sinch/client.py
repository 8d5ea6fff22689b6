"""Sinch's SMS API as calls. What may be done twice and what may not, the caller decides from the error's name.

Source of paths and statuses: Sinch's REST guide. Nothing here retries: a second POST is a second message.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Self, TypeVar
from urllib.parse import quote

import aiohttp

from infra.process.world import Clock
from infra.sinch.deadline import GuardedBody
from infra.sinch.outcomes import InDoubt, NoAnswer, NotSent, is_sinchs, of_question, of_send
from infra.sinch.transport import FAILURES, Account, Answer, Timeouts, Transport
from infra.sinch.wire.batches import MAX_PAGE_SIZE, Batch, SendBatch, UnreadableReply, decode_batch, decode_page, encode
from infra.sinch.wire.callbacks import BatchReport, RecipientReport, parse_callback
from infra.sinch.wire.fields import UnreadableCallback
from infra.sinch.wire.reports import decode_report_page

MAX_PAGES = 10_000  # of one list; more is a list that never ends
MAX_FOUND_PAGES = 20  # of the batches of one reference, which is one batch unless something went very wrong
MAX_ID_CHARS = 128  # of a batch: Sinch's have 16 to 26 (CONTRACT §1.0)

_OK, _CREATED, _NOT_FOUND = 200, 201, 404

T = TypeVar("T")
_OneBatch = TypeVar("_OneBatch", Batch, BatchReport, RecipientReport)


class SinchClient:
    """One service plan at Sinch. The session is the caller's; `open` makes one."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        account: Account,
        clock: Clock,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.timeouts = timeouts or Timeouts()
        self.ahead: float | None = None
        """Seconds by which Sinch's clock was ahead of ours at its last answer; None: it never told."""
        self._clock = clock
        self._transport = Transport(session, account, self.timeouts)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        account: Account,
        clock: Clock,
        *,
        timeouts: Timeouts | None = None,
        connections: int = 100,
    ) -> AsyncIterator[Self]:
        """A client with a session of its own, closed at the end; at most `connections` requests at a time."""
        connector = aiohttp.TCPConnector(limit=connections)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield cls(session, account, clock, timeouts)

    async def send(self, batch: SendBatch, *, deadline: float | None = None) -> Batch:
        """Offer a batch. `deadline` in seconds of `Clock.boot()`: after it the body does not leave.

        Raises NotSent, SlowDown, Refused, Blocked or InDoubt; when cancelled, the batch is in doubt.
        """
        body = GuardedBody(encode(batch), self._clock, deadline)
        try:
            answer = await self._transport.ask("POST", "/batches", body=body)
        except FAILURES as error:
            if body.refused:
                raise NotSent("the deadline passed before the write", unreached=False) from error
            if not body.left:
                raise NotSent(type(error).__name__) from error
            raise InDoubt(type(error).__name__) from error
        self._heard(answer)
        if answer.status == _CREATED:
            return _accepted(answer.body, batch)
        raise of_send(answer, self._clock.unix())

    async def find(self, client_reference: str, start_date: str) -> list[Batch]:
        """The batches that carry exactly this reference, from all pages.

        An empty list is Sinch's word that its list has none now. Raises NoAnswer unless every page is a well-formed 200
        whose items all carry the reference; SlowDown, Blocked and Refused as for send.
        """
        found: dict[str, Batch] = {}
        query = {"client_reference": client_reference, "start_date": start_date, "page_size": str(MAX_PAGE_SIZE)}
        for number in range(MAX_FOUND_PAGES):
            page = await self._page("/batches", query, number, decode_page)
            if any(batch.client_reference != client_reference for batch in page.batches):
                raise NoAnswer("the list holds a batch of another reference")
            found.update((batch.id, batch) for batch in page.batches)
            if _is_last(page.page, page.count, len(page.batches), number, len(found)):
                return list(found.values())
        raise NoAnswer("the list does not end")

    async def batches(self, start_date: str) -> AsyncIterator[list[Batch]]:
        """All batches of the plan created from `start_date` on, by pages, newest first. Raises as `find` does.

        While nothing is sent the list stands still; a batch that came meanwhile may show another one a second time.
        """
        found = 0
        for number in range(MAX_PAGES):
            page = await self._page(
                "/batches", {"start_date": start_date, "page_size": str(MAX_PAGE_SIZE)}, number, decode_page
            )
            found += len(page.batches)
            yield page.batches
            if _is_last(page.page, page.count, len(page.batches), number, found):
                return
        raise NoAnswer("the list does not end")

    async def get(self, batch_id: str) -> Batch | None:
        """The batch, or None when Sinch does not know it (or not yet). Raises NoAnswer, SlowDown, Blocked, Refused."""
        answer = await self._read("GET", f"/batches/{_segment(batch_id)}")
        return None if answer is None else _about(batch_id, _readable(decode_batch, answer.body))

    async def cancel(self, batch_id: str) -> Batch | None:
        """Cancel what has not gone out; None when Sinch does not know the batch. May be repeated after NoAnswer."""
        answer = await self._read("DELETE", f"/batches/{_segment(batch_id)}")
        return None if answer is None else _about(batch_id, _readable(decode_batch, answer.body))

    async def recipient_report(self, batch_id: str, recipient: str) -> RecipientReport | None:
        """What became of one number of a batch; None when the batch or the number in it is unknown."""
        path = f"/batches/{_segment(batch_id)}/delivery_report/{_segment(recipient)}"
        answer = await self._read("GET", path)
        return None if answer is None else _about(batch_id, _readable(_recipient_report, answer.body))

    async def batch_report(self, batch_id: str, *, full: bool = True) -> BatchReport | None:
        """The counts of a batch, with its numbers when `full`; None when the batch is unknown."""
        params = {"type": "full" if full else "summary"}
        answer = await self._read("GET", f"/batches/{_segment(batch_id)}/delivery_report", params)
        return None if answer is None else _about(batch_id, _readable(_batch_report, answer.body))

    async def delivery_reports(
        self,
        start_date: str,
        *,
        end_date: str | None = None,
        client_reference: str | None = None,
        status: Sequence[str] = (),
        code: Sequence[int] = (),
    ) -> list[RecipientReport]:
        """All finished reports finalised from `start_date` on (before `end_date`), from all pages."""
        query = {"start_date": start_date, "page_size": str(MAX_PAGE_SIZE), "end_date": end_date or ""}
        query |= {"client_reference": client_reference or "", "status": ",".join(status)}
        query["code"] = ",".join(map(str, code))
        query = {name: value for name, value in query.items() if value}
        found: list[RecipientReport] = []
        for number in range(MAX_PAGES):
            page = await self._page("/delivery_reports", query, number, decode_report_page)
            found += page.delivery_reports
            if _is_last(page.page, page.count, len(page.delivery_reports), number, len(found)):
                return found
        raise NoAnswer("the list does not end")

    async def _page(self, path: str, query: Mapping[str, str], number: int, decode: Callable[[bytes], T]) -> T:
        """One page of a list, read. A list's path is always there: 404 means that the plan or the base URL is wrong."""
        answer = await self._exchange("GET", path, {**query, "page": str(number)})
        if answer.status != _OK:
            raise of_question(answer, self._clock.unix())
        return _readable(decode, answer.body)

    async def _read(self, method: str, path: str, params: Mapping[str, str] | None = None) -> Answer | None:
        """The 200 of a request that may be repeated, None for a 404 that can be Sinch's."""
        answer = await self._exchange(method, path, params)
        if answer.status == _NOT_FOUND and is_sinchs(answer):
            return None
        if answer.status != _OK:
            raise of_question(answer, self._clock.unix())
        return answer

    async def _exchange(self, method: str, path: str, params: Mapping[str, str] | None) -> Answer:
        """An answer of this moment. Raises NoAnswer for a failed exchange, and for one that a cache gave."""
        try:
            answer = await self._transport.ask(method, path, params=params)
        except FAILURES as error:
            raise NoAnswer(type(error).__name__) from error
        self._heard(answer)
        if answer.age not in (None, "0"):
            raise NoAnswer("the answer came out of a cache")
        return answer

    def _heard(self, answer: Answer) -> None:
        """What every answer tells, whatever it says."""
        theirs = answer.unix
        if theirs is not None:
            self.ahead = theirs - self._clock.unix()


def _accepted(raw: bytes, sent: SendBatch) -> Batch:
    """The batch of a 201. Raises InDoubt when it cannot be read or is not the one that was sent."""
    try:
        batch = decode_batch(raw)
    except UnreadableReply as error:
        raise InDoubt("the 201 cannot be read") from error
    if batch.client_reference not in (sent.client_reference, None):
        raise InDoubt("the 201 is about another reference")
    if batch.client_reference is None and _numbers(batch.to) != _numbers(sent.to):
        raise InDoubt("the 201 shows neither our reference nor our recipients")
    if len(batch.id) > MAX_ID_CHARS:
        raise InDoubt("the 201 has an id that cannot be Sinch's")
    return batch


def _numbers(recipients: Sequence[str]) -> set[str]:
    """The recipients as Sinch and we may both write them."""
    return {recipient.removeprefix("+") for recipient in recipients}


def _about(batch_id: str, answer: _OneBatch) -> _OneBatch:
    """The answer, which must be about this batch. Raises NoAnswer."""
    told = answer.id if isinstance(answer, Batch) else answer.batch_id
    if told != batch_id:
        raise NoAnswer("the 200 is about another batch")
    return answer


def _readable(decode: Callable[[bytes], T], raw: bytes) -> T:
    """The body of a 200, read. Raises NoAnswer when it cannot be."""
    try:
        return decode(raw)
    except (UnreadableReply, UnreadableCallback) as error:
        raise NoAnswer(f"the 200 cannot be read: {error}") from error


def _recipient_report(raw: bytes) -> RecipientReport:
    report = parse_callback(raw)
    if not isinstance(report, RecipientReport):
        raise UnreadableReply("not a recipient's report")
    return report


def _batch_report(raw: bytes) -> BatchReport:
    report = parse_callback(raw)
    if not isinstance(report, BatchReport):
        raise UnreadableReply("not a batch's report")
    return report


def _is_last(page: int, count: int, items: int, asked: int, found: int) -> bool:
    """Whether the list is complete. Raises NoAnswer when the page is another one or the list ends before its count."""
    if page != asked:
        raise NoAnswer(f"page {page} came for page {asked}")
    if found >= count:
        return True
    if not items:
        raise NoAnswer(f"the list counts {count} items and shows {found}")
    return False


def _segment(text: str) -> str:
    """A value as one segment of a path."""
    return quote(text, safe="")
