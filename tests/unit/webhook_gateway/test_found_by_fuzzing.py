"""Bodies that once broke what must hold for any (tests/fuzz/invariants.py), and others like them."""

import json
from typing import Any

import pytest

from contracts import topics
from contracts.events import DeadLetter
from infra.sinch.wire.fields import ID_CHARS, WORD_CHARS
from services.webhook_gateway.translate import MOST_EVENT_BYTES
from tests.fuzz.invariants import check_body, check_proof
from tests.fuzz.webhook_body import PROOFS
from tests.unit.webhook_gateway.test_translate import FULL, NOW, REPORT, TRANSLATOR, translate


@pytest.mark.parametrize(
    "body",
    [REPORT | {"client_reference": "theirs", "batch_id": "x12017777777"},
     REPORT | {"client_reference": "theirs", "batch_id": "+1 (201) 777-7777"},
     FULL | {"client_reference": None, "batch_id": "33.612.34.56.78"},
     FULL | {"client_reference": None, "batch_id": "33612345678"}],
)  # fmt: skip
def test_a_batch_id_that_holds_the_recipients_number_becomes_no_key(body: dict[str, Any]) -> None:
    """Found by fuzzing: with a reference that is not ours the batch id would be the record's key."""
    _, [(topic, key, event)] = translate(body)
    assert isinstance(event, DeadLetter)
    assert (topic, key) == (topics.DEAD_LETTERS, "webhook")


@pytest.mark.parametrize(
    "body", [REPORT | {"status": "s" * 9_000, "batch_id": "b" * 9_000}, FULL | {"batch_id": "b" * 9_000}]
)
def test_no_text_of_others_makes_a_long_log_line(body: dict[str, Any]) -> None:
    """A body of a megabyte may be one word."""
    said = TRANSLATOR.read(json.dumps(body).encode(), NOW)
    assert len(str(said.about)) < 500


@pytest.mark.parametrize("letter", ["s", "é", "\x01"])
def test_what_every_recipient_repeats_counts_against_the_limit(letter: str) -> None:
    """Found while writing the fuzzer: long words beside many numbers were a body of 1 MB and events of gigabytes."""
    numbers = [str(12_010_000_000 + n) for n in range(30_000)]
    line = {"code": 0, "count": 1, "recipients": numbers, "status": letter * WORD_CHARS}
    body = FULL | {"statuses": [line], "batch_id": letter * ID_CHARS, "client_reference": letter * ID_CHARS}
    raw = json.dumps(body, ensure_ascii=letter < " ").encode()
    said = TRANSLATOR.read(raw, NOW)
    assert sum(len(entry.value) for entry in said.entries) <= MOST_EVENT_BYTES
    assert said.kind == "oversized"


def test_a_thousand_recipients_are_far_from_the_limit() -> None:
    """The greatest batch that Sinch takes, with a status as long as may be."""
    numbers = [str(12_010_000_000 + n) for n in range(1_000)]
    line = {"code": 0, "count": 1, "recipients": numbers, "status": "é" * WORD_CHARS}
    assert len(translate(FULL | {"statuses": [line]})[1]) == 1_000


@pytest.mark.parametrize("body", [REPORT, FULL, REPORT | {"batch_id": "12017777777"}])
def test_the_fuzzers_own_check_holds(body: dict[str, Any]) -> None:
    """So that it cannot fall out of use unnoticed."""
    check_body(json.dumps(body).encode())


@pytest.mark.parametrize(
    "raw", [*PROOFS, b"", b"\xff\n\xff\n\xff\n\xff\n\xff\n\xff", b"?token=%ff&token\n.\n.\n.\n.\nbasic \xff"]
)
def test_the_fuzzers_check_of_proofs_holds(raw: bytes) -> None:
    """The same."""
    check_proof(raw)
