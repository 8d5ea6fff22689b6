"""What the gateway answers. The texts are the guide's where it has one."""

from collections.abc import Mapping

import orjson
from aiohttp import web
from multidict import CIMultiDict

RETRY_AFTER_SECONDS = "5"
"""As long as Sinch waits before its first retry anyway."""

_JSON = CIMultiDict({"Content-Type": "application/json; charset=utf-8"})
_ACCEPTED = b'{"message":"Webhook received successfully."}'


def accepted() -> web.Response:
    """200: the log has it. The headers are a copy: aiohttp adds the date to them."""
    return web.Response(body=_ACCEPTED, headers=_JSON.copy())


def stranger(challenge: Mapping[str, str]) -> web.Response:
    """401: nothing was stored."""
    return refusal(401, "The callback's token or credentials are missing or wrong.", challenge)


def try_again(why: str) -> web.Response:
    """503: the one way to say no to what may be Sinch's, which repeats it for a day."""
    return refusal(503, why, {"Retry-After": RETRY_AFTER_SECONDS})


def refusal(status: int, message: str, headers: Mapping[str, str]) -> web.Response:
    """Any other answer, in JSON as all are."""
    return web.Response(
        status=status, body=orjson.dumps({"message": message}), headers=CIMultiDict([*_JSON.items(), *headers.items()])
    )
