"""Sinch's refusals, in all the shapes that were seen, as one value."""

import re
from typing import Any

import msgspec

MAX_TEXT_CHARS = 500  # of a foreign body that is shown to people

# The field a refusal is about: "The format of parameter 'to[0]' is invalid; ..."
_RECIPIENT = re.compile(r"\bto\[(\d{1,6})\]")

# Codes that speak of the account rather than of this batch: nothing else will be accepted either.
ACCOUNT_CODES = frozenset({"blocked_account", "missing_callback_url"})


class ApiError(msgspec.Struct, frozen=True):
    """A refusal: the HTTP status, Sinch's code ("" when it gave none) and its words."""

    status: int
    code: str
    text: str

    @property
    def recipient_index(self) -> int | None:
        """The position in `to` that the refusal names, if it names exactly one."""
        found = {int(index) for index in _RECIPIENT.findall(self.text)}
        return found.pop() if len(found) == 1 else None


class WireError(msgspec.Struct):
    """The documented body of a refusal."""

    code: str
    text: str


def encode_error(code: str, text: str) -> bytes:
    """The documented body of a refusal, as the simulator writes it."""
    return msgspec.json.encode(WireError(code, text))


def parse_error(status: int, raw: bytes) -> ApiError:
    """The refusal in a reply. Never raises: what is not JSON is kept as text.

    Shapes: `{code, text}` and `{code, description}` (REST guide, OpenAPI), `{error: {code, message, status}}`
    (gateway in front of Sinch), `{timestamp, status, error, path}` (Spring's default), anything else.
    """
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ApiError(status, "", raw[:MAX_TEXT_CHARS].decode("utf-8", "replace"))
    if not isinstance(body, dict):
        return ApiError(status, "", raw[:MAX_TEXT_CHARS].decode("utf-8", "replace"))
    nested = body.get("error")
    if isinstance(nested, dict):
        return ApiError(status, _word(nested, "status", "code"), _word(nested, "message", "text"))
    if isinstance(nested, str) and "code" not in body:
        return ApiError(status, "", _word(body, "message", "error"))
    return ApiError(status, _word(body, "code"), _word(body, "text", "description", "message"))


def _word(body: dict[str, Any], *names: str) -> str:
    """The first of these fields that holds a text or a number, as text."""
    for name in names:
        value = body.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)[:MAX_TEXT_CHARS]
    return ""
