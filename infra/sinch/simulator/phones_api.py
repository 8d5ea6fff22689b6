"""The page at `/`: the phones, what they received and sent, and what callbacks came of it."""

import re
from base64 import b64encode
from hashlib import sha256
from importlib import resources
from itertools import islice

from aiohttp import web

from infra.http.security_headers import CSP, NOTHING
from infra.sinch.simulator import answers, http_input
from infra.sinch.simulator.plan import Plan
from infra.sinch.simulator.reports import at_text
from infra.sinch.simulator.store import DISPATCHED_STATE, StoredBatch
from infra.sinch.simulator.texts import Texts

_MOST_PHONES = 200
_MOST_MESSAGES = 100
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def _policy_of(page: str) -> str:
    """The page may run and look as it stands, byte for byte, and ask its own server; nothing else."""
    hashes = {
        kind: f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for kind, text in _INLINE.findall(page)
    }
    own = f"script-src {hashes['script']}; style-src {hashes['style']}; connect-src 'self'; img-src data:"
    return f"{NOTHING}; {own}"


class PhonesApi:
    """Handlers on one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._page = resources.files(__package__).joinpath("page.html").read_text("utf-8")
        self._policy = _policy_of(self._page)

    def routes(self) -> list[web.RouteDef]:
        """The page and what it asks for."""
        return [
            web.route("GET", "/", self.page),
            web.route("GET", "/simulator/phones", self.phones),
            web.route("GET", "/simulator/phones/{number}", self.phone),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """The page itself: one file, no other address is contacted."""
        del request
        return web.Response(text=self._page, content_type="text/html", headers={CSP: self._policy})

    async def phones(self, request: web.Request) -> web.Response:
        """The phones that something happened to last; `?search=` digits of the number."""
        search = request.query.get("search", "")
        limit = http_input.number(request, "limit", 50, _MOST_PHONES)
        numbers: dict[str, None] = {}
        for _, message in reversed(self._plan.inbounds):
            if search in message.from_:
                numbers.setdefault(message.from_)
        for batch in self._plan.store.newest_first():
            if len(numbers) >= limit:
                break
            numbers.update(dict.fromkeys(n for n in map(str, batch.to) if search in n))
        return answers.json({"phones": list(islice(numbers, limit))})

    async def phone(self, request: web.Request) -> web.Response:
        """One phone's messages in both directions, oldest first."""
        number = request.match_info["number"]
        found: list[dict[str, str]] = []
        for batch in self._plan.store.newest_first():
            if len(found) >= _MOST_MESSAGES:
                break
            position = batch.position(number) if number.isdigit() else None
            if position is not None:
                found.append(self._received(batch, position, number))
        for at, message in self._plan.inbounds:
            if message.from_ == number:
                found.append({"direction": "sent", "at": at_text(at), "with": message.to, "text": message.body})
        return answers.json({"phone": number, "messages": sorted(found, key=lambda entry: entry["at"])})

    def _received(self, batch: StoredBatch, position: int, number: str) -> dict[str, str]:
        state = batch.states[position]
        outcome = self._plan.store.outcomes[state]
        return {
            "direction": "received",
            "at": at_text(batch.at[position]),
            "with": batch.fields["from"],
            "text": Texts(batch.fields).text(number).text,
            "status": outcome.status if state < DISPATCHED_STATE + 1 else f"{outcome.status} ({outcome.code})",
            "batch_id": batch.id,
        }
