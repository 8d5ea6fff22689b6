"""Sinch's refusals, in all the shapes that were seen, as one value; and the bodies of those who only stand before Sinch."""

import re
from enum import Enum
from typing import Any

import msgspec

MAX_TEXT_CHARS = 500  # of a foreign body that is shown to people

# The field a refusal is about: "The format of parameter 'to[0]' is invalid; ..."
_RECIPIENT = re.compile(r"\bto\[(\d{1,6})\]")

_CODE = re.compile(r"[a-z][a-z0-9_]{2,63}", re.ASCII)
"""Sinch's codes are words like `syntax_invalid_json`; `ForbiddenException` or `1020` are somebody else's."""
_OUR_PATHS = "/xms/v1/"


class Shape(Enum):
    """What a body looks like, and so who may have written it."""

    SINCH = "sinch"
    """`{code, text}`: its REST guide; `{code, description}`: its OpenAPI."""
    FRAMEWORK = "framework"
    """What stands in front of Sinch's code and is Sinch's: `{error: {code, message, status}}` of its gateway, Spring's
    default for one of our paths."""
    EMPTY = "empty"
    """Nothing. Sinch documents no body for 401, 404, 405, 415, 429 and 5xx."""
    STRANGE = "strange"
    """Anything else: a page of a proxy, a firewall, a captive portal."""


class ApiError(msgspec.Struct, frozen=True):
    """A refusal: the HTTP status, Sinch's code ("" when it gave none), its words, and whose body it seems to be."""

    status: int
    code: str
    text: str
    shape: Shape = Shape.STRANGE

    @property
    def recipient_index(self) -> int | None:
        """The position in `to` that the refusal names, if it names exactly one."""
        found = {int(index) for index in _RECIPIENT.findall(self.text)}
        return found.pop() if len(found) == 1 else None

    @property
    def summary(self) -> str:
        """Status, and code or kind of body: fit for logs, as it holds no words of the body."""
        if self.shape is Shape.SINCH:
            return f"{self.status} {self.code}"
        return f"{self.status} (a page that is not Sinch's)" if self.shape is Shape.STRANGE else str(self.status)


class WireError(msgspec.Struct):
    """The documented body of a refusal."""

    code: str
    text: str


def encode_error(code: str, text: str) -> bytes:
    """The documented body of a refusal, as the simulator writes it."""
    return msgspec.json.encode(WireError(code, text))


def parse_error(status: int, raw: bytes, content_type: str = "") -> ApiError:
    """The refusal in a reply. Never raises: what is not JSON is kept as text.

    `content_type` as in Answer; "" says nothing. A body that says to be something other than JSON is not Sinch's.
    """
    if not raw.strip():
        return ApiError(status, "", "", Shape.EMPTY)
    body = _json(raw) if content_type == "" or content_type.endswith("json") else None
    if not isinstance(body, dict):
        return ApiError(status, "", raw[:MAX_TEXT_CHARS].decode("utf-8", "replace"))
    nested = body.get("error")
    if isinstance(nested, dict):
        known = {"code", "message", "status"} <= nested.keys()
        shape = Shape.FRAMEWORK if known else Shape.STRANGE
        return ApiError(status, _word(nested, "status", "code"), _word(nested, "message", "text"), shape)
    if isinstance(nested, str) and "code" not in body:
        ours = body.get("status") == status and _OUR_PATHS in _word(body, "path")
        return ApiError(status, "", _word(body, "message", "error"), Shape.FRAMEWORK if ours else Shape.STRANGE)
    code, text = _word(body, "code"), _word(body, "text", "description")
    shape = Shape.SINCH if _CODE.fullmatch(code) and text else Shape.STRANGE
    return ApiError(status, code, text or _word(body, "message"), shape)


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _word(body: dict[str, Any], *names: str) -> str:
    """The first of these fields that holds a text or a number, as text."""
    for name in names:
        value = body.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)[:MAX_TEXT_CHARS]
    return ""
