"""What can come of asking Sinch, named by what the caller does next (STYLE rule 5)."""

from infra.sinch.wire.errors import ACCOUNT_CODES, ApiError

_TOO_MANY = 429
_REQUEST_TIMEOUT = 408  # a proxy gave up waiting for a request it may have passed on
_SERVER_ERROR = 500
_REDIRECT = 300
_CLIENT_ERROR = 400

# Answers that no other batch would escape: token, plan or base URL, method, media type.
_BLOCKING = frozenset({401, 404, 405, 407, 415})


class SinchError(Exception):
    """Anything but the answer that was hoped for."""


class NotSent(SinchError):  # noqa: N818  named by what comes next
    """Surely nothing left this machine: offer the same batch again whenever it suits."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class SlowDown(SinchError):  # noqa: N818  named by what comes next
    """429: not accepted; wait, then offer the same batch again."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__("429" if retry_after is None else f"429, retry after {retry_after:g} s")
        self.retry_after = retry_after  # seconds, None when Sinch did not say


class Refused(SinchError):  # noqa: N818  named by what comes next
    """Sinch will not take this batch as it is: change it or give it up."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(f"{error.status} {error.code}")
        self.error = error
        self.status = error.status
        self.code = error.code
        self.text = error.text  # may hold a phone number: for events, not for logs
        self.recipient_index = error.recipient_index  # i of `to[i]`, None unless exactly one is named


class Blocked(SinchError):  # noqa: N818  named by what comes next
    """Nothing will be accepted until somebody changes something: pause everything and say why."""

    def __init__(self, error: ApiError) -> None:
        self.reason = f"{error.status} {error.code}".strip()
        super().__init__(self.reason)
        self.error = error


class InDoubt(SinchError):  # noqa: N818  named by what comes next
    """The batch may or may not have been accepted: ask for its reference before it is ever sent again."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NoAnswer(SinchError):  # noqa: N818  named by what comes next
    """A question got no answer that can be believed: ask again later; nothing was changed."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def refusal(error: ApiError, retry_after: str | None) -> SinchError:
    """The error to raise for an answer that is neither the expected one nor a 5xx."""
    if error.status == _TOO_MANY:
        return SlowDown(seconds(retry_after))
    if error.status in _BLOCKING or error.code in ACCOUNT_CODES or _REDIRECT <= error.status < _CLIENT_ERROR:
        return Blocked(error)
    return Refused(error)


def is_unclear(status: int) -> bool:
    """Whether a status says nothing about what became of the request: 5xx, 408, and a 2xx or 1xx out of place."""
    return status >= _SERVER_ERROR or status == _REQUEST_TIMEOUT or status < _REDIRECT


def seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds; its date form and nonsense count as absent."""
    if retry_after is None or not (retry_after.isascii() and retry_after.strip().isdigit()):
        return None
    return float(retry_after)
