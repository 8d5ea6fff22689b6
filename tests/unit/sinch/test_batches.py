"""Batches, bytes to values and back."""

from pathlib import Path

import msgspec
import pytest

from infra.sinch.wire.batches import SendBatch, UnreadableReply, decode_batch, decode_page, decode_send, encode

SAMPLES = Path(__file__).with_name("samples")


def test_sinchs_sample_of_a_batch_is_the_same_bytes() -> None:
    """Read and written, byte for byte."""
    raw = SAMPLES.joinpath("batch.json").read_bytes().strip()
    assert encode(decode_batch(raw)) == raw


def test_a_request_with_all_fields_survives() -> None:
    """Nothing of Sinch's sample is lost."""
    raw = SAMPLES.joinpath("send_all_fields.json").read_bytes()
    assert msgspec.json.decode(encode(decode_send(raw))) == msgspec.json.decode(raw)


def test_a_small_request_is_small() -> None:
    """What is not set is not sent."""
    assert encode(SendBatch(to=["15550001111"], body="Hi")) == b'{"to":["15550001111"],"body":"Hi"}'


def test_unknown_fields_of_a_batch_are_ignored() -> None:
    """Sinch adds fields without a new version."""
    assert decode_batch(b'{"id":"01B","to":[],"tomorrow":1}').id == "01B"


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"id":"","to":[]}', b'{"id":"x"}', b'{"id":1,"to":[]}', b"[]", b"\xff"])
def test_what_is_no_batch_is_unreadable(raw: bytes) -> None:
    """No id, no recipients, no JSON."""
    with pytest.raises(UnreadableReply):
        decode_batch(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"count":1,"page":0,"page_size":30,"batches":[]}',
        b'{"count":0,"page":0,"page_size":1,"batches":[{"id":"x","to":[]}]}',
        b'{"count":0,"page":0,"page_size":0}',
        b'{"batches":[]}',
    ],
)
def test_a_page_whose_figures_disagree_is_unreadable(raw: bytes) -> None:
    """`page_size` is the number in the page; fewer in all than in the page is nonsense."""
    with pytest.raises(UnreadableReply):
        decode_page(raw)


def test_a_page_past_the_end_is_empty() -> None:
    """Sinch answers it with 200."""
    assert decode_page(b'{"count":3,"page":2,"page_size":0,"batches":[]}').batches == []
