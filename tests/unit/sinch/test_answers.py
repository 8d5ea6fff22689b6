"""(status, media type, body) → what it comes to. Only Sinch's own word with a known code refuses anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.sinch.outcomes import (
    Blocked,
    InDoubt,
    NoAnswer,
    Refused,
    SinchError,
    SlowDown,
    is_sinchs,
    of_question,
    of_send,
)
from infra.sinch.transport import Answer
from infra.sinch.wire.codes import KNOWN, About
from tests.unit.sinch import pages
from tests.unit.sinch.pages import Page, sinch

NOW = 1_780_000_000.0


def sent(status: int, page: Page, **head: str) -> SinchError:
    """What an offer comes to that is answered so."""
    return of_send(Answer(status, page.body, content_type=page.content_type, **head), NOW)


def asked(status: int, page: Page) -> SinchError:
    """What a question comes to that is answered so."""
    return of_question(Answer(status, page.body, content_type=page.content_type), NOW)


@pytest.mark.parametrize("page", pages.OF_STRANGERS.values(), ids=pages.OF_STRANGERS)
@pytest.mark.parametrize(
    "status",
    [200, 201, 202, 204, 300, 301, 302, 303, 307, 308, 400, 402, 403, 404, 405, 406, 408, 409, 410, 411, 413, 414, 415,
     418, 421, 422, 423, 425, 426, 428, 431, 444, 451, 495, 499, 500, 502, 503, 504, 511, 520, 522, 524, 530, 599],
)  # fmt: skip
def test_a_stranger_refuses_nobody(status: int, page: Page) -> None:
    """Whatever it says: it may have passed the offer on, so it is in doubt; a question is asked again."""
    assert type(sent(status, page)) is InDoubt
    assert type(asked(status, page)) is NoAnswer


@pytest.mark.parametrize("page", pages.OF_STRANGERS.values(), ids=pages.OF_STRANGERS)
def test_a_strangers_404_is_no_absence(page: Page) -> None:
    """A batch is unknown when Sinch says so."""
    assert not is_sinchs(Answer(404, page.body, content_type=page.content_type))


@pytest.mark.parametrize(
    ("status", "page", "kind"),
    [
        (400, sinch("syntax_invalid_parameter_format"), Refused),
        (400, sinch("syntax_constraint_violation"), Refused),
        (400, pages.json({"code": "syntax_constraint_violation", "description": "older form"}), Refused),
        (403, sinch("unknown_group"), Refused),
        (403, sinch("illegal_number_type"), Refused),
        (403, sinch("llegal_number_type"), Refused),
        (403, sinch("blocked_account"), Blocked),
        (403, sinch("missing_callback_url"), Blocked),
        # Sinch's own form, but not a code of which we know that it is final
        (400, sinch("syntax_invalid_json"), InDoubt),
        (403, sinch("a_code_of_next_year"), InDoubt),
        (403, sinch("unknown_campaign"), InDoubt),
        (403, sinch("batch_already_dispatched"), InDoubt),
        (403, sinch("conflict_send_at"), InDoubt),
        # a known code under a status that Sinch does not use for it
        (402, sinch("syntax_constraint_violation"), InDoubt),
        (413, sinch("syntax_constraint_violation"), InDoubt),
        (422, sinch("syntax_constraint_violation"), InDoubt),
        (500, sinch("syntax_constraint_violation"), InDoubt),
        (302, sinch("blocked_account"), InDoubt),
        # what stands in front of Sinch's code, and nothing at all
        (400, pages.SPRING, InDoubt),
        (400, pages.SINCHS_GATEWAY, InDoubt),
        *((status, page, InDoubt) for status in (400, 402, 403, 413, 422, 425, 451) for page in (pages.EMPTY, pages.BLANK)),
        # documented as not accepted, without a documented body
        (401, pages.EMPTY, Blocked),
        (401, pages.NGINX, Blocked),
        (407, pages.SQUID, Blocked),
        (404, pages.EMPTY, Blocked),
        (405, pages.EMPTY, Blocked),
        (415, pages.EMPTY, Blocked),
        (429, pages.EMPTY, SlowDown),
        (429, pages.CLOUDFLARE_CODE, SlowDown),
        (500, pages.EMPTY, InDoubt),
        (503, pages.EMPTY, InDoubt),
    ],
)  # fmt: skip
def test_what_an_offer_comes_to(status: int, page: Page, kind: type[SinchError]) -> None:
    """A line an answer."""
    assert type(sent(status, page)) is kind


@pytest.mark.parametrize("page", [pages.EMPTY, sinch("not_found"), pages.json(
    {"timestamp": "2024-09-01T00:00:00.000+00:00", "status": 404, "error": "Not Found", "path": "/xms/v1/p/batches/01B"}
)])  # fmt: skip
def test_sinchs_own_404_is_an_absence(page: Page) -> None:
    """Its body is not documented: none, its usual form, or its framework's for one of our paths."""
    assert is_sinchs(Answer(404, page.body, content_type=page.content_type))


@pytest.mark.parametrize("code", [code for code, about in KNOWN.items() if about is About.TOO_LATE])
def test_a_cancel_that_comes_too_late_is_refused(code: str) -> None:
    """That is Sinch's last word on it."""
    assert type(asked(403, sinch(code))) is Refused


@given(
    st.integers(100, 599), st.binary(max_size=200), st.sampled_from(["", "text/html", "application/json", "x/y+json"])
)
def test_no_bytes_refuse_anybody_but_sinchs_own(status: int, body: bytes, content_type: str) -> None:
    """Reading never fails, and nothing that was not written as Sinch writes is a refusal."""
    for outcome in (sent(status, Page(content_type, body)), asked(status, Page(content_type, body))):
        assert not isinstance(outcome, Refused)
        assert str(outcome)


@pytest.mark.parametrize(
    "page", [pages.NGINX, pages.AWS_GATEWAY, sinch("a_code", "value '+15550001111' is wrong"), pages.EMPTY]
)
def test_no_word_of_a_body_is_in_the_reason(page: Page) -> None:
    """It goes into logs, and a body may hold phone numbers."""
    for status in (302, 401, 403, 404, 503):
        outcome = sent(status, page)
        assert str(status) in str(outcome)
        assert not any(word in str(outcome) for word in ("5550001111", "Forbidden", "nginx"))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0), (" 7 ", 7.0), ("0", 0.0), ("86400", 86_400.0),
        ("Thu, 28 May 2026 20:26:47 GMT", 7.0), ("Thu, 28 May 2026 20:26:00 GMT", 0.0),
        ("Thursday, 28-May-26 20:26:47 GMT", 7.0), ("Thu May 28 20:26:47 2026", 7.0),
        ("-1", None), ("7.5", None), ("", None), ("soon", None), ("1780000007000", None), ("9" * 330, None),
        ("\u0667", None), ("1e3", None), ("nan", None), ("inf", None), ("Thu, 99 May 2026 20:26:47 GMT", None),
    ],
)  # fmt: skip
def test_both_forms_of_retry_after_are_read_and_nonsense_is_none(header: str, seconds: float | None) -> None:
    """Seconds, or a moment on the clock of whoever wrote it."""
    for status in (429, 503):
        outcome = sent(status, pages.EMPTY, retry_after=header)
        assert isinstance(outcome, SlowDown | InDoubt)
        assert outcome.retry_after == seconds


def test_a_moment_of_retry_after_is_measured_from_the_servers_own_date() -> None:
    """Its clock may be an hour ahead of ours."""
    head = {"retry_after": "Thu, 28 May 2026 21:26:47 GMT", "date": "Thu, 28 May 2026 21:26:40 GMT"}
    outcome = sent(429, pages.EMPTY, **head)
    assert isinstance(outcome, SlowDown)
    assert outcome.retry_after == 7.0
