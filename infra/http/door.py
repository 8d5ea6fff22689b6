"""Refuses what no friend sends: another site's page, a name that is not ours, and the world while we stand open.

A browser lets every page send requests to this machine, and a name of the page's owner may lead here (DNS rebinding):
without keys nothing but these headers tells such a request from the operator's own. With keys, a page has none to show.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from http import HTTPStatus

from aiohttp import hdrs

from infra.http.own_names import OwnNames

SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
SITE, MODE, DESTINATION = "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"
OURS = frozenset({"same-origin", "none"})
FORWARDED = (
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "Via", "CF-Connecting-IP",
)  # fmt: skip
"""One of them is what proxies and tunnels add."""


class Refusal(Enum):
    """Why a request is not let in: the status, the code and the words of the answer."""

    FOREIGN_PAGE = HTTPStatus.FORBIDDEN, "foreign_page"
    UNKNOWN_HOST = HTTPStatus.MISDIRECTED_REQUEST, "unknown_host"
    FORWARDED = HTTPStatus.FORBIDDEN, "forwarded_while_open"

    @property
    def status(self) -> HTTPStatus:
        """The status of the answer."""
        return self.value[0]

    @property
    def code(self) -> str:
        """What is wrong, for programs."""
        return self.value[1]

    @property
    def words(self) -> str:
        """What is wrong and what to do, for people."""
        return WORDS[self]


WORDS = {
    Refusal.FOREIGN_PAGE: "A page of another site asks, and such pages may not. ALLOWED_HOSTS can allow the page's name.",
    Refusal.UNKNOWN_HOST: "While no keys are set, this is answered only under the names of this machine: 127.0.0.1, "
    "localhost, those of ALLOWED_HOSTS. Ask under one of them, or set BASE_URL and API_KEYS.",
    Refusal.FORWARDED: "This came through a proxy or tunnel while no keys are set: anybody could send. "
    "Set BASE_URL and API_KEYS.",
}


class Door:
    """Judges requests by method and headers alone, before anything of the body is read."""

    def __init__(self, names: OwnNames, stands_open: Callable[[], bool]) -> None:
        self._names = names
        self._stands_open = stands_open

    @property
    def stands_open(self) -> bool:
        """Whether nobody has to show a key at this moment."""
        return self._stands_open()

    def judge(self, method: str, headers: Mapping[str, str]) -> Refusal | None:
        """Why this request is not let in, or None."""
        if self._stands_open():
            return self.judge_open(method, headers)
        return Refusal.FOREIGN_PAGE if method not in SAFE and self._is_foreign(headers) else None

    def judge_open(self, method: str, headers: Mapping[str, str]) -> Refusal | None:
        """The same for what asks for no key whatever: here a foreign page may not read either."""
        for name in FORWARDED:
            if name in headers:
                return Refusal.FORWARDED
        host = headers.get(hdrs.HOST)
        if host is not None and not self._names.has(host):  # HTTP/1.0 has none, and no browser speaks it
            return Refusal.UNKNOWN_HOST
        if self._is_foreign(headers) and not (method in SAFE and _is_visit(headers)):
            return Refusal.FOREIGN_PAGE
        return None

    def _is_foreign(self, headers: Mapping[str, str]) -> bool:
        """Whether a browser says that another origin's page asks: what is no browser sends neither header."""
        origin = headers.get(hdrs.ORIGIN)
        if origin is not None:
            return not self._names.are_origin(origin, headers.get(hdrs.HOST, ""))
        return headers.get(SITE, "none") not in OURS


def _is_visit(headers: Mapping[str, str]) -> bool:
    """Whether a person follows a link or types an address: the page that it came from sees nothing of the answer."""
    return headers.get(MODE) == "navigate" and headers.get(DESTINATION) == "document" and hdrs.ORIGIN not in headers
