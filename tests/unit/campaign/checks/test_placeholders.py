"""Placeholders of a message against what is known of its recipients."""

from collections.abc import Mapping

import pytest

from services.campaign.checks.placeholders import Placeholders

Own = Mapping[str, str]
LONG = "x" * 160


def faults(message: str, *recipients: Own, defaults: Own | None = None) -> list[tuple[str, str]]:
    """Where something is wrong, and what."""
    placeholders = Placeholders(message, defaults or {})
    for position, own in enumerate(recipients):
        placeholders.check(position, own)
    return [(fault.pointer, fault.detail) for fault in placeholders.faults().first]


@pytest.mark.parametrize(
    ("message", "recipients", "defaults"),
    [
        ("Hello", [{}], {}),
        ("Hello", [{"name": "Ada"}], {"shop": "X"}),
        ("Hi ${name}", [{"name": "Ada"}, {"name": ""}], {}),
        ("Hi ${name}", [{"name": "Ada"}, {}], {"name": "you"}),
        ("Hi ${a.b-c_1}", [{"a.b-c_1": "x"}], {}),
        ("Costs $5, {5}, 10% of 100%, {x} $y %z%", [{"n": "1"}], {}),
        ("${a}" * 12, [{"a": LONG}], {}),
        ("${name} {name} $name", [{"name": "x"}], {}),
    ],
)
def test_what_everybody_can_read_passes(message: str, recipients: list[Own], defaults: Own) -> None:
    """A value of one's own or a default for each placeholder; values that nothing uses do no harm."""
    assert faults(message, *recipients, defaults=defaults) == []


def test_who_has_no_value_is_named() -> None:
    """By his position, with what Sinch would do and what to do."""
    ((pointer, detail),) = faults("You owe ${amount}.", {"amount": "5"}, {}, {"amount": "7"})
    assert pointer == "/recipients/1"
    assert "no value for `${amount}`" in detail
    assert "code 405" in detail


def test_a_value_for_nobody_is_one_fault() -> None:
    """Not one for each of a million."""
    ((pointer, detail),) = faults("You owe ${amount}.", {}, {"name": "x"}, {})
    assert (pointer, detail.startswith("has `${amount}`, for which no recipient has a value")) == ("/message", True)


@pytest.mark.parametrize(
    ("recipients", "defaults"), [([{"Amount": "5"}, {}], {}), ([{}, {}], {"Amount": "5"})], ids=["own", "default"]
)
def test_another_case_is_pointed_out(recipients: list[Own], defaults: Own) -> None:
    """Sinch takes `Amount` and `amount` for two."""
    ((_, detail),) = faults("You owe ${amount}.", *recipients, defaults=defaults)
    assert "A value for `Amount` does not count" in detail


def test_a_hundred_are_named_and_all_are_counted() -> None:
    """An answer stays short, whoever is missing."""
    placeholders = Placeholders("${a}${b}", {"b": "x"})
    placeholders.check(0, {"a": "1"})
    for position in range(1, 1_001):
        placeholders.check(position, {})
    found = placeholders.faults()
    assert (len(found.first), found.count, found.first[0].pointer) == (100, 1_000, "/recipients/1")


@pytest.mark.parametrize("message", ["Hi ${first name}", "Hi ${}", "Hi ${name", "Hi ${{name}}", "${a123456789012345z}"])
def test_what_only_looks_like_a_placeholder_is_refused(message: str) -> None:
    """Sinch sends it as it stands."""
    ((pointer, detail),) = faults(message, {})
    assert (pointer, "is sent as it stands" in detail) == ("/message", True)


@pytest.mark.parametrize("written", ["{name}", "{{ name }}", "$name", "%name%"])
def test_a_placeholder_of_another_program_is_refused_where_a_value_is_given(written: str) -> None:
    """The value shows that it was meant to be filled in."""
    for recipients, defaults in (([{"name": "Ada"}], {}), ([{}], {"name": "you"})):
        ((pointer, detail),) = faults(f"Hi {written}!", *recipients, defaults=defaults)
        assert (pointer, "write `${name}`" in detail) == ("/message", True)
    assert faults(f"Hi {written}!", {"shop": "X"}) == []


def test_a_text_may_not_grow_beyond_what_sinch_takes() -> None:
    """Who gets it is named: 13 values of 160 characters are 2,080."""
    ((pointer, detail),) = faults("${a}" * 13, {"a": "x"}, {"a": LONG})
    assert (pointer, "2,080 characters" in detail) == ("/recipients/1", True)


@pytest.mark.parametrize("value", ["", "  "])
def test_a_text_may_not_be_empty(value: str) -> None:
    """A message of nothing is paid for and confuses whoever gets it."""
    ((pointer, detail),) = faults(" ${a}${b}\n", {"a": "x", "b": ""}, {"a": value, "b": ""})
    assert (pointer, "empty" in detail) == ("/recipients/1", True)
