"""`GET /docs` and `GET /openapi.json`, made from the handlers' own signatures; nothing is loaded from elsewhere."""

from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import orjson
from aiohttp import web
from aiohttp_pydantic.oas.pydantic_schema_to_oas import add_or_replace_translater
from aiohttp_pydantic.oas.view import generate_oas

from contracts.http.problems import CONTENT_TYPE, Problem
from infra.http.security_headers import CSP, NOTHING
from services.campaign.openapi import to_openapi_30

SWAGGER_UI = files("services.campaign.swagger_ui")
ASSETS = {
    "docs.js": (files("services.campaign"), "text/javascript"),
    "swagger-ui.css": (SWAGGER_UI, "text/css"),
    "swagger-ui-bundle.js": (SWAGGER_UI, "text/javascript"),
    "favicon-32x32.png": (SWAGGER_UI, "image/png"),
}
"""What the page loads: from where, and as what."""
POLICY = f"{NOTHING}; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
ALWAYS = {
    HTTPStatus.UNAUTHORIZED: "An API key is needed.",
    HTTPStatus.FORBIDDEN: "A page of another site asks, or a proxy while no keys are set.",
    HTTPStatus.MISDIRECTED_REQUEST: "While no keys are set, this is answered under this machine's own names only.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Try again later.",
}
BODY = {
    HTTPStatus.REQUEST_TIMEOUT: "The body came too slowly.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not JSON in UTF-8, plain or in gzip or deflate.",
}
CONTROL = BODY | {
    HTTPStatus.BAD_REQUEST: "Something in the request is wrong.",
    HTTPStatus.NOT_FOUND: "There is no such campaign.",
    HTTPStatus.CONFLICT: "This makes no sense for the campaign as it stands.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Kafka or PostgreSQL is away. Send it again: twice is the same as once.",
}
OPT_OUT = {HTTPStatus.BAD_REQUEST: "This is not a phone number."}
ERRORS: dict[tuple[str, str], dict[HTTPStatus, str]] = {
    **{(f"/api/campaigns/{{campaign_id}}/{verb}", "post"): CONTROL for verb in ("pause", "resume", "cancel")},
    **{("/api/opt-outs/{phone}", method): OPT_OUT for method in ("put", "delete", "get")},
    ("/api/campaigns/send", "post"): BODY
    | {
        HTTPStatus.BAD_REQUEST: "Something in the request is wrong; `errors` names every fault.",
        HTTPStatus.CONFLICT: "The request with this Idempotency-Key is still being worked on.",
        HTTPStatus.UNPROCESSABLE_ENTITY: "This Idempotency-Key came before with another body.",
        HTTPStatus.SERVICE_UNAVAILABLE: "Kafka or PostgreSQL is away. `code` says whether the campaign was recorded.",
    },
    ("/api/campaigns", "get"): {HTTPStatus.BAD_REQUEST: "A parameter is wrong."},
    ("/api/campaigns/{campaign_id}", "get"): {HTTPStatus.NOT_FOUND: "There is no such campaign."},
    ("/api/campaigns/{campaign_id}/messages", "get"): {
        HTTPStatus.BAD_REQUEST: "A parameter is wrong.",
        HTTPStatus.NOT_FOUND: "There is no such campaign.",
    },
}
"""The error answers of each call, which aiohttp-pydantic cannot read from a signature."""

HEADERS = {"idempotency_key": "Idempotency-Key", "prefer": "Prefer"}
"""aiohttp-pydantic names header parameters as Python does."""


def add_docs(app: web.Application) -> None:
    """Add the page, its assets and the specification."""
    add_or_replace_translater("3.0.0", to_openapi_30)
    app.router.add_get("/openapi.json", _specification)
    app.router.add_get("/docs", _page)
    app.router.add_get("/docs/{asset}", _asset)


def specification(app: web.Application) -> dict[str, Any]:
    """The OpenAPI document of the application's views."""
    spec: dict[str, Any] = generate_oas([app], version("heliograph"), "Heliograph", SECURITY)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    to_openapi_30(problem)
    spec["components"]["schemas"] |= problem.pop("$defs") | {"Problem": problem}
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            _finish(operation, ERRORS.get((path, method), {}))
            if "requestBody" in operation:
                _say_whether_needed(operation["requestBody"], spec["components"]["schemas"])
    return spec


def _finish(operation: dict[str, Any], errors: dict[HTTPStatus, str]) -> None:
    """Add what aiohttp-pydantic leaves out of one operation."""
    summary, _, description = operation.get("description", "").partition("\n")
    operation["summary"], operation["description"] = summary, description.strip()
    operation["security"] = [{name: []} for name in SECURITY] + [{}]
    for parameter in operation.get("parameters", ()):
        parameter["name"] = HEADERS.get(parameter["name"], parameter["name"])
    for status, words in sorted((ALWAYS | errors).items()):
        schema = {"$ref": "#/components/schemas/Problem"}
        operation["responses"][str(status.value)] = {
            "description": words,
            "content": {CONTENT_TYPE: {"schema": schema}},
        }


def _say_whether_needed(body: dict[str, Any], schemas: dict[str, Any]) -> None:
    """A body is needed when one of its fields is (services/campaign/views.py)."""
    (content,) = body["content"].values()
    schema = content["schema"]
    schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    body["required"] = bool(schema.get("required"))


async def _specification(request: web.Request) -> web.Response:
    return web.Response(body=orjson.dumps(specification(request.app)), content_type="application/json")


async def _page(_request: web.Request) -> web.Response:
    html = files("services.campaign").joinpath("docs.html").read_text(encoding="utf-8")
    return web.Response(text=html, content_type="text/html", headers={CSP: POLICY})


async def _asset(request: web.Request) -> web.Response:
    name = request.match_info["asset"]
    if name not in ASSETS:
        raise web.HTTPNotFound
    place, kind = ASSETS[name]
    headers = {"Cache-Control": "public, max-age=3600"}
    return web.Response(
        body=place.joinpath(name).read_bytes(),
        content_type=kind,
        charset="utf-8" if kind.startswith("text/") else None,
        headers=headers,
    )
