"""Sinch's webhook signature, against the vectors of its own SDKs."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.sinch.wire.signature import NONCE, SIGNATURE, TIMESTAMP, sign, signature_headers, verify

VECTORS: dict[str, Any] = msgspec.json.decode(
    Path(__file__).with_name("samples").joinpath("webhook_signature_vectors.json").read_bytes(),
)


@pytest.mark.parametrize("name", VECTORS)
def test_sinchs_own_vectors_hold(name: str) -> None:
    """The signature that Sinch published is made and accepted."""
    vector = VECTORS[name]
    headers, body = vector["headers"], vector["body"].encode()
    assert sign(body, vector["secret"], headers[NONCE], headers[TIMESTAMP]) == headers[SIGNATURE]
    assert verify(body, headers, [vector["secret"]])


@pytest.mark.parametrize("name", VECTORS)
def test_another_body_secret_nonce_or_time_is_refused(name: str) -> None:
    """Every part of the message counts."""
    vector = VECTORS[name]
    headers, body, secret = vector["headers"], vector["body"].encode(), vector["secret"]
    assert not verify(body + b" ", headers, [secret])
    assert not verify(body, headers, [secret + "x"])
    assert not verify(body, headers | {NONCE: "01"}, [secret])
    assert not verify(body, headers | {TIMESTAMP: "1"}, [secret])


def headers_for(body: bytes) -> dict[str, str]:
    """A good signature with the secret `new`."""
    return signature_headers(body, "new", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "1736760161")


def test_one_of_several_secrets_is_enough() -> None:
    """While a secret is changed, both are good."""
    assert verify(b"{}", headers_for(b"{}"), ["old", "new"])


def test_no_secret_accepts_nothing() -> None:
    """Neither an empty list nor an empty secret lets anything through."""
    empty = signature_headers(b"{}", "", "n", "1")
    assert not verify(b"{}", empty, [])
    assert not verify(b"{}", empty, [""])


@pytest.mark.parametrize("missing", [SIGNATURE, NONCE, TIMESTAMP])
def test_a_missing_header_is_refused(missing: str) -> None:
    """All three must be there; the algorithm may be left out."""
    headers = headers_for(b"{}")
    del headers[missing]
    assert not verify(b"{}", headers, ["new"])


def test_header_names_have_no_case() -> None:
    """Proxies rewrite them."""
    assert verify(b"{}", {name.title(): value for name, value in headers_for(b"{}").items()}, ["new"])


def test_another_algorithm_is_refused() -> None:
    """A header that names another algorithm is not overlooked."""
    headers = headers_for(b"{}") | {"x-sinch-webhook-signature-algorithm": "none"}
    assert not verify(b"{}", headers, ["new"])


def test_a_signature_of_odd_bytes_is_refused_not_failed_on() -> None:
    """Header bytes that are no UTF-8 arrive as surrogates."""
    assert not verify(b"{}", headers_for(b"{}") | {SIGNATURE: "\udcff", NONCE: "\udcfe"}, ["new"])
