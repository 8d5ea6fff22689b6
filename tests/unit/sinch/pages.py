"""What answers look like that do not come from Sinch, or not from the part of it that knows: media type and body."""

from typing import NamedTuple

import msgspec


class Page(NamedTuple):
    """A media type as in Answer, and a body."""

    content_type: str
    body: bytes


def html(text: str) -> Page:
    """A page for people."""
    return Page("text/html", text.encode())


def json(value: object) -> Page:
    """A page for programs."""
    return Page("application/json", msgspec.json.encode(value))


NGINX = html("<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n"
             "<hr><center>nginx/1.24.0</center>\r\n</body>\r\n</html>\r\n")  # fmt: skip
CLOUDFLARE = html('<!DOCTYPE html>\n<html lang="en-US"><title>Attention Required! | Cloudflare</title>'
                  "<p>Sorry, you have been blocked</p><span>Ray ID: 8f1e2d3c4b5a6978</span></html>")  # fmt: skip
CLOUDFLARE_CODE = Page("text/plain", b"error code: 1020")
AWS_LOAD_BALANCER = html("<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n"
                         "<center><h1>403 Forbidden</h1></center>\r\n</body>\r\n</html>\r\n")  # fmt: skip
AWS_GATEWAY = json({"message": "Forbidden"})
AWS_GATEWAY_TYPED = json({"code": "AccessDeniedException", "message": "User is not authorized"})
AZURE = json({"error": {"code": "AuthorizationFailed", "message": "The client does not have authorization"}})
SQUID = html("<!DOCTYPE html><html><head><title>ERROR: The requested URL could not be retrieved</title></head>"
             "<body><p>Access Denied.</p><p>Your cache administrator is root.</p></body></html>")  # fmt: skip
ZSCALER = html(
    "<html><head><title>Internet Security by Zscaler</title></head><body>Not allowed to browse</body></html>"
)
CAPTIVE_PORTAL = html(
    "<HTML><HEAD><TITLE>Welcome</TITLE><META HTTP-EQUIV=refresh CONTENT='0; URL=http://login/'></HEAD></HTML>"
)
ENVOY = Page("text/plain", b"upstream connect error or disconnect/reset before headers. reset reason: overflow")
KONG = json({"message": "no Route matched with those values", "request_id": "7c1d"})
PROBLEM = Page("application/problem+json", b'{"type":"about:blank","title":"Forbidden","status":403}')
SPRING = json(
    {"timestamp": "2024-09-01T00:00:00.000+00:00", "status": 400, "error": "Bad Request", "path": "/xms/v1/p/batches"}
)
SPRING_OF_OTHERS = json(
    {"timestamp": "2024-09-01T00:00:00.000+00:00", "status": 404, "error": "Not Found", "path": "/login"}
)
SINCHS_GATEWAY = json(
    {"error": {"code": 400, "message": 'parsing field "type": no', "status": "INVALID_ARGUMENT", "details": []}}
)
EMPTY = Page("", b"")
BLANK = Page("text/plain", b" \r\n")
TRUNCATED = Page("application/json", b'{"code":"syntax_constraint_violation","te')
SINCH_AS_HTML = Page("text/html", b'{"code":"syntax_constraint_violation","text":"The parameter is wrong."}')
NO_OBJECT = json([{"code": "syntax_constraint_violation", "text": "wrong"}])
CODE_ONLY = json({"code": "syntax_constraint_violation"})
CODE_IS_A_NUMBER = json({"code": 403, "text": "Forbidden"})
BROKEN = Page("application/json", b"\xff\xfe\x00{")
DEEP = Page("application/json", b"[" * 100_000)

OF_STRANGERS = {
    "nginx": NGINX, "cloudflare": CLOUDFLARE, "cloudflare code": CLOUDFLARE_CODE, "aws lb": AWS_LOAD_BALANCER,
    "aws gateway": AWS_GATEWAY, "aws gateway typed": AWS_GATEWAY_TYPED, "azure": AZURE, "squid": SQUID, "zscaler": ZSCALER,
    "portal": CAPTIVE_PORTAL, "envoy": ENVOY, "kong": KONG, "problem": PROBLEM, "spring of others": SPRING_OF_OTHERS,
    "truncated": TRUNCATED, "sinch as html": SINCH_AS_HTML, "no object": NO_OBJECT, "code only": CODE_ONLY,
    "code is a number": CODE_IS_A_NUMBER, "broken": BROKEN, "deep": DEEP,
}  # fmt: skip


def sinch(code: str, text: str = "It is wrong.") -> Page:
    """Sinch's own, as its guide has it."""
    return json({"code": code, "text": text})
