"""A problem document (RFC 9457) as bytes, for answers that come before any service's own."""

from http import HTTPStatus

import orjson


def problem_body(status: HTTPStatus, code: str, detail: str) -> bytes:
    """The document of one refusal."""
    return orjson.dumps(
        {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "detail": detail,
            "code": code,
            "message": detail,
            "errors": [],
        }
    )
