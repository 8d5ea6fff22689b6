"""Who is believed."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from infra.http.door import Door
from infra.http.own_names import OwnNames
from infra.sinch.wire.signature import SIGNATURE, signature_headers
from services.webhook_gateway.proof import Caller, Proof, Signed

PATH = "/api/webhooks/delivery-reports"
DOOR = Door(OwnNames(), lambda: True)
BODY = b'{"at":"2024-06-06T08:17:19.210Z","code":0}'
SAMPLES = Path(__file__).parents[1] / "sinch" / "samples" / "webhook_signature_vectors.json"
VECTORS: dict[str, Any] = json.loads(SAMPLES.read_text())


def basic(pair: str) -> dict[str, str]:
    """The header that shows these credentials."""
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


@pytest.mark.parametrize(
    ("query", "caller"),
    [
        ("?token=new%2F1", Caller.PROVEN), ("?token=old", Caller.PROVEN), ("?a=b&token=old", Caller.PROVEN),
        ("?token=new/1", Caller.PROVEN), ("", Caller.STRANGER), ("?token=", Caller.STRANGER),
        ("?token=olds", Caller.STRANGER), ("?Token=old", Caller.STRANGER), ("?token=\udcff", Caller.STRANGER),
        ("?token=wrong&token=old", Caller.STRANGER),
    ],
)  # fmt: skip
def test_any_of_the_tokens_will_do(query: str, caller: Caller) -> None:
    """Several at once, so that a new one can come before the old one goes; however it is quoted."""
    assert Proof(["new/1", "old"]).caller(PATH + query, {}) is caller


FOREIGN = {"Host": "localhost", "Origin": "https://evil.example"}
TUNNEL = {"Host": "localhost", "X-Forwarded-For": "192.0.2.1"}
REBOUND = {"Host": "evil.example"}


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ({"Host": "localhost:3000"}, Caller.UNASKED),
        (FOREIGN, Caller.STRANGER),
        (TUNNEL, Caller.EXPOSED),
        (REBOUND, Caller.EXPOSED),
    ],
)
def test_nothing_configured_has_the_door_of_everything_open(headers: dict[str, str], caller: Caller) -> None:
    """A page cannot undo an opt-out by a reply START; what comes through a tunnel may be Sinch's and is put off."""
    assert Proof(door=DOOR).caller(PATH, headers) is caller


@pytest.mark.parametrize("headers", [FOREIGN, TUNNEL, REBOUND])
@pytest.mark.parametrize("proof", [Proof(["t"], door=DOOR), Proof(secrets=["s"], door=DOOR)])
def test_what_is_proven_may_come_from_anywhere(proof: Proof, headers: dict[str, str]) -> None:
    """A token or a signature says more than a Host header, and Sinch comes through whatever stands before us."""
    assert proof.caller(f"{PATH}?token=t", headers) in (Caller.PROVEN, Caller.UNASKED)


def test_nothing_configured_asks_for_nothing() -> None:
    """The guide's curl works on the own machine."""
    assert Proof().caller(PATH, {}) is Caller.UNASKED


@pytest.mark.parametrize(
    ("header", "caller"),
    [
        (basic("sinch:one"), Caller.PROVEN), (basic("sinch:two"), Caller.PROVEN), (basic("sinch:x"), Caller.STRANGER),
        ({}, Caller.STRANGER), ({"Authorization": "Basic !!"}, Caller.STRANGER), ({"Authorization": "Bearer sinch:one"}, Caller.STRANGER),
    ],
)  # fmt: skip
def test_basic_credentials(header: dict[str, str], caller: Caller) -> None:
    """Several pairs at once as well."""
    assert Proof(basic=["sinch:one", "sinch:two"]).caller(PATH, header) is caller


def test_wrong_credentials_beside_the_right_token_are_doubtful() -> None:
    """More likely a rotation gone wrong than a stranger, and a 401 is never repeated."""
    assert Proof(["t"], ["a:b"]).caller(PATH + "?token=t", {}) is Caller.DOUBTFUL


@pytest.mark.parametrize("name", VECTORS)
def test_sinchs_own_vectors_are_right(name: str) -> None:
    """All that its SDKs publish, with another secret in force beside the right one."""
    vector = VECTORS[name]
    headers, body = vector["headers"], vector["body"].encode()
    assert Proof(secrets=["other", vector["secret"]]).signature(body, headers, 0.0) is Signed.RIGHT
    assert Proof(secrets=["other"]).signature(body, headers, 0.0) is Signed.WRONG
    assert Proof(secrets=[vector["secret"]]).signature(body + b" ", headers, 0.0) is Signed.WRONG


def test_a_body_cut_at_a_dot_is_not_the_signed_one() -> None:
    """The signed text is body.nonce.timestamp: what is cut off the body must not be taken as part of the nonce."""
    headers = signature_headers(BODY, "s", "NONCE", "1")
    head, _, tail = BODY.partition(b".")
    forged = headers | {"x-sinch-webhook-signature-nonce": f"{tail.decode()}.NONCE"}
    assert Proof(secrets=["s"]).signature(BODY, headers, 0.0) is Signed.RIGHT
    assert Proof(secrets=["s"]).signature(head, forged, 0.0) is Signed.WRONG


@pytest.mark.parametrize("missing", list(signature_headers(b"", "s", "n", "1")))
def test_a_missing_header_is_a_wrong_signature(missing: str) -> None:
    """Except the algorithm's, which Sinch's own Python SDK does not ask for."""
    headers = {name: value for name, value in signature_headers(BODY, "s", "n", "1").items() if name != missing}
    assert (Proof(secrets=["s"]).signature(BODY, headers, 0.0) is Signed.RIGHT) == missing.endswith("algorithm")


@pytest.mark.parametrize(
    ("freshness", "age", "signed"),
    [(0, 80_000, Signed.RIGHT), (60, 59, Signed.RIGHT), (60, 61, Signed.STALE), (60, -61, Signed.STALE)],
)
def test_age_counts_only_where_it_is_asked_for(freshness: float, age: int, signed: Signed) -> None:
    """Off by default: Sinch's own retries are up to a day old."""
    now = 1_700_000_000
    headers = signature_headers(BODY, "s", "n", str(now - age))
    assert Proof(secrets=["s"], freshness=freshness).signature(BODY, headers, now) is signed


def test_a_stale_signature_must_be_right_first() -> None:
    """An age says nothing of a signature that is wrong."""
    headers = signature_headers(BODY, "s", "n", "1") | {SIGNATURE: "x"}
    assert Proof(secrets=["s"], freshness=1).signature(BODY, headers, 10_000) is Signed.WRONG
