"""`/batches`: send, list, dry run, get, update, replace, cancel, delivery feedback."""

from array import array
from typing import Any

from aiohttp import web

from infra.sinch.simulator import answers, http_input
from infra.sinch.simulator.dry_run import dry_run_reply
from infra.sinch.simulator.fates import REFUSED_SUFFIX, SUFFIX
from infra.sinch.simulator.fields import CONSTRAINT, Rejected, violated
from infra.sinch.simulator.plan import Plan
from infra.sinch.simulator.reports import at_text
from infra.sinch.simulator.requests import (
    Draft,
    check_together,
    not_acceptable,
    read_fields,
    read_recipients,
    read_send,
)
from infra.sinch.simulator.store import StoredBatch
from infra.sinch.wire.batches import MAX_RECIPIENTS, Batch, encode
from infra.sinch.wire.msisdn import address
from infra.sinch.wire.timestamps import on_the_wire

BATCH_ID = web.RequestKey("batch_id", str)  # of the batch that this request made

_MOST_CHANGED = 100  # numbers in to_add and to_remove
_CLEARABLE = frozenset({"delivery_report", "send_at", "expire_at", "callback_url", "parameters", "client_reference"})


class BatchesApi:
    """Handlers on one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def routes(self, base: str) -> list[web.RouteDef]:
        """What is answered under the plan's path; a route's name is the operation that faults know."""
        return [
            web.route("POST", f"{base}/batches", self.send, name="send"),
            web.route("GET", f"{base}/batches", self.listed, name="list"),
            web.route("POST", f"{base}/batches/dry_run", self.dry_run, name="dry_run"),
            web.route("GET", f"{base}/batches/{{id}}", self.get, name="get"),
            web.route("POST", f"{base}/batches/{{id}}", self.update, name="update"),
            web.route("PUT", f"{base}/batches/{{id}}", self.replace, name="replace"),
            web.route("DELETE", f"{base}/batches/{{id}}", self.cancel, name="cancel"),
            web.route("POST", f"{base}/batches/{{id}}/delivery_feedback", self.feedback, name="feedback"),
        ]

    async def send(self, request: web.Request) -> web.Response:
        """`POST /batches`."""
        draft = self._draft(await http_input.body_object(request))
        size = len(await http_input.body_bytes(request))
        if not self._plan.has_room(size, len(draft.to)):
            return answers.foreign(self._plan.settings, 429, request.path)
        batch = self._plan.accept(draft, size)
        request[BATCH_ID] = batch.id
        reply = answers.raw_json(encode(self._shown(batch)), 201)
        await self._plan.pause("reply", self._plan.rules.delays.reply)
        return reply

    async def listed(self, request: web.Request) -> web.Response:
        """`GET /batches`: newest first; `page_size` in the answer is the number of batches in the page."""
        plan, now = self._plan, self._plan.timeline.now()
        number, size = http_input.page(request)
        start, end = http_input.window(request, now)
        senders = {address(word) for word in http_input.words(request, "from")}
        reference = None if plan.rules.lists.wrong_filter else request.query.get("client_reference")
        found = [
            batch
            for batch in plan.store.newest_first(reference)
            if start <= batch.created < end
            and plan.shows(batch, now)
            and (not senders or batch.fields["from"] in senders)
        ]
        await plan.pause("lists", plan.rules.delays.lists)
        shown = [self._shown(batch) for batch in found[number * size : (number + 1) * size]]
        count = len(found) + plan.rules.lists.wrong_count
        return answers.json({"count": count, "page": number, "page_size": len(shown), "batches": shown})

    async def dry_run(self, request: web.Request) -> web.Response:
        """`POST /batches/dry_run`."""
        each = http_input.flag(request, "per_recipient")
        most = http_input.number(request, "number_of_recipients", 100, 1000)
        draft = self._draft(await http_input.body_object(request))
        return answers.json(dry_run_reply(draft, most if each else None))

    async def get(self, request: web.Request) -> web.Response:
        """`GET /batches/{id}`."""
        return answers.raw_json(encode(self._shown(self._found(request))))

    async def update(self, request: web.Request) -> web.Response:
        """`POST /batches/{id}`: the fields given change, an explicit null resets, numbers are added and removed."""
        changes = await http_input.body_object(request)
        batch = self._found(request)
        cleared = {name for name in _CLEARABLE if name in changes and changes[name] is None}
        kept = {name: value for name, value in batch.fields.items() if name not in cleared}
        draft = Draft(batch.to[:], kept | read_fields(changes))
        self._change_recipients(draft, changes)
        check_together(draft, self._plan.timeline.now())
        self._plan.change(batch, draft, len(await http_input.body_bytes(request)))
        return answers.raw_json(encode(self._shown(batch)))

    async def replace(self, request: web.Request) -> web.Response:
        """`PUT /batches/{id}`: another batch under the same id and time of creation."""
        draft = self._draft(await http_input.body_object(request))
        batch = self._found(request)
        self._plan.change(batch, draft, len(await http_input.body_bytes(request)))
        return answers.raw_json(encode(self._shown(batch)))

    async def cancel(self, request: web.Request) -> web.Response:
        """`DELETE /batches/{id}`: 200 with the batch."""
        batch = self._found(request)
        self._plan.cancel(batch)
        return answers.raw_json(encode(self._shown(batch)))

    async def feedback(self, request: web.Request) -> web.Response:
        """`POST /batches/{id}/delivery_feedback`: 202 without a body; 404 unless the batch asked for feedback."""
        fields = await http_input.body_object(request)
        batch = self._found(request)
        if not batch.fields.get("feedback_enabled"):
            raise Rejected(404, "", "")
        recipients = fields.get("recipients")
        if recipients is None:
            raise Rejected(400, CONSTRAINT, "The parameter 'recipients' is required.")
        if recipients != []:
            read_recipients(recipients, "recipients", once=False)
        return web.Response(status=202)

    def _draft(self, fields: dict[str, Any]) -> Draft:
        settings = self._plan.settings
        draft = read_send(
            fields,
            self._plan.timeline.now(),
            default_originator=settings.default_originator,
            once=settings.repeated_numbers == "once",
        )
        self._refuse(draft, fields["to"])
        return draft

    def _refuse(self, draft: Draft, raw: list[str]) -> None:
        """Raise Rejected when the account or one of the numbers is not acceptable."""
        rules = self._plan.rules
        if rules.blocked_account:
            raise Rejected(403, "blocked_account", "The account is blocked.")
        refused = {int(number) for number in rules.refused_numbers if number.isdigit()}.intersection(draft.to)
        if rules.number_fates:
            refused.update(n for n in draft.to if n % SUFFIX == REFUSED_SUFFIX)
        for index, value in enumerate(raw):
            if refused and int(address(value)) in refused:
                raise not_acceptable(f"to[{index}]", value)

    def _change_recipients(self, draft: Draft, changes: dict[str, Any]) -> None:
        for name in ("to_add", "to_remove"):
            if changes.get(name) is None:
                continue
            numbers = read_recipients(changes[name], name, once=True, most=_MOST_CHANGED)
            if name == "to_add":
                draft.to.extend(n for n in numbers if n not in draft.to)
            else:
                draft.to = array("Q", (n for n in draft.to if n not in numbers))
        if not 1 <= len(draft.to) <= MAX_RECIPIENTS:
            raise violated("to", f"must have between 1 and {MAX_RECIPIENTS} elements")

    def _found(self, request: web.Request) -> StoredBatch:
        batch = self._plan.visible(request.match_info["id"])
        if batch is None:
            raise Rejected(404, "", "")
        return batch

    def _shown(self, batch: StoredBatch) -> Batch:
        created, modified, expires = (on_the_wire(at_text(t)) for t in (batch.created, batch.modified, batch.expires))
        return batch.wire(created, modified, expires)
