"""Sinch's own Python SDK against the simulator: it works without complaint and validates what comes back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.sinch.simulator.fixture import SimulatedSinch
from tests.integration.sinch.catcher import Catcher

sinch = pytest.importorskip("sinch")
SmsException = pytest.importorskip("sinch.domains.sms.api.v1.exceptions").SmsException

SENDER, PHONE, OTHER = "+12065550100", "+15550001111", "+15550002222"


@pytest.fixture
def sms(sinch_simulator: SimulatedSinch) -> Any:
    """The SDK's SMS part, pointed at the simulator."""
    client = sinch.SinchClient(service_plan_id="simulator", sms_api_token="simulator", sms_region="us")
    client.configuration.sms_origin_with_service_plan_id = sinch_simulator.url
    return client.sms


def later() -> datetime:
    """An hour from now."""
    return datetime.now(UTC) + timedelta(hours=1)


def test_a_batch_is_sent_and_found(sms: Any) -> None:
    """send, get, list by reference."""
    batch = sms.batches.send_sms(to=[PHONE], from_=SENDER, body="Hi", client_reference="sdk.0.1")
    assert sms.batches.get(batch.id).to == ["15550001111"]
    assert [found.id for found in sms.batches.list(client_reference="sdk.0.1").content()] == [batch.id]


def test_a_batch_is_updated_replaced_and_cancelled(sms: Any) -> None:
    """The id stays; the body and the numbers change."""
    batch = sms.batches.send_sms(to=[PHONE], from_=SENDER, body="Hi", send_at=later())
    updated = sms.batches.update_sms(batch.id, body="Hello", to_add=[OTHER])
    assert (updated.id, updated.body, updated.to) == (batch.id, "Hello", ["15550001111", "15550002222"])
    replaced = sms.batches.replace_sms(batch.id, to=[OTHER], from_=SENDER, body="Bye", send_at=later())
    assert (replaced.id, replaced.created_at, replaced.to) == (batch.id, batch.created_at, ["15550002222"])
    assert sms.batches.cancel(batch.id).canceled is True


def test_a_dry_run_counts_parts(sms: Any) -> None:
    """Recipients, parts, texts and encodings."""
    reply = sms.batches.dry_run_sms(
        to=[PHONE, OTHER],
        from_=SENDER,
        body="Hello ${name}!",
        parameters={"name": {PHONE: "Ada 👋", "default": "friend"}},
        per_recipient=True,
        number_of_recipients=10,
    )
    assert (reply.number_of_recipients, reply.number_of_messages) == (2, 2)
    assert [(one.body, one.encoding) for one in reply.per_recipient] == [
        ("Hello Ada 👋!", "unicode"),
        ("Hello friend!", "text"),
    ]


def test_reports_are_pulled(sms: Any, sinch_simulator: SimulatedSinch) -> None:
    """By batch, by number, and the list."""
    batch = sms.batches.send_sms(to=[PHONE, "+12099991301"], from_=SENDER, body="Hi", client_reference="sdk.1.1")
    sinch_simulator.advance(10)
    report = sms.delivery_reports.get(batch.id, report_type="full")
    assert {(line.code, line.status) for line in report.statuses} == {(0, "Delivered"), (301, "Failed")}
    assert sms.delivery_reports.get_for_number(batch.id, PHONE).status == "Delivered"
    listed = sms.delivery_reports.list(client_reference="sdk.1.1").content()
    assert {(one.recipient, one.code) for one in listed} == {("15550001111", 0), ("12099991301", 301)}


def test_delivery_feedback_is_taken(sms: Any) -> None:
    """202 and nothing else."""
    batch = sms.batches.send_sms(to=[PHONE], from_=SENDER, body="Hi", feedback_enabled=True)
    assert sms.batches.send_delivery_feedback(batch.id, [PHONE]) is None


def test_inbound_messages_are_listed(sms: Any, sinch_simulator: SimulatedSinch) -> None:
    """A phone's reply, in the list and by its id."""
    sms.batches.send_sms(to=[PHONE], from_=SENDER, body="Hi")
    sinch_simulator.inbound(PHONE, "STOP")
    listed = list(sms.inbounds.list(to=[SENDER]).content())
    assert [(one.from_, one.to, one.body) for one in listed] == [("15550001111", "12065550100", "STOP")]
    assert sms.inbounds.get(listed[0].id).body == "STOP"


@pytest.mark.parametrize("mode", ["summary", "full", "per_recipient", "per_recipient_final"])
def test_callbacks_are_signed_and_understood(sms: Any, catcher: Catcher, mode: str) -> None:
    """The SDK's own helper validates the signature and parses the event."""
    batch = sms.batches.send_sms(
        to=[PHONE], from_=SENDER, body="Hi", delivery_report=mode, callback_url=catcher.url, client_reference=mode
    )
    caught = catcher.wait(lambda caught: batch.id.encode() in caught.body)
    events = sms.sinch_events("secret")
    assert events.validate_authentication_header(caught.headers, caught.body.decode())
    assert not sms.sinch_events("another").validate_authentication_header(caught.headers, caught.body.decode())
    event = events.parse_event(caught.body.decode())
    assert (event.batch_id, event.client_reference) == (batch.id, mode)


def test_inbound_callbacks_are_signed_and_understood(
    sms: Any, catcher: Catcher, sinch_simulator: SimulatedSinch
) -> None:
    """A phone's message goes to the plan's own address."""
    message = sinch_simulator.inbound(PHONE, "Hello 👋", to=SENDER)
    caught = catcher.wait(lambda caught: message["id"].encode() in caught.body)
    events = sms.sinch_events("secret")
    assert events.validate_authentication_header(caught.headers, caught.body.decode())
    assert events.parse_event(caught.body.decode()).body == "Hello 👋"


def test_a_refusal_is_understood(sms: Any) -> None:
    """The SDK raises its own error, with the text."""
    with pytest.raises(SmsException) as caught:
        sms.batches.send_sms(to=["+1"], from_=SENDER, body="Hi")
    assert caught.value.http_response.body["code"] == "syntax_invalid_parameter_format"
