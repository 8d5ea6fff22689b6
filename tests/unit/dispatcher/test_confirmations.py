"""What is asked for in answer to a STOP or a START."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import ValidationError

from contracts.events import CampaignRequested, ConsentDecision, RecipientOptedIn, RecipientOptedOut, decode
from contracts.http.campaigns import SendRequest
from contracts.identity import derived_id
from infra.process.world import iso
from services.dispatcher.confirmations import WITHIN, Confirmations

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOTH = Confirmations("You are out.", "You are in.")


def reply(
    kind: type[RecipientOptedOut | RecipientOptedIn] = RecipientOptedOut, originator: str = "1555"
) -> ConsentDecision:
    """A reply received at AT."""
    return kind(
        event_id=derived_id("a reply"), occurred_at=iso(AT), recipient="15550000001", received_at=iso(AT),
        source="reply", originator=originator,
    )  # fmt: skip


def asked(
    confirmations: Confirmations, event: ConsentDecision, after: timedelta = timedelta()
) -> list[CampaignRequested]:
    """What is asked for when the reply is taken in so long after Sinch received it."""
    requests = [decode(entry.value) for entry in confirmations.asked_by([event], AT + after)]
    return [request for request in requests if isinstance(request, CampaignRequested)]


def test_a_stop_is_confirmed_by_the_number_that_it_was_sent_to() -> None:
    """To that one recipient, naming the reply, ahead of other campaigns, and never later than an hour after it."""
    (request,) = asked(BOTH, reply())
    assert (request.body, request.name, request.sender) == ("You are out.", "Opt-out confirmation", "1555")
    assert (request.recipients, request.confirms) == (["15550000001"], reply().event_id)
    assert (request.expire_at, request.priority) == (iso(AT + WITHIN), 9)
    assert (request.chunks, request.retry_delays, request.delivery_policy) == (1, [], "at_most_once")


def test_a_start_is_confirmed_with_its_own_text() -> None:
    """Under its own name."""
    (request,) = asked(BOTH, reply(RecipientOptedIn))
    assert (request.body, request.name) == ("You are in.", "Opt-in confirmation")


def test_a_reply_whose_number_is_not_known_is_confirmed_by_the_usual_sender() -> None:
    """Events from before the field was there have none."""
    assert asked(BOTH, reply(originator=""))[0].sender is None


@pytest.mark.parametrize("kind", [RecipientOptedOut, RecipientOptedIn])
def test_nothing_is_confirmed_unless_there_is_a_text(kind: type[RecipientOptedOut | RecipientOptedIn]) -> None:
    """Off by default; each of the two is its own switch."""
    other = Confirmations(opt_in="in") if kind is RecipientOptedOut else Confirmations(opt_out="out")
    assert asked(Confirmations(), reply(kind)) == asked(other, reply(kind)) == []


@pytest.mark.parametrize(
    ("after", "confirmed"), [(WITHIN, True), (WITHIN + timedelta(seconds=1), False), (-2 * WITHIN, False)]
)
def test_history_is_not_confirmed(after: timedelta, confirmed: bool) -> None:
    """A log read anew is full of old replies; one that is far ahead of our clock has no age that could be trusted."""
    assert bool(asked(BOTH, reply(), after)) is confirmed


def test_taking_the_reply_in_again_asks_for_the_same() -> None:
    """Byte for byte, whenever it is done: ids derive from the reply."""
    first, second = (BOTH.asked_by([reply()], AT + timedelta(minutes=n)) for n in (0, 5))
    assert first == second


def test_no_client_can_ask_for_a_confirmation() -> None:
    """The API refuses the field: it would pass an opt-out."""
    body = {"recipients": ["+15551231234"], "message": "Hello", "confirms": reply().event_id}
    with pytest.raises(ValidationError, match="confirms"):
        SendRequest.model_validate(body)


def test_campaigns_stay_listed_by_their_time() -> None:
    """The id is a UUIDv7 of the moment of the reply."""
    (request,) = asked(BOTH, reply())
    born = UUID(request.campaign_id)
    assert (born.version, born.int >> 80) == (7, int(AT.timestamp() * 1000))
