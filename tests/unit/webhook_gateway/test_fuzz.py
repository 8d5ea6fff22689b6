"""Whatever comes in becomes something that can be read again: nothing is lost, nothing breaks."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import topics
from contracts.events import DeadLetter, decode
from infra.kafka.producer import size_of
from tests.unit.webhook_gateway.test_replies import REPLY
from tests.unit.webhook_gateway.test_translate import FULL, NOW, REPORT, TRANSLATOR

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\ud800", "\0", "STOP"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def twisted(draw: st.DrawFn) -> bytes:
    """A callback as documented in which some fields are missing, added, or something else."""
    body: dict[str, Any] = dict(draw(st.sampled_from([REPORT, FULL, REPLY])))
    for name in draw(st.lists(st.sampled_from([*body, "extra", "media", "udh"]), max_size=4)):
        if draw(st.booleans()):
            body[name] = draw(VALUES)
        else:
            body.pop(name, None)
    return json.dumps(body, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A callback as documented of which some bytes are lost or others."""
    raw = bytearray(json.dumps(draw(st.sampled_from([REPORT, FULL, REPLY]))).encode())
    at = draw(st.integers(0, len(raw) - 1))
    raw[at : at + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    return bytes(raw)


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=200) | twisted() | damaged())
def test_every_body_becomes_events_that_can_be_read(raw: bytes) -> None:
    """At least one, each in its topic, with a key that can be written and twice the same; a dead letter has the bytes."""
    said = TRANSLATOR.read(raw, NOW)
    assert said.entries
    for entry in said.entries:
        event = decode(entry.value)
        assert size_of(entry) > len(entry.key.encode())
        if entry.topic == topics.DEAD_LETTERS:
            assert isinstance(event, DeadLetter)
            assert event.raw == raw or (entry is said.entries[-1] and not said.is_dead)  # a part that could not be read
    assert TRANSLATOR.read(raw, NOW).entries == said.entries
