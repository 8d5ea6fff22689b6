"""What clients are told."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from contracts.statuses import CAMPAIGN_STATUSES, STATUSES
from services.campaign.addresses import Addresses
from services.campaign.answers import MEANINGS, campaign_answer, message_answer, send_answer
from services.campaign.reads import BatchState, CampaignState, MessageState
from services.campaign.store import Campaign

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = UUID("018f0000-0000-7000-8000-000000000001")
HERE = Addresses()
CAMPAIGN = Campaign(ID, None, "Hello", None, "anonymous", 0, [2], NOON)
MESSAGE = MessageState(
    recipient=15551231234,
    first_name="Ada",
    last_name=None,
    chunk=0,
    part="",
    attempt=1,
    status="expired",
    final=True,
    provider_status=None,
    code=None,
    parts=None,
    batch_id=None,
    reported_at=None,
    finalized_at=None,
)


def test_one_chunk_is_told_at_the_top() -> None:
    """The guide's clients read batch_id and client_reference there."""
    answer = send_answer(CAMPAIGN, [BatchState(0, f"{ID}.0.1", "01FC")], HERE)
    assert (answer.client_reference, answer.batch_id) == (f"{ID}.0.1", "01FC")


def test_several_chunks_are_told_in_details() -> None:
    """At the top is null, because there is no one batch."""
    answer = send_answer(msgspec.structs.replace(CAMPAIGN, chunk_recipients=[1000, 3]), [BatchState(1, "r", "b")], HERE)
    assert (answer.client_reference, answer.batch_id, answer.recipients) == (None, None, 1003)
    assert [(detail.recipients, detail.batch_id) for detail in answer.details] == [(1000, None), (3, "b")]


def test_the_answer_depends_on_the_campaign_alone() -> None:
    """A repeated request gets the very same answer."""
    assert send_answer(CAMPAIGN, (), HERE) == send_answer(msgspec.structs.replace(CAMPAIGN, published=True), (), HERE)


def test_the_status_url_is_absolute_with_a_base_url() -> None:
    """BASE_URL says how clients reach us."""
    answer = send_answer(CAMPAIGN, (), Addresses("https://example.com/x"))
    assert answer.status_url == f"https://example.com/x/api/campaigns/{ID}"


def test_every_status_has_a_meaning() -> None:
    """No status is shown without plain words."""
    assert set(STATUSES) <= set(MEANINGS)
    assert all(MEANINGS.values())


def test_every_campaign_status_has_a_meaning() -> None:
    """The same for campaigns."""
    for status, meaning in CAMPAIGN_STATUSES.items():
        state = CampaignState(ID, None, "Hello", None, status, None, NOON, 1, {"pending": 1}, 1, projected=True)
        assert campaign_answer(state, HERE).meaning == meaning


def test_sinchs_expired_is_not_ours() -> None:
    """The same word is explained by who said it."""
    ours = message_answer(str(ID), MESSAGE)
    sinchs = message_answer(str(ID), msgspec.structs.replace(MESSAGE, provider_status="Expired"))
    assert ours.meaning == "Not sent: its time had passed."
    assert sinchs.meaning == "Ran out of time before it could be delivered."


def test_a_code_is_explained() -> None:
    """A delivery code comes with its name, whether it may pass, and what to do."""
    code = message_answer(str(ID), msgspec.structs.replace(MESSAGE, code=405)).code
    assert code is not None
    assert (code.name, code.permanence) == ("Unmatched Parameter", "permanent")
    assert code.advice


def test_nothing_is_to_be_done_about_what_was_delivered() -> None:
    """Code 0 is also "unknown error" in Sinch's list, where it may be sent again; not when the word is Delivered."""
    delivered = msgspec.structs.replace(MESSAGE, status="delivered", provider_status="Delivered", code=0)
    code = message_answer(str(ID), delivered).code
    assert code is not None
    assert (code.permanence, code.advice) == ("none", "Nothing to do.")


def test_numbers_are_shown_with_a_plus() -> None:
    """Inside they are digits; people get them as they write them."""
    assert message_answer(str(ID), MESSAGE).recipient == "+15551231234"
