"""Recipients as clients give them."""

from typing import Any

import pytest

from services.campaign.recipients import Recipients

ADA = "+15551231234"
BOB = "+15551256344"


def read(*items: Any) -> Recipients:
    """All items of one request."""
    recipients = Recipients()
    recipients.read(items)
    return recipients


def test_order_is_kept() -> None:
    """Recipients stand in the order of the request."""
    assert list(read(BOB, ADA).parameters) == ["15551256344", "15551231234"]


def test_a_repeated_number_is_taken_once() -> None:
    """The same number in another spelling is a duplicate and is counted."""
    recipients = read(ADA, "+1 555 123 1234", {"phone": "0015551231234"})
    assert (list(recipients.parameters), recipients.duplicates) == (["15551231234"], 2)


def test_an_object_brings_name_and_parameters() -> None:
    """Names and parameters are kept under the number's digits."""
    recipients = read({"phone": ADA, "first_name": "Ada", "parameters": {"code": "7"}})
    assert recipients.names == {"15551231234": ("Ada", None)}
    assert recipients.parameters == {"15551231234": {"code": "7"}}


def test_of_a_repeated_number_the_first_parameters_stand() -> None:
    """A repetition changes nothing of what was read before."""
    recipients = read({"phone": ADA, "parameters": {"n": "1"}}, {"phone": ADA, "parameters": {"n": "2"}})
    assert recipients.parameters["15551231234"] == {"n": "1"}


@pytest.mark.parametrize(
    ("item", "pointer", "value", "detail"),
    [
        ("x", "/recipients/1", "x", "has characters that a phone number cannot have"),
        ("+1 555", "/recipients/1", "+1 555", "too short for a phone number"),
        (15551231234, "/recipients/1", 15551231234, "must be a number as text, or an object with `phone`"),
        (None, "/recipients/1", None, "must be a number as text, or an object with `phone`"),
        ([ADA], "/recipients/1", [ADA], "must be a number as text, or an object with `phone`"),
        ({}, "/recipients/1/phone", None, "is missing"),
        ({"phone": 1}, "/recipients/1/phone", 1, "must be a text"),
        ({"phone": "12"}, "/recipients/1/phone", "12", "too short for a phone number"),
        ({"phone": ADA, "zip": "1"}, "/recipients/1/zip", "1", "is not a field that is known here"),
        ({"phone": ADA, "first_name": "a\0"}, "/recipients/1/first_name", "a\0",
         "must not hold the character NUL (U+0000)"),
        ({"phone": ADA, "parameters": {"a b": "1"}}, "/recipients/1/parameters/a b", "a b",
         "the name may hold letters, digits, dots, dashes and underscores only"),
        ({"phone": ADA, "parameters": {"a" * 17: "1"}}, f"/recipients/1/parameters/{'a' * 17}", "a" * 17,
         "the name may have at most 16 characters"),
        ({"phone": ADA, "parameters": {"a": "x" * 161}}, "/recipients/1/parameters/a", "x" * 161,
         "may have at most 160 characters"),
        ({"phone": ADA, "parameters": {"a": 1}}, "/recipients/1/parameters/a", 1, "must be a text"),
        ({"phone": ADA, "parameters": []}, "/recipients/1/parameters", [], "must be an object"),
    ],
)  # fmt: skip
def test_a_wrong_recipient_is_named(item: Any, pointer: str, value: Any, detail: str) -> None:
    """A fault says where, gives back what was given, and says in words what is wrong."""
    (fault,) = read(ADA, item).faults.first
    assert (fault.pointer, fault.value, fault.detail) == (pointer, value, detail)


def test_every_wrong_number_is_named() -> None:
    """One request, many faults: none hides another."""
    assert [fault.pointer for fault in read("x", ADA, "y", {"phone": "z", "zip": 1}).faults.first] == [
        "/recipients/0",
        "/recipients/2",
        "/recipients/3/zip",
        "/recipients/3/phone",
    ]


def test_a_long_value_is_shortened() -> None:
    """What goes back to the client is at most 200 characters and a sign that it was cut."""
    (fault,) = read("9" * 5_000).faults.first
    assert fault.value == "9" * 200 + "…"
