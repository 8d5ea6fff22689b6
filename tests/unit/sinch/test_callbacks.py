"""Everything Sinch posts to us, read and written."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.sinch.wire import callbacks
from infra.sinch.wire.callback_bytes import encode_callback
from infra.sinch.wire.callbacks import (
    BatchReport,
    InboundMessage,
    RecipientReport,
    UnknownCallback,
    parse_callback,
)
from infra.sinch.wire.fields import UnreadableCallback

SAMPLES = Path(__file__).with_name("samples")
CALLBACKS = sorted(SAMPLES.joinpath("callbacks").glob("*.json"))
VECTORS = msgspec.json.decode(SAMPLES.joinpath("webhook_signature_vectors.json").read_bytes())
GENUINE = VECTORS["sms_recipient_dr"]["body"].encode()

REPORT: dict[str, Any] = {
    "type": "recipient_delivery_report_sms",
    "batch_id": "01B",
    "recipient": "15550001111",
    "code": 0,
    "status": "Delivered",
    "at": "2026-01-01T00:00:00.000Z",
}


def read(**changes: Any) -> Any:
    """A report with some fields other than usual; None takes one out."""
    fields = {name: value for name, value in (REPORT | changes).items() if value is not None}
    return parse_callback(msgspec.json.encode(fields))


@pytest.mark.parametrize("path", CALLBACKS, ids=lambda path: path.stem)
def test_every_sample_is_read_and_written_again(path: Path) -> None:
    """The bytes written are Sinch's own style: compact, sorted, and the very same content."""
    raw = path.read_bytes()
    value = parse_callback(raw)
    assert isinstance(value, RecipientReport | BatchReport | InboundMessage)
    assert encode_callback(value) == msgspec.json.encode(msgspec.json.decode(raw), order="sorted")


def test_the_genuine_body_is_written_byte_for_byte() -> None:
    """The one body that Sinch published as it is on the wire."""
    report = parse_callback(GENUINE)
    assert isinstance(report, RecipientReport)
    assert encode_callback(report) == GENUINE


def test_a_report_is_normalised() -> None:
    """Digits without plus, times in one form, optional fields None when absent."""
    report = read(
        recipient="+1 555 000 1111", at="2026-01-01T01:00:00+01:00", operator_status_at="2026-01-01T00:00:00Z"
    )
    assert report.recipient == "15550001111"
    assert report.at == report.operator_status_at == "2026-01-01T00:00:00.000Z"
    assert report.client_reference is None


def test_an_unknown_status_is_kept_as_it_came() -> None:
    """A new word of Sinch's is not guessed."""
    assert read(status="Teleported").status == "Teleported"


def test_a_code_in_quotes_is_a_number() -> None:
    """One of Sinch's pages shows it so."""
    assert read(code="301").code == 301


def test_unknown_fields_are_kept() -> None:
    """New fields appear without a new version."""
    assert read(price={"amount": "0.01"}).extra == {"price": {"amount": "0.01"}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_reference", 7.5),
        ("operator_status_at", "soon"),
        ("number_of_message_parts", -1),
        ("client_reference", ""),
    ],
)
def test_a_wrong_optional_field_does_not_cost_the_report(name: str, value: object) -> None:
    """It counts as absent and is kept beside."""
    report = read(**{name: value})
    assert getattr(report, name) is None
    assert report.extra == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_id", None), ("batch_id", ""), ("batch_id", 1.5), ("recipient", None), ("recipient", "me"),
        ("recipient", ["15550001111"]), ("status", None), ("status", ""), ("status", 7),
    ],
)  # fmt: skip
def test_what_names_a_message_is_needed(name: str, value: object) -> None:
    """Missing, empty, of another kind."""
    with pytest.raises(UnreadableCallback, match=name):
        read(**{name: value})


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000, b"<html>{}</html>", b"\xff\xfe", "[]".encode("utf-16")],
)
def test_what_is_no_object_is_unreadable(raw: bytes) -> None:
    """Empty, no object, too deep."""
    with pytest.raises(UnreadableCallback):
        parse_callback(raw)


@pytest.mark.parametrize(("raw", "kind"), [(b"{}", ""), (b'{"type":"new"}', "new"), (b'{"type":[]}', ""), (b"{", "")])
def test_an_unknown_type_is_said_to_be_unknown(raw: bytes, kind: str) -> None:
    """It is neither an error nor guessed."""
    value = parse_callback(raw)
    assert isinstance(value, UnknownCallback)
    assert value.type == kind


def test_a_nul_is_replaced() -> None:
    """PostgreSQL's text cannot hold one; a STOP must not be lost for it."""
    raw = SAMPLES.joinpath("callbacks/mo_text.json").read_bytes().replace("👋".encode(), b"\\u0000")
    value = parse_callback(raw)
    assert isinstance(value, InboundMessage)
    assert value.body == "Hello John! \ufffd"


def test_summary_and_full_are_told_apart() -> None:
    """Only a full report names recipients."""
    for name, is_full in (("batch_full", True), ("batch_summary", False)):
        report = parse_callback(SAMPLES.joinpath(f"callbacks/{name}.json").read_bytes())
        assert isinstance(report, BatchReport)
        assert report.is_full is is_full


def test_older_names_of_an_inbound_message_are_understood() -> None:
    """`send_at` is an older name of `sent_at`."""
    raw = SAMPLES.joinpath("callbacks/mo_binary.json").read_bytes().replace(b'"sent_at"', b'"send_at"')
    value = parse_callback(raw)
    assert isinstance(value, InboundMessage)
    assert value.sent_at == "2022-08-24T14:15:22.000Z"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(sorted(callbacks.RECIPIENT_TYPES | callbacks.BATCH_TYPES | callbacks.INBOUND_TYPES))


@given(st.dictionaries(st.sampled_from([*REPORT, "statuses", "body", "from", "to", "id", "received_at"]), JSON), KINDS)
def test_any_object_is_read_or_unreadable(fields: dict[str, Any], kind: str) -> None:
    """Nothing else is ever raised, whatever the fields hold."""
    try:
        parse_callback(msgspec.json.encode(fields | {"type": kind}))
    except UnreadableCallback:
        return


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "code": st.integers(-1, 2**31) | st.text(max_size=3),
            "status": st.text(),
            "recipient": st.sampled_from(["15550001111", "+15550001111", "x", ""]),
            "at": st.sampled_from(
                ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00", "x"]
            ),
            "operator_status_at": st.sampled_from(["2026-01-01T00:00:00Z", "x", ""]),
            "client_reference": st.text() | st.none() | st.integers(),
            "number_of_message_parts": st.integers(-1, 9) | st.text(max_size=2),
            "extra": JSON.filter(bool),
            "new": JSON,
        },
    ),
)
def test_the_short_way_reads_as_the_long_way(changes: dict[str, Any]) -> None:
    """What is read at once is what field by field reading gives."""
    raw = msgspec.json.encode(REPORT | changes)
    short = callbacks._usual_report(raw) if b"\\u0000" not in raw and b'""' not in raw else None
    if short is not None:
        fields = msgspec.json.decode(raw)
        assert short == callbacks._recipient_report(fields, fields["type"], [])
