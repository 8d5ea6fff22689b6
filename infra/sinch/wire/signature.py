"""Sinch's webhook signature: HMAC-SHA256 over `body.nonce.timestamp`, base64, the secret used as it is.

Checked against the vectors of Sinch's own SDKs (tests/unit/sinch/samples). Freshness is not judged here: retries come
for almost a day and it is not documented whether Sinch signs them anew.
"""

import hmac
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from functools import lru_cache

SIGNATURE = "x-sinch-webhook-signature"
ALGORITHM = "x-sinch-webhook-signature-algorithm"
NONCE = "x-sinch-webhook-signature-nonce"
TIMESTAMP = "x-sinch-webhook-signature-timestamp"
HMAC_SHA256 = "HmacSHA256"


def sign(body: bytes, secret: str, nonce: str, timestamp: str) -> str:
    """The signature of these raw bytes. `timestamp` is Unix seconds as a decimal string."""
    return _signature(_bytes(secret), b"%b.%b.%b" % (body, _bytes(nonce), _bytes(timestamp))).decode("ascii")


def _signature(secret: bytes, message: bytes) -> bytes:
    keyed = _keyed(secret).copy()
    keyed.update(message)
    return b2a_base64(keyed.digest(), newline=False)


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> hmac.HMAC:
    """The hash with the secret already in it: copying it is a third cheaper than `hmac.digest`."""
    return hmac.new(secret, digestmod="sha256")


def signature_headers(body: bytes, secret: str, nonce: str, timestamp: str) -> dict[str, str]:
    """The four headers that Sinch sends with a signed callback."""
    return {
        SIGNATURE: sign(body, secret, nonce, timestamp),
        ALGORITHM: HMAC_SHA256,
        NONCE: nonce,
        TIMESTAMP: timestamp,
    }


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """Whether one of the secrets made the signature of these raw bytes; compared in constant time.

    `headers` may be case-sensitive. A missing header or a foreign algorithm is a wrong signature; no algorithm header
    is HmacSHA256, as in Sinch's Python SDK.
    """
    given, nonce, timestamp = _header(headers, SIGNATURE), _header(headers, NONCE), _header(headers, TIMESTAMP)
    if given is None or nonce is None or timestamp is None:
        return False
    algorithm = _header(headers, ALGORITHM)
    if algorithm is not None and algorithm.lower() != HMAC_SHA256.lower():
        return False
    message, signature, good = b"%b.%b.%b" % (body, _bytes(nonce), _bytes(timestamp)), _bytes(given), False
    for secret in secrets:  # every one is tried, whichever fits: the time must not tell which one it was
        if secret:  # an empty secret would be anybody's
            good |= hmac.compare_digest(_signature(_bytes(secret), message), signature)
    return good


def _header(headers: Mapping[str, str], name: str) -> str | None:
    """A header by its name in any case."""
    value = headers.get(name)
    if value is not None:
        return value
    return next((value for key, value in headers.items() if key.lower() == name), None)


def _bytes(text: str) -> bytes:
    """UTF-8; header bytes that were none survive as they came."""
    return text.encode("utf-8", "surrogateescape")
