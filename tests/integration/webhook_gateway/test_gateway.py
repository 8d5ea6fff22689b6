"""200 means that the log has it."""

import json
import zlib

import pytest

from contracts import topics
from contracts.events import BatchReported, DeadLetter, DeliveryReported
from infra.kafka.connection import KafkaConnection
from services.webhook_gateway.body import MOST_BYTES
from tests.integration.webhook_gateway.conftest import Start
from tests.reading import events_of
from tests.unit.webhook_gateway.test_translate import CAMPAIGN, FULL, REPORT

PATH = "/api/webhooks/delivery-reports"


@pytest.mark.parametrize("path", [PATH, "/api/webhooks/sinch"])
async def test_a_report_answered_200_is_in_the_log(start: Start, kafka: KafkaConnection, path: str) -> None:
    """With the guide's own words as the answer."""
    answer = await (await start()).post(path, json=REPORT)
    assert (answer.status, await answer.json()) == (200, {"message": "Webhook received successfully."})
    (event,) = await events_of(kafka, topics.DELIVERY_REPORTS)
    assert isinstance(event, DeliveryReported)
    assert (event.recipient, event.status) == ("12017777777", "Delivered")


async def test_a_repeated_callback_is_the_same_fact(start: Start, kafka: KafkaConnection) -> None:
    """Sinch repeats what it thinks was not heard; the event id shows it."""
    client = await start()
    for _ in range(2):
        assert (await client.post(PATH, json=FULL)).status == 200
    reports = await events_of(kafka, topics.DELIVERY_REPORTS)
    assert (len(reports), len({r.event_id for r in reports})) == (6, 3)


async def test_a_full_report_of_a_thousand_is_in_the_log_whole(start: Start, kafka: KafkaConnection) -> None:
    """One callback, a thousand events."""
    numbers = [str(12010000000 + n) for n in range(1000)]
    body = FULL | {"statuses": [{"code": 0, "count": 1000, "status": "Delivered", "recipients": numbers}]}
    assert (await (await start()).post(PATH, json=body)).status == 200
    reports = await events_of(kafka, topics.DELIVERY_REPORTS)
    assert {r.recipient for r in reports if isinstance(r, DeliveryReported)} == set(numbers)


async def test_a_summary_is_kept(start: Start, kafka: KafkaConnection) -> None:
    """As counts of its batch."""
    body = FULL | {"statuses": [{"code": 0, "count": 3, "status": "Delivered"}]}
    assert (await (await start()).post(PATH, json=body)).status == 200
    (event,) = await events_of(kafka, topics.DELIVERY_REPORTS)
    assert isinstance(event, BatchReported)
    assert event.campaign_id == CAMPAIGN


@pytest.mark.parametrize("raw", [b"", b"not json", b"\xff\xfe", b'{"type": "beam"}', b"[" * 5000, zlib.compress(b"{}")])
async def test_what_cannot_be_read_is_kept_and_answered_200(start: Start, kafka: KafkaConnection, raw: bytes) -> None:
    """A 4xx would lose it: Sinch does not repeat one."""
    headers = {"Content-Type": "application/json; charset=nonsense"}
    assert (await (await start()).post(PATH, data=raw, headers=headers)).status == 200
    (event,) = await events_of(kafka, topics.DEAD_LETTERS)
    assert isinstance(event, DeadLetter)
    assert event.raw == raw


async def test_an_oversized_body_is_cut_and_kept(start: Start, kafka: KafkaConnection) -> None:
    """Never answered 413."""
    assert (await (await start()).post(PATH, data=b"x" * (MOST_BYTES + 1))).status == 200
    (event,) = await events_of(kafka, topics.DEAD_LETTERS)
    assert isinstance(event, DeadLetter)
    assert event.truncated


@pytest.mark.parametrize(
    ("query", "status"), [("", 401), ("?token=wrong", 401), ("?token=old", 200), ("?token=new", 200)]
)
async def test_a_token_is_asked_for_when_one_is_set(
    start: Start, kafka: KafkaConnection, query: str, status: int
) -> None:
    """Several are valid at once, for rotation; a wrong one stores nothing."""
    client = await start(webhook_token="new,old")
    assert (await client.post(PATH + query, json=REPORT)).status == status
    assert len(await events_of(kafka, topics.DELIVERY_REPORTS)) == (status == 200)


@pytest.mark.parametrize(
    "path",
    ["/api/webhooks/delivery-reports/", "//api/webhooks/sinch", "/api//webhooks/sinch", "/API/Webhooks/Delivery-Reports",
     "/api/webhooks/other", "/api/webhooks"],
)  # fmt: skip
async def test_a_path_that_is_nearly_ours_is_ours(start: Start, kafka: KafkaConnection, path: str) -> None:
    """A 404 would lose the report for good; who may post there is asked the same."""
    client = await start(webhook_token="secret")
    url = client.make_url("/").with_path(path)
    for query, status in ((None, 401), ("token=secret", 200)):
        assert (await client.session.post(url.with_query(query), json=REPORT)).status == status
    (event,) = await events_of(kafka, topics.DELIVERY_REPORTS)
    assert isinstance(event, DeliveryReported)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", PATH, 405), ("GET", "/api/webhooks/other", 404)])
async def test_a_wrong_call_is_answered_in_json(start: Start, method: str, path: str, status: int) -> None:
    """As everything here is."""
    answer = await (await start()).request(method, path)
    assert (answer.status, "message" in json.loads(await answer.text())) == (status, True)
