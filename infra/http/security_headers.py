"""What every answer tells a browser: guess no type, keep nothing, show it in no frame, load nothing, give it to no other page."""

from aiohttp import hdrs, web
from multidict import CIMultiDict, istr

CSP = istr("Content-Security-Policy")
NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
ALWAYS = CIMultiDict(
    {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
)
UNLESS_SAID = CIMultiDict({CSP: NOTHING, hdrs.CACHE_CONTROL: "no-store"})
"""A page brings the policy that it needs, and an asset may say how long it lives."""
AS_A_RULE = CIMultiDict([*ALWAYS.items(), *UNLESS_SAID.items()])


def complete(response: web.StreamResponse) -> None:
    """Add what an answer does not say itself."""
    headers = response.headers
    if CSP not in headers and hdrs.CACHE_CONTROL not in headers:
        headers.extend(AS_A_RULE)  # every answer takes this way: it costs a microsecond
        return
    headers.extend(ALWAYS)
    for name, value in UNLESS_SAID.items():
        headers.setdefault(name, value)


async def add_security_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Complete an answer before its head is written (the signal `on_response_prepare`).

    An answer to a body that was not read to its end is a refusal, and ends the connection: nothing more is read.
    """
    complete(response)
    if request.can_read_body:
        response.headers[hdrs.CONNECTION] = "close"
        response.force_close()
