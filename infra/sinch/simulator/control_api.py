"""The simulator's own calls: rules, time, reset, and what it did, for tests to read."""

from collections.abc import Iterator

import msgspec
from aiohttp import web

from infra.sinch.simulator import answers, http_input
from infra.sinch.simulator.fields import FORMAT, Rejected, violated, wrong
from infra.sinch.simulator.plan import Plan
from infra.sinch.simulator.reports import at_text
from infra.sinch.simulator.rules import Rules, WrongRule, decode_rules, rules_schema
from infra.sinch.simulator.store import StoredBatch
from infra.sinch.wire.timestamps import NotATimestamp, moment

_LONGEST_ADVANCE = 400 * 86_400.0  # seconds
_LINES_AT_ONCE = 5000
_MOST_TRIES = 10_000


class ControlApi:
    """Handlers on one plan; they ask for no token."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def routes(self) -> list[web.RouteDef]:
        """What is answered under /simulator."""
        return [
            web.route("GET", "/simulator/rules", self.get_rules),
            web.route("PUT", "/simulator/rules", self.put_rules),
            web.route("DELETE", "/simulator/rules", self.delete_rules),
            web.route("GET", "/simulator/rules/schema", self.schema),
            web.route("GET", "/simulator/clock", self.get_clock),
            web.route("POST", "/simulator/clock", self.post_clock),
            web.route("POST", "/simulator/reset", self.reset),
            web.route("GET", "/simulator/sends", self.sends),
            web.route("GET", "/simulator/fates", self.fates),
            web.route("GET", "/simulator/callbacks", self.callbacks),
            web.route("GET", "/simulator/state", self.state),
        ]

    async def get_rules(self, request: web.Request) -> web.Response:
        """The rules in force."""
        del request
        return answers.json(self._plan.rules)

    async def put_rules(self, request: web.Request) -> web.Response:
        """Other rules; what is left out is as by default. 400 with the place of the mistake."""
        await http_input.body_object(request)
        try:
            self._plan.follow(decode_rules(await http_input.body_bytes(request)))
        except WrongRule as error:
            raise Rejected(400, "invalid_rule", str(error)) from error
        return answers.json(self._plan.rules)

    async def delete_rules(self, request: web.Request) -> web.Response:
        """The default rules."""
        del request
        self._plan.follow(Rules())
        return answers.json(self._plan.rules)

    async def schema(self, request: web.Request) -> web.Response:
        """The JSON Schema of the rules."""
        del request
        return answers.json(rules_schema())

    async def get_clock(self, request: web.Request) -> web.Response:
        """The simulated time."""
        del request
        return answers.json({"now": at_text(self._plan.timeline.now())})

    async def post_clock(self, request: web.Request) -> web.Response:
        """`{"advance": seconds}` or `{"to": time}`: time moves on, everything due happens, then the answer comes."""
        fields = await http_input.body_object(request)
        await self._plan.advance(self._seconds(fields))
        return await self.get_clock(request)

    async def reset(self, request: web.Request) -> web.Response:
        """Forget everything: batches, messages, rules, time."""
        del request
        self._plan.reset()
        return web.Response(status=204)

    async def sends(self, request: web.Request) -> web.Response:
        """Every batch accepted, each number once in its entry; `?summary=1` counts instead."""
        batches = self._accepted(request)
        evicted = self._plan.store.evicted
        if request.query.get("summary") in ("1", "true"):
            return answers.json(summary(batches) | {"evicted": evicted})
        entries = [self._entry(batch) for batch in batches]
        return answers.json({"count": len(entries), "evicted": evicted, "sends": entries})

    async def fates(self, request: web.Request) -> web.StreamResponse:
        """The state of every message, one JSON object a line."""
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        lines = bytearray()
        for count, line in enumerate(self._fate_lines(self._accepted(request)), 1):
            lines += line
            if count % _LINES_AT_ONCE == 0:
                await response.write(bytes(lines))
                lines.clear()
        await response.write(bytes(lines))
        await response.write_eof()
        return response

    async def callbacks(self, request: web.Request) -> web.Response:
        """The last tries, newest first, each with its answer; and the counts of all."""
        limit = http_input.number(request, "limit", 100, _MOST_TRIES)
        batch_id, recipient = request.query.get("batch_id"), request.query.get("recipient")
        found = [
            one
            for one in reversed(self._plan.deliverer.log)
            if (batch_id is None or one.batch_id == batch_id) and (recipient is None or one.recipient == recipient)
        ]
        return answers.json(
            {**self._plan.deliverer.counts, "dropped": self._plan.outbox.dropped, "callbacks": found[:limit]}
        )

    async def state(self, request: web.Request) -> web.Response:
        """Figures: time, batches, queue, memory."""
        del request
        plan = self._plan
        return answers.json(
            {
                "now": at_text(plan.timeline.now()),
                "batches_accepted": plan.store.accepted,
                "batches_kept": len(plan.store),
                "batches_evicted": plan.store.evicted,
                "recipients_queued": len(plan.lives.queue),
                "agenda": plan.timeline.waiting,
                "memory_used": plan.store.used + plan.outbox.waiting_bytes,
                "memory_allowed": plan.settings.memory_bytes,
                "inbounds": len(plan.inbounds),
                "callback_limit": int(plan.deliverer.limit),
                **plan.deliverer.counts,
            }
        )

    def _seconds(self, fields: dict[str, object]) -> float:
        advance, to = fields.get("advance"), fields.get("to")
        if isinstance(to, str) and advance is None:
            try:
                advance = moment(to).timestamp() - self._plan.timeline.now()
            except NotATimestamp:
                raise wrong("to", "it must be an ISO 8601 timestamp") from None
        if not isinstance(advance, int | float) or isinstance(advance, bool):
            raise Rejected(400, FORMAT, "Either 'advance' (seconds) or 'to' (a timestamp) is required.")
        if not 0 <= advance <= _LONGEST_ADVANCE:
            raise violated("advance", "must lead into the future, by 400 days at most")
        return float(advance)

    def _accepted(self, request: web.Request) -> list[StoredBatch]:
        prefix = request.query.get("client_reference_prefix", request.query.get("client_reference", ""))
        return [
            batch
            for batch in self._plan.store.oldest_first()
            if not prefix or batch.fields.get("client_reference", "").startswith(prefix)
        ]

    def _entry(self, batch: StoredBatch) -> dict[str, object]:
        return {
            "batch_id": batch.id,
            "client_reference": batch.fields.get("client_reference"),
            "accepted_at": at_text(batch.created),
            "from": batch.fields.get("from"),
            "body": batch.fields.get("body"),
            "canceled": batch.canceled,
            "recipients": list(map(str, dict.fromkeys(batch.to))),
        }

    def _fate_lines(self, batches: list[StoredBatch]) -> Iterator[bytes]:
        for batch in batches:
            reference = batch.fields.get("client_reference")
            for recipient, state in zip(batch.to, batch.states, strict=True):
                outcome = self._plan.store.outcomes[state]
                line = {"recipient": str(recipient), "status": outcome.status, "code": outcome.code}
                yield msgspec.json.encode({**line, "client_reference": reference}) + b"\n"


def summary(batches: list[StoredBatch]) -> dict[str, object]:
    """How many batches, messages and distinct numbers, and which numbers are in more than one batch."""
    seen: set[int] = set()
    again: dict[int, int] = {}
    messages = 0
    for batch in batches:
        once = set(batch.to)
        messages += len(once)
        for number in seen & once:
            again[number] = again.get(number, 1) + 1
        seen |= once
    return {
        "batches": len(batches),
        "messages": messages,
        "recipients": len(seen),
        "sent_more_than_once": [{"recipient": str(number), "sends": sends} for number, sends in sorted(again.items())],
    }
