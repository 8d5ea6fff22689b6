"""Delivery reports that are asked for: of a batch, of one number in it, and the list of finished ones."""

from collections.abc import Callable, Iterator
from itertools import islice

from aiohttp import web

from infra.sinch.simulator import answers, http_input
from infra.sinch.simulator.fields import FORMAT, Rejected
from infra.sinch.simulator.plan import Plan
from infra.sinch.simulator.store import DISPATCHED_STATE, StoredBatch
from infra.sinch.wire.callback_bytes import encode_callback, recipient_report_fields
from infra.sinch.wire.msisdn import NotAnMsisdn, msisdn

Wanted = Callable[[StoredBatch, int], bool]


class ReportsApi:
    """Handlers on one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def routes(self, base: str) -> list[web.RouteDef]:
        """What is answered under the plan's path."""
        one = f"{base}/batches/{{id}}/delivery_report"
        return [
            web.route("GET", one, self.batch, name="report"),
            web.route("GET", f"{one}/{{recipient}}", self.recipient, name="recipient_report"),
            web.route("GET", f"{base}/delivery_reports", self.finished, name="reports"),
        ]

    async def batch(self, request: web.Request) -> web.Response:
        """`GET /batches/{id}/delivery_report?type=&status=&code=`."""
        kind = request.query.get("type", "summary")
        if kind not in ("summary", "full"):
            raise Rejected(400, FORMAT, f"'{kind[:40]}' is not a valid report type")
        statuses, codes = http_input.statuses(request), http_input.codes(request)
        batch = self._found(request)
        report = self._plan.reports.batch(batch, full=kind == "full", statuses=statuses, codes=codes)
        return answers.raw_json(encode_callback(report))

    async def recipient(self, request: web.Request) -> web.Response:
        """`GET /batches/{id}/delivery_report/{msisdn}`: 404 for a batch or a number that is not known."""
        batch = self._found(request)
        try:
            position = batch.position(msisdn(request.match_info["recipient"]))
        except NotAnMsisdn:
            position = None
        if position is None or batch.withdrawn:
            raise Rejected(404, "", "")
        return answers.raw_json(encode_callback(self._plan.reports.recipient(batch, position)))

    async def finished(self, request: web.Request) -> web.Response:
        """`GET /delivery_reports`: reports with a last status, by when they got it."""
        number, size = http_input.page(request)
        found = list(self._matching(request))
        count = sum(len(positions) for _, positions in found)
        each = ((batch, position) for batch, positions in found for position in positions)
        page = [
            recipient_report_fields(self._plan.reports.recipient(batch, position))
            for batch, position in islice(each, number * size, (number + 1) * size)
        ]
        return answers.json({"count": count, "page": number, "page_size": len(page), "delivery_reports": page})

    def _matching(self, request: web.Request) -> Iterator[tuple[StoredBatch, list[int]]]:
        """The batches with finished messages that pass the filters, and the positions of these."""
        start, end = http_input.window(request, self._plan.timeline.now())
        statuses, codes = http_input.statuses(request), http_input.codes(request)
        for batch in self._plan.store.newest_first(request.query.get("client_reference")):
            positions = [
                position
                for position, (state, at) in enumerate(zip(batch.states, batch.at, strict=True))
                if state > DISPATCHED_STATE and start <= at < end and self._passes(state, statuses, codes)
            ]
            if positions:
                yield batch, positions

    def _passes(self, state: int, statuses: set[str], codes: set[int]) -> bool:
        outcome = self._plan.store.outcomes[state]
        return (not statuses or outcome.status.lower() in statuses) and (not codes or outcome.code in codes)

    def _found(self, request: web.Request) -> StoredBatch:
        batch = self._plan.visible(request.match_info["id"])
        if batch is None:
            raise Rejected(404, "", "")
        return batch
