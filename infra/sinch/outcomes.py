"""What can come of asking Sinch, named by what the caller does next (STYLE rule 5).

Only Sinch's own body with a code that we know refuses anybody, and only what Sinch documents as not accepted is taken for
that. Whatever else comes may come from a proxy, a firewall or a captive portal, and nobody knows what it passed on.
"""

from email.utils import parsedate_to_datetime

from infra.sinch.transport import Answer
from infra.sinch.wire.codes import KNOWN, About
from infra.sinch.wire.errors import ApiError, Shape, parse_error

_TOO_MANY = 429
_UNAVAILABLE = 503
_SERVER_ERROR = 500
_REDIRECT = 300
_CLIENT_ERROR = 400

_REFUSING = frozenset({400, 403})
"""The statuses with which Sinch refuses a batch, with a body that says why (CONTRACT §3)."""
_TOKEN = frozenset({401, 407})
"""Sinch documents no body for its 401. Whoever wants another word of us, nothing goes on before somebody gives it."""
_PLACE = frozenset({404, 405, 415})
"""Plan, base URL, method or media type are wrong, so no other batch would fare better, if it is Sinch that says so."""

_MOST_DIGITS = 10
"""Of a Retry-After in seconds: 300 years. More is a mistake, such as a moment in milliseconds."""


class SinchError(Exception):
    """Anything but the answer that was hoped for."""


class NotSent(SinchError):  # noqa: N818  named by what comes next
    """Surely nothing left this machine: offer the same batch again whenever it suits."""

    def __init__(self, why: str, *, unreached: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.unreached = unreached  # Sinch could not be reached; else it was our own doing


class SlowDown(SinchError):  # noqa: N818  named by what comes next
    """429: not accepted; wait, then offer the same batch again."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__("429" if retry_after is None else f"429, retry after {retry_after:g} s")
        self.retry_after = retry_after  # seconds, None when Sinch did not say


class Refused(SinchError):  # noqa: N818  named by what comes next
    """Sinch itself, with a code that we know, will not take this batch as it is: change it or give it up."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.summary)
        self.error = error
        self.status = error.status
        self.code = error.code
        self.text = error.text  # may hold a phone number: for events, not for logs
        self.recipient_index = error.recipient_index  # i of `to[i]`, None unless exactly one is named


class Blocked(SinchError):  # noqa: N818  named by what comes next
    """Nothing will be accepted until somebody changes something: pause everything and say why."""

    def __init__(self, error: ApiError) -> None:
        self.reason = error.summary
        super().__init__(self.reason)
        self.error = error


class InDoubt(SinchError):  # noqa: N818  named by what comes next
    """The batch may or may not have been accepted: ask for its reference before it is ever sent again."""

    def __init__(self, why: str, *, slow_down: bool = False, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.slow_down = slow_down  # it was a 503
        self.retry_after = retry_after


class NoAnswer(SinchError):  # noqa: N818  named by what comes next
    """A question got no answer that can be believed: ask again later; nothing was changed."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def of_send(answer: Answer, now: float) -> SinchError:
    """What an answer to `POST /batches` that is no acceptance comes to. `now` in seconds since 1970."""
    error = parse_error(answer.status, answer.body, answer.content_type)
    said = _said(error, answer, now)
    if said is not None and not (isinstance(said, Refused) and KNOWN[said.code] is About.TOO_LATE):
        return said
    if answer.status == _UNAVAILABLE:
        return InDoubt(_unclear(error), slow_down=True, retry_after=_retry_after(answer, now))
    return InDoubt(_unclear(error))


def of_question(answer: Answer, now: float) -> SinchError:
    """What an answer to a request that may be repeated comes to, when it is not the one that was hoped for."""
    error = parse_error(answer.status, answer.body, answer.content_type)
    return _said(error, answer, now) or NoAnswer(_unclear(error))


def is_sinchs(answer: Answer) -> bool:
    """Whether a 404 can be Sinch's own, which says that it does not know the batch: of a stranger it says nothing."""
    return parse_error(answer.status, answer.body, answer.content_type).shape is not Shape.STRANGE


def _said(error: ApiError, answer: Answer, now: float) -> SinchError | None:
    """What Sinch documents as not accepted; None: that cannot be told from this answer."""
    if error.status == _TOO_MANY:
        return SlowDown(_retry_after(answer, now))
    if error.status in _TOKEN or (error.status in _PLACE and error.shape is not Shape.STRANGE):
        return Blocked(error)
    if error.status not in _REFUSING or error.shape is not Shape.SINCH:
        return None
    match KNOWN.get(error.code):
        case About.BATCH | About.TOO_LATE:
            return Refused(error)
        case About.ACCOUNT:
            return Blocked(error)
        case None:
            return None


def _unclear(error: ApiError) -> str:
    """Why nobody knows what became of the request, in words that are fit for logs."""
    if _REDIRECT <= error.status < _CLIENT_ERROR:
        return f"status {error.status}: a redirect, and Sinch sends none"
    if error.status >= _SERVER_ERROR or error.status < _REDIRECT:
        return f"status {error.status}"
    if error.shape is Shape.SINCH:
        return f"{error.summary}: a code that is not known to be final"
    return f"status {error.summary}"


def _retry_after(answer: Answer, now: float) -> float | None:
    return None if answer.retry_after is None else seconds(answer.retry_after, answer.unix or now)


def seconds(retry_after: str, now: float) -> float | None:
    """`Retry-After` in seconds, in both of its forms (RFC 9110 §10.2.3); nonsense counts as absent.

    `now`: the moment on the clock of whoever wrote it, in seconds since 1970.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= _MOST_DIGITS else None
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None
