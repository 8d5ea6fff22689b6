"""What must hold for any bytes that come in as a callback, its address and its headers."""

from contracts import topics
from contracts.consent import Keywords
from contracts.events import AnyEvent, DeadLetter, DeliveryReported, InboundReceived, decode
from contracts.identity import parse_reference, pseudonym
from infra.sinch.wire.msisdn import digits_of
from infra.sinch.wire.signature import ALGORITHM, NONCE, SIGNATURE, TIMESTAMP, signature_headers
from services.webhook_gateway.proof import Caller, Proof, Signed
from services.webhook_gateway.translate import MOST_DEAD_BYTES, MOST_EVENT_BYTES, Translator

NOW = "2026-03-01T12:00:05.000Z"
NOW_SECONDS = 1_772_366_405.0
PRIVACY_KEY = "k" * 16
SECRET = "s3cret"
TOKENS = ("a+b &c", "tökên")
TRANSLATOR = Translator(lambda number: pseudonym(number, PRIVACY_KEY), Keywords())
PROOF = Proof(TOKENS, ("user:pässword",), (SECRET, "older"), 300)

MOST_SHOWN = 1_000
GROWTH = 8
"""Times its own length that a body may become beside what is allowed for a batch's report: a picture message's text
stands in two fields of its reply, and a control character is six letters in JSON."""


def check_body(raw: bytes) -> None:
    """At least one entry, each readable again, the same every time, bounded, and no number in a key."""
    said = TRANSLATOR.read(raw, NOW)
    assert said.entries, "lost"
    assert len(str(said.about)) < MOST_SHOWN, "a long log line"
    assert sum(len(entry.value) for entry in said.entries) <= MOST_EVENT_BYTES + GROWTH * len(raw) + 10_000, "too large"
    for entry in said.entries:
        event = decode(entry.value)
        entry.key.encode()
        assert not _names_somebody(entry.key, event), f"a number in the key of {entry.topic}"
        if entry.topic == topics.DEAD_LETTERS:
            assert isinstance(event, DeadLetter)
            assert said.is_partly_dead
            assert not said.is_dead or event.raw == raw[:MOST_DEAD_BYTES]
    assert TRANSLATOR.read(raw, NOW) == said, "not the same twice"


def check_proof(raw: bytes) -> None:
    """Nobody is let in who does not know a token, whatever the address and the headers are; and nothing breaks."""
    target, *rest = raw.decode("utf-8", "surrogateescape").split("\n")  # as aiohttp decodes them
    signature, nonce, timestamp, algorithm, basic, body = (*rest, *[""] * 6)[:6]
    headers = {
        SIGNATURE: signature, NONCE: nonce, TIMESTAMP: timestamp, ALGORITHM: algorithm, "Authorization": basic,
    }  # fmt: skip
    if PROOF.caller(target, headers) is not Caller.STRANGER:
        assert "token=" in target or "token" in target.replace("%", ""), "let in without a token"
    data = body.encode("utf-8", "surrogateescape")
    assert PROOF.signature(data, headers, NOW_SECONDS) is not Signed.UNASKED
    right = signature_headers(data, SECRET, nonce, str(int(NOW_SECONDS)))
    expected = Signed.WRONG if "." in nonce else Signed.RIGHT
    assert PROOF.signature(data, right, NOW_SECONDS) is expected, "our own signature"
    assert PROOF.signature(data + b"x", right, NOW_SECONDS) is Signed.WRONG, "a signature of another body"


def _names_somebody(key: str, event: AnyEvent) -> bool:
    """Whether the number that the event is about stands in its key. A chunk's key is of our own making."""
    match event:
        case DeliveryReported():
            return parse_reference(event.client_reference) is None and event.recipient in digits_of(key)
        case InboundReceived():
            return key != pseudonym(event.sender, PRIVACY_KEY)
        case _:
            return False
