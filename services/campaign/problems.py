"""Errors, named by what the client does next, and the one middleware that answers them as problem documents."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import orjson
import structlog
from aiohttp import web

from contracts.http.problems import CONTENT_TYPE, Fault
from infra.http.callback_paths import is_callback
from infra.postgres import trouble
from services.campaign.faults import Faults

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_AFTER_SECONDS = 2


class ApiError(Exception):
    """The base: becomes a problem document. `errors` are the single faults, `more` are further members.

    However many faults there are, the document names 100 of them and counts all.
    """

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"

    def __init__(
        self,
        detail: str,
        *,
        status: HTTPStatus | None = None,
        code: str | None = None,
        errors: Sequence[Fault] | Faults = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status or self.status
        self.code = code or self.code
        self.faults = errors if isinstance(errors, Faults) else Faults(errors)
        self.headers = dict(headers or {})
        self.more = more


class CorrectTheRequest(ApiError):  # noqa: N818  named by what the client does next
    """The client changes the request and sends it again."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_request"


class ShowAKey(ApiError):  # noqa: N818
    """The client gets an API key first."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class NoSuchThing(ApiError):  # noqa: N818
    """The client looks elsewhere."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class TryLater(ApiError):  # noqa: N818
    """The client sends the same again after `retry_after` seconds."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"

    def __init__(
        self,
        detail: str,
        *,
        retry_after: int = RETRY_AFTER_SECONDS,
        more_headers: Mapping[str, str] = MappingProxyType({}),
        **more: Any,
    ) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after), **more_headers}, **more)


def problem_response(error: ApiError) -> web.Response:
    """The problem document of an error."""
    body = {
        "type": "about:blank",
        "title": error.status.phrase,
        "status": error.status.value,
        "detail": error.detail,
        "code": error.code,
        "message": error.detail,
        "errors": error.faults.first,
        "error_count": error.faults.count,
        **error.more,
    }
    raw = orjson.dumps(body, default=str)
    return web.Response(status=error.status.value, body=raw, content_type=CONTENT_TYPE, headers=error.headers)


@web.middleware
async def problem_documents(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error of this service as a problem document; what was not foreseen is logged and told as nothing."""
    if is_callback(request.path):  # the webhook gateway may be mounted in the same application; it answers for itself
        return await handler(request)
    try:
        return await handler(request)
    except ApiError as error:
        return problem_response(error)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return problem_response(_translated(request, error))
    except Exception as error:
        if trouble.passes(error):
            log.warning("database_away", path=route_of(request), error=type(error).__name__)
            return problem_response(TryLater(f"{trouble.in_words(error)} Nothing was changed. Try again."))
        log.exception("request_failed", method=request.method, path=route_of(request))
        return problem_response(ApiError("Something went wrong here. The log of the service has the reason."))


def route_of(request: web.Request) -> str:
    """The route's pattern, not the path: a path may hold a phone number."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


def _translated(request: web.Request, error: web.HTTPException) -> ApiError:
    """The refusals of aiohttp in our words."""
    status = HTTPStatus(error.status)
    if isinstance(error, web.HTTPNotFound):
        return NoSuchThing("There is nothing at this address. GET / lists what there is.")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        detail = f"{request.method} is not possible here; {allowed} is."
        return ApiError(detail, status=status, code="method_not_allowed", headers={"Allow": allowed})
    return ApiError(f"{status.phrase}.", status=status, code=status.phrase.lower().replace(" ", "_"))
