"""Logging: no phone number and no secret comes out, whatever carries it."""

import io
import logging
from collections.abc import Callable, Iterator

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from infra.process.logs import LineWriter, configure_logging
from infra.process.masking import OUTSIDE_KEYS, mask_event, mask_loose, mask_phone, mask_text
from tests.waiting import until

PHONE = "15551231234"
SECRET = "s3cret/+value"
NUMBERS = st.from_regex(r"[1-9]\d{6,14}", fullmatch=True)


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    """Leaves logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(params=["json", "console"])
def output(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Logging set up in each of its forms; gives what was written so far."""
    stream = io.BytesIO()
    writer = configure_logging(level="info", form=request.param, service="test", secrets=[SECRET], stream=stream)

    def read() -> str:
        writer.flush()
        return stream.getvalue().decode()

    return read


def _raise(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"phone": f"+{PHONE}"},
        {"phone": PHONE},
        {"recipient": int(PHONE)},
        {"anything": f"sent to +{PHONE} just now"},
        {"to": [PHONE, f"+{PHONE}"]},
        {"details": {"deep": [{"from": PHONE}]}},
        {"path": f"/api/opt-outs/{PHONE}"},
        {"url": f"/api/campaigns/x/messages/%2B{PHONE}/events"},
        {"value": "+1 (555) 123-1234"},
        {"error": f"Key (recipient)=({PHONE}) already exists."},
        {"token": SECRET},
        {"headers": {"Authorization": "Bearer whatever"}},
        {"text": f"Authorization: Bearer {SECRET}"},
        {"url": f"http://host/hook?token={SECRET}&x=1"},
        {"text": f"our secret is {SECRET}."},
        {"target": f"postgresql://user:{SECRET}@host/db"},
    ],
)
def test_nothing_comes_out(output: Callable[[], str], fields: dict[str, object]) -> None:
    """A number or a secret is not in the line, whichever key, text or depth it stands in."""
    structlog.get_logger("x").info("event", **fields)
    line = output()
    assert "event" in line
    for hidden in (PHONE, SECRET, "whatever", "123-1234"):
        assert hidden not in line


def test_exceptions_are_masked(output: Callable[[], str]) -> None:
    """A number inside an exception's text is masked, and the trace is there."""
    try:
        _raise(f"no such recipient {PHONE}, token {SECRET}")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    line = output()
    assert "no such recipient 1555•••1234" in line
    assert "ValueError" in line
    assert SECRET not in line


def test_libraries_are_masked(output: Callable[[], str]) -> None:
    """Lines of libraries that use the standard library's logging pass the same nets."""
    logging.getLogger("aiohttp.server").error("cannot send to %s with %s", PHONE, SECRET)
    line = output()
    assert "cannot send to 1555•••1234 with •••" in line


def test_level_is_kept(output: Callable[[], str]) -> None:
    """A line below the level is not written."""
    structlog.get_logger("x").debug("too much")
    logging.getLogger("x").debug("too much")
    assert output() == ""


def test_json_lines_are_json() -> None:
    """A JSON line has the event, its time, level, logger, service and keys."""
    stream = io.BytesIO()
    configure_logging(level="info", form="auto", service="projector", stream=stream).flush()
    structlog.get_logger("a.b").warning("lag", seconds=1.5)
    line = orjson.loads(stream.getvalue())
    assert line.pop("at").endswith("Z")
    assert line == {"event": "lag", "seconds": 1.5, "level": "warning", "logger": "a.b", "service": "projector"}


@given(NUMBERS, st.sampled_from(["{}", "x {} y", '"{}"', "({})", "={};", "a=+1,b={}"]))
def test_any_international_number_is_masked(number: str, text: str) -> None:
    """Whatever stands around it, a number with its plus is not readable."""
    assert number not in mask_text(text.format(f"+{number}"))


@given(NUMBERS.filter(lambda number: len(number) >= 10), st.sampled_from(["{}", "x {} y", '"{}"', "({})", "={};"]))
def test_any_long_run_of_digits_is_masked_in_foreign_text(number: str, text: str) -> None:
    """In texts by others, a bare number of 10 to 15 digits is not readable either."""
    assert number not in mask_loose(text.format(number))


HOSTILE = ("{}", "+{}", "00{}", "x{}y", "_{}", "-{}-", ".{}", "0000{}", "{}0000", "id={}", "\u200e{}")
OUTSIDE = sorted(OUTSIDE_KEYS)


@pytest.mark.parametrize("form", HOSTILE)
@pytest.mark.parametrize("key", [*OUTSIDE, "error", "why", "exception", "reason", "anything_else"])
def test_a_number_in_the_place_of_an_id_is_masked(key: str, form: str) -> None:
    """Ids and words from outside that are a number, or hold one, are not readable under any key (FAULTS I9)."""
    value = form.format(PHONE)
    shown = str(mask_event({key: value, "deep": {key: [value]}, "list": [{key: value}]}))
    assert PHONE not in shown


@pytest.mark.parametrize(
    "value", ["1-555-123-1234", "+1 (555) 123-1234", "1.555.123.1234", "1555 1231234", "１５５５１２３１２３４"]
)
@pytest.mark.parametrize("key", OUTSIDE)
def test_a_number_set_apart_is_masked_in_an_id(key: str, value: str) -> None:
    """Under a key of what comes from outside separators and other digits hide nothing."""
    assert value not in str(mask_event({key: value}))


@given(NUMBERS, st.sampled_from(OUTSIDE))
def test_any_number_as_an_id_is_masked(number: str, key: str) -> None:
    """Whatever number stands in the place of an id."""
    assert number not in str(mask_event({key: number})) or len(number) < 7


def test_ids_stay_whole() -> None:
    """What we and Sinch make is what an operator looks for: it stays."""
    line: dict[str, object] = {
        "batch_id": "01M84WGX0ZEM6VCFR70GG36NS5", "client_reference": "01a209c8-72e1-759c-bd02-123456789012.0.1",
        "campaign_id": "01a209c8-72e1-759c-bd02-aec56ba094dc", "status": "Delivered", "offset": 12345678901, "ms": 0.12345678901,
        "at": "2026-03-01T12:00:00.000000Z", "address": "192.168.100.200:9092", "key": "01a209c8-72e1-759c-bd02-aec56ba094dc.0",
    }  # fmt: skip
    assert mask_event(line) == line


@given(NUMBERS, st.sampled_from(["phone", "recipient", "to", "from", "recipients"]))
def test_any_number_is_masked_under_a_phone_s_key(number: str, key: str) -> None:
    """Under a key that names a phone, digits and integers are not readable."""
    assert number not in str(mask_event({key: number, "deep": [{key: int(number)}]}))


@pytest.mark.parametrize(
    "value",
    [
        "018f3c5e-7b1a-7c3d-9e2f-123456789012.0.1",
        "2026-03-01T12:00:00.000Z",
        "127.0.0.1:9092",
        "0.2.1718000000000",
    ],
)
def test_what_is_no_number_stays(value: str) -> None:
    """References, times and addresses are left as they are."""
    assert mask_loose(value) == value


@pytest.mark.parametrize(("digits", "masked"), [(PHONE, "1555•••1234"), ("4712345", "47•••45")])
def test_mask_shape(digits: str, masked: str) -> None:
    """Four digits at each end stay, two of a short number."""
    assert mask_phone(digits) == masked


async def test_lines_wait_a_moment_for_others() -> None:
    """While a loop runs, lines are written together soon after."""
    stream = io.BytesIO()
    writer = LineWriter(stream)
    writer.write(b"one")
    writer.write(b"two")
    before = stream.getvalue()
    await until(lambda: stream.getvalue() != b"", "the lines are written")
    assert (before, stream.getvalue()) == (b"", b"one\ntwo\n")


async def test_urgent_lines_do_not_wait() -> None:
    """A warning is written at once, with everything before it."""
    stream = io.BytesIO()
    writer = LineWriter(stream)
    writer.write(b"one")
    writer.write(b"two", urgent=True)
    assert stream.getvalue() == b"one\ntwo\n"


def test_no_line_commands_the_terminal() -> None:
    """What was read from outside is shown with ESC and its like written out, by us and by libraries alike."""
    stream = io.BytesIO()
    writer = configure_logging(level="info", form="console", stream=stream)
    structlog.get_logger().warning("said", reason="a\x1b]0;owned\x07b\u202e", several=["\x9b2J"])
    logging.getLogger("library").warning("got %s", "\x1b[2J")
    writer.flush()
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(stream.getvalue().decode())
