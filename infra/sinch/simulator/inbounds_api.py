"""Messages from phones: `/inbounds`, and `POST /simulator/inbound` with which a phone replies."""

from typing import Any

from aiohttp import web

from infra.sinch.simulator import answers, http_input
from infra.sinch.simulator.fields import CONSTRAINT, Rejected, hexadecimal, sender, text_up_to, when
from infra.sinch.simulator.plan import Plan
from infra.sinch.simulator.reports import at_text
from infra.sinch.simulator.ulids import ulid
from infra.sinch.wire.batches import MAX_BODY_CHARS, MAX_REFERENCE_CHARS
from infra.sinch.wire.callback_bytes import encode_callback, inbound_fields
from infra.sinch.wire.callbacks import InboundMessage
from infra.sinch.wire.msisdn import address


class InboundsApi:
    """Handlers on one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def routes(self, base: str) -> list[web.RouteDef]:
        """What is answered under the plan's path, and for the phones."""
        return [
            web.route("GET", f"{base}/inbounds", self.listed, name="inbounds"),
            web.route("GET", f"{base}/inbounds/{{id}}", self.get, name="inbound"),
            web.route("POST", "/simulator/inbound", self.reply, name="phone_replies"),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        """`GET /inbounds`, newest first."""
        number, size = http_input.page(request)
        start, end = http_input.window(request, self._plan.timeline.now())
        to = {address(word) for word in http_input.words(request, "to")}
        reference = request.query.get("client_reference")
        found = [
            message
            for at, message in reversed(self._plan.inbounds)
            if start <= at < end
            and (not to or message.to in to)
            and (reference is None or message.client_reference == reference)
        ]
        page = [inbound_fields(message) for message in found[number * size : (number + 1) * size]]
        return answers.json({"count": len(found), "page": number, "page_size": len(page), "inbounds": page})

    async def get(self, request: web.Request) -> web.Response:
        """`GET /inbounds/{id}`."""
        for _, message in self._plan.inbounds:
            if message.id == request.match_info["id"]:
                return answers.raw_json(encode_callback(message))
        raise Rejected(404, "", "")

    async def reply(self, request: web.Request) -> web.Response:
        """`POST /simulator/inbound` `{from, to, body, …}`: 201 with the message as Sinch reports it.

        `to` may be left out: then it is the sender of the last batch to this phone.
        """
        message = self._message(await http_input.body_object(request))
        self._plan.receive(message)
        return answers.raw_json(encode_callback(message), 201)

    def _message(self, fields: dict[str, Any]) -> InboundMessage:
        phone = sender(fields.get("from"), "from")
        content = fields.get("body", "")
        media = content if isinstance(content, dict) else None
        if media is None:
            text_up_to(MAX_BODY_CHARS)(content, "body")
        udh = fields.get("udh")
        now = at_text(self._plan.timeline.now())
        return InboundMessage(
            type="mo_media" if media is not None else "mo_text" if udh is None else "mo_binary",
            id=ulid(self._plan.ids),
            from_=phone,
            to=self._destination(phone, fields.get("to")),
            body="" if media is not None else content,
            received_at=now if fields.get("received_at") is None else when(fields["received_at"], "received_at"),
            udh=None if udh is None else hexadecimal(udh, "udh"),
            operator_id=self._plan.settings.operator,
            sent_at=None if fields.get("sent_at") is None else when(fields["sent_at"], "sent_at"),
            client_reference=_reference(fields.get("client_reference")),
            media=media,
        )

    def _destination(self, phone: str, to: Any) -> str:
        if to is not None:
            return str(sender(to, "to"))
        for batch in self._plan.store.newest_first():
            if batch.position(phone) is not None:
                return str(batch.fields["from"])
        raise Rejected(400, CONSTRAINT, "The parameter 'to' is required: nothing was sent to this phone.")


def _reference(value: Any) -> str | None:
    return None if value is None else text_up_to(MAX_REFERENCE_CHARS)(value, "client_reference")
