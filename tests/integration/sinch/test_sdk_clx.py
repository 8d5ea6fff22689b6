"""The first SDK of this API (clx-sdk-xms) against the simulator."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from infra.sinch.simulator.fixture import SimulatedSinch
from tests.integration.sinch.catcher import Catcher

xms = pytest.importorskip("clx.xms")
api = pytest.importorskip("clx.xms.api")
deserialize = pytest.importorskip("clx.xms.deserialize")

PHONE, OTHER = "15550001111", "15550002222"


@pytest.fixture
def client(sinch_simulator: SimulatedSinch) -> Any:
    """The SDK, pointed at the simulator."""
    return xms.Client("simulator", "simulator", endpoint=f"{sinch_simulator.url}/xms", timeout=20)


def create(**fields: Any) -> Any:
    """A text batch to two numbers."""
    batch = api.MtBatchTextSmsCreate()
    batch.sender, batch.recipients, batch.body = "12065550100", {PHONE, OTHER}, "Hi ${name}"
    batch.parameters = {"name": {PHONE: "Ada", "default": "friend"}}
    for name, value in fields.items():
        setattr(batch, name, value)
    return batch


def later() -> datetime:
    """An hour from now."""
    return datetime.now(UTC) + timedelta(hours=1)


def test_a_batch_is_sent_and_found(client: Any) -> None:
    """create, fetch, list from a date on."""
    batch = client.create_batch(create())
    assert client.fetch_batch(batch.batch_id).recipients == {PHONE, OTHER}
    pages = client.fetch_batches(start_date=datetime.now(UTC).date() - timedelta(days=1))
    assert [found.batch_id for page in pages for found in page] == [batch.batch_id]


def test_a_batch_is_updated_replaced_and_cancelled(client: Any) -> None:
    """The id stays."""
    batch = client.create_batch(create(send_at=later()))
    update = api.MtBatchTextSmsUpdate()
    update.body, update.recipient_removals = "Hello", {OTHER}
    assert client.update_batch(batch.batch_id, update).recipients == {PHONE}
    update = api.MtBatchTextSmsUpdate()
    update.parameters = api.RESET
    assert client.update_batch(batch.batch_id, update).body == "Hello"
    assert client.replace_batch(batch.batch_id, create(send_at=later())).batch_id == batch.batch_id
    client.cancel_batch(batch.batch_id)
    assert client.fetch_batch(batch.batch_id).canceled is True


def test_a_dry_run_counts_parts(client: Any) -> None:
    """With details of one recipient of two."""
    reply = client.create_batch_dry_run(create(), num_recipients=1)
    assert (reply.number_of_recipients, reply.number_of_messages, len(reply.per_recipient)) == (2, 2, 1)


def test_reports_are_pulled(client: Any, sinch_simulator: SimulatedSinch) -> None:
    """By batch and by number."""
    batch = client.create_batch(create())
    sinch_simulator.advance(10)
    report = client.fetch_delivery_report(batch.batch_id, api.ReportType.FULL, status=["Delivered"], code=[0])
    assert [line.recipients for line in report.statuses] == [{PHONE, OTHER}]
    assert client.fetch_recipient_delivery_report(batch.batch_id, PHONE).status == "Delivered"


def test_inbound_messages_are_listed(client: Any, sinch_simulator: SimulatedSinch) -> None:
    """A phone's reply."""
    message = sinch_simulator.inbound(PHONE, "STOP", to="12065550100")
    pages = client.fetch_inbounds(start_date=date(2020, 1, 1), recipients={"12065550100"})
    assert [found.body for page in pages for found in page] == ["STOP"]
    assert client.fetch_inbound(message["id"]).sender == PHONE


def test_callbacks_are_understood(client: Any, catcher: Catcher) -> None:
    """The SDK's own readers take the bodies."""
    batch = client.create_batch(create(delivery_report="per_recipient_final", callback_url=catcher.url))
    caught = catcher.wait(lambda caught: batch.batch_id.encode() in caught.body)

    response = SimpleNamespace(text=caught.body.decode(), json=lambda: msgspec.json.decode(caught.body))
    report = deserialize.batch_recipient_delivery_report(response)
    assert (report.batch_id, report.status) == (batch.batch_id, "Delivered")


def test_a_refusal_is_understood(client: Any) -> None:
    """The SDK raises its own error, with code and text."""
    with pytest.raises(xms.exceptions.ErrorResponseException, match="MSISDN"):
        client.create_batch(create(recipients={"1"}))
