"""Who gets which answer, and what of it is in the log."""

import json
from typing import Any

import pytest

from contracts import topics
from infra.kafka.connection import KafkaConnection
from infra.process.metrics import REGISTRY
from infra.sinch.wire.signature import SIGNATURE, signature_headers
from tests.integration.webhook_gateway.conftest import PATH, Start
from tests.reading import events_of
from tests.unit.webhook_gateway.test_proof import basic
from tests.unit.webhook_gateway.test_translate import REPORT

RAW = json.dumps(REPORT).encode()
SECRET = "the secret"
SIGNED: dict[str, Any] = {"webhook_token": "t", "sinch_webhook_secret": f"older,{SECRET}"}
TO = f"{PATH}?token=t"


def signed(body: bytes = RAW, secret: str = SECRET, nonce: str = "01JHFFHWYY7HSS4FWTMDTQEK8V") -> dict[str, str]:
    """The headers of a callback that Sinch signed long ago."""
    return signature_headers(body, secret, nonce, "1736760161")


def refused(reason: str) -> float:
    """How many callbacks were refused for this reason, by the metrics."""
    return REGISTRY.get_sample_value("heliograph_reports_refused_total", {"reason": reason}) or 0.0


async def test_a_stranger_gets_401_and_nothing_is_stored(start: Start, kafka: KafkaConnection) -> None:
    """Also with a right signature; it is counted."""
    client, before = await start(**SIGNED), refused("token")
    answer = await client.post(f"{PATH}?token=wrong", data=RAW, headers=signed())
    assert (answer.status, await events_of(kafka, topics.DELIVERY_REPORTS)) == (401, [])
    assert refused("token") == before + 1


async def test_a_wrong_signature_beside_the_right_token_is_put_off(start: Start, kafka: KafkaConnection) -> None:
    """503, because Sinch repeats that: a rotation gone wrong must lose nothing. It is counted."""
    client, before = await start(**SIGNED), refused("signature")
    answer = await client.post(TO, data=RAW, headers=signed(secret="wrong"))
    assert (answer.status, "Retry-After" in answer.headers) == (503, True)
    assert (await events_of(kafka, topics.DELIVERY_REPORTS), refused("signature")) == ([], before + 1)


async def test_no_signature_is_a_wrong_one(start: Start) -> None:
    """Where one is asked for."""
    assert (await (await start(**SIGNED)).post(TO, data=RAW)).status == 503


async def test_a_wrong_signature_raises_an_alert(start: Start, log_output: list[Any]) -> None:
    """As an error in the log, without the body and without the token."""
    await (await start(**SIGNED)).post(TO, data=RAW)
    (line,) = [one for one in log_output if one["event"] == "callback_proof_wrong"]
    assert (line["log_level"], line["alert"]) == ("error", True)
    assert REPORT["recipient"] not in str(line)


@pytest.mark.parametrize("secret", ["older", SECRET])
async def test_a_signed_report_is_kept(start: Start, kafka: KafkaConnection, secret: str) -> None:
    """Signed by any of the secrets in force."""
    answer = await (await start(**SIGNED)).post(TO, data=RAW, headers=signed(secret=secret))
    assert (answer.status, len(await events_of(kafka, topics.DELIVERY_REPORTS))) == (200, 1)


async def test_a_replayed_request_is_answered_and_not_kept_twice(start: Start, kafka: KafkaConnection) -> None:
    """It may be Sinch's own retry, so it is 200; the log has it already."""
    client = await start(**SIGNED)
    answers = [(await client.post(TO, data=RAW, headers=signed())).status for _ in range(3)]
    assert (answers, len(await events_of(kafka, topics.DELIVERY_REPORTS))) == ([200] * 3, 1)


async def test_a_retry_that_sinch_signed_anew_is_the_same_fact(start: Start, kafka: KafkaConnection) -> None:
    """Kept again under the same id: it is not documented whether Sinch signs its retries anew."""
    client = await start(**SIGNED)
    for nonce in ("one", "two"):
        assert (await client.post(TO, data=RAW, headers=signed(nonce=nonce))).status == 200
    found = await events_of(kafka, topics.DELIVERY_REPORTS)
    assert (len(found), len({event.event_id for event in found})) == (2, 1)


async def test_a_refused_nonce_is_not_burnt(start: Start, kafka: KafkaConnection) -> None:
    """What was put off once is taken when it comes right, under the same nonce."""
    client = await start(**SIGNED)
    assert (await client.post(TO, data=RAW, headers=signed() | {SIGNATURE: "x"})).status == 503
    assert (await client.post(TO, data=RAW, headers=signed())).status == 200
    assert len(await events_of(kafka, topics.DELIVERY_REPORTS)) == 1


@pytest.mark.parametrize(("freshness", "status"), [(0, 200), (60, 503)])
async def test_an_old_signature_is_put_off_only_where_age_counts(start: Start, freshness: float, status: int) -> None:
    """Off by default."""
    client = await start(**SIGNED, webhook_freshness=freshness)
    assert (await client.post(TO, data=RAW, headers=signed())).status == status


@pytest.mark.parametrize(("headers", "status"), [(basic("sinch:pw"), 200), (basic("sinch:no"), 401), ({}, 401)])
async def test_basic_credentials_are_asked_for(start: Start, headers: dict[str, str], status: int) -> None:
    """With a challenge for who has none."""
    answer = await (await start(webhook_basic_auth="sinch:pw")).post(PATH, data=RAW, headers=headers)
    assert (answer.status, "WWW-Authenticate" in answer.headers) == (status, status == 401)
