"""How many parts a text becomes, and what a template says to one number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.sinch.wire.parts import TEXT, UNICODE, Parts, expand, first_part, parts, placeholders, unicode_characters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Parts(TEXT, 1, 0)),
        ("a" * 160, Parts(TEXT, 1, 160)),
        ("a" * 161, Parts(TEXT, 2, 161)),
        ("a" * 306, Parts(TEXT, 2, 306)),
        ("a" * 307, Parts(TEXT, 3, 307)),
        ("a" * 1071, Parts(TEXT, 7, 1071)),
        ("€" * 80, Parts(TEXT, 1, 160)),
        ("€" * 81, Parts(TEXT, 2, 162)),
        ("a" * 152 + "€" + "a" * 151, Parts(TEXT, 2, 305)),
        ("a" * 152 + "€" + "a" * 152, Parts(TEXT, 3, 306)),
        ("\n\r\f@_", Parts(TEXT, 1, 6)),
        ("я" * 70, Parts(UNICODE, 1, 70)),
        ("я" * 71, Parts(UNICODE, 2, 71)),
        ("я" * 134, Parts(UNICODE, 2, 134)),
        ("я" * 135, Parts(UNICODE, 3, 135)),
        ("👋" * 35, Parts(UNICODE, 1, 70)),
        ("👋" * 36, Parts(UNICODE, 2, 72)),
        ("👋" * 66, Parts(UNICODE, 2, 132)),
        ("👋" * 67, Parts(UNICODE, 3, 134)),
        ("don’t", Parts(UNICODE, 1, 5)),
        ("don't", Parts(TEXT, 1, 5)),
        ("`", Parts(UNICODE, 1, 1)),
        ("ç", Parts(UNICODE, 1, 1)),
    ],
)
def test_parts_and_encoding(text: str, expected: Parts) -> None:
    """The limits of both encodings, with wide characters that are not split."""
    assert parts(text) == expected


@given(st.text(max_size=700))
def test_parts_never_hold_more_than_they_can(text: str) -> None:
    """The count is at least what the length needs and at most one more for every wide character left over."""
    measured = parts(text)
    joined = 153 if measured.encoding == TEXT else 67
    alone = 160 if measured.encoding == TEXT else 70
    if measured.units <= alone:
        assert measured.count == 1
    else:
        assert -(-measured.units // joined) <= measured.count <= -(-measured.units // (joined - 1))


@given(st.text(max_size=400))
def test_the_first_part_is_one_part(text: str) -> None:
    """A shortened text begins like the whole and fits."""
    short = first_part(text)
    assert text.startswith(short)
    assert parts(short).count == 1


def test_the_characters_that_force_unicode_are_named() -> None:
    """Each once, in their order."""
    assert unicode_characters("a’b👋c’") == ["’", "👋"]


def test_a_number_gets_its_own_value_or_the_default() -> None:
    """Keys are case-sensitive; what has no key stays."""
    parameters = {"name": {"15550001111": "Ada", "default": "friend"}}
    assert expand("Hi ${name} ${Name} {name}", parameters, "15550001111").text == "Hi Ada ${Name} {name}"
    assert expand("Hi ${name}", parameters, "15550002222").text == "Hi friend"


def test_a_value_is_not_expanded_again() -> None:
    """A placeholder inside a value is text."""
    assert expand("${a}", {"a": {"default": "${b}"}, "b": {"default": "x"}}, "15550001111").text == "${b}"


def test_an_unmatched_key_is_named_once() -> None:
    """No value for the number and no default: code 405."""
    assert expand("${a} ${a} ${b}", {"a": {"1": "x"}, "b": {"default": ""}}, "15550001111").unmatched == ("a",)


def test_placeholders_are_listed_in_order() -> None:
    """Only well-formed keys of at most 16 characters."""
    assert placeholders("${b} ${a.1} ${b} ${} ${spaced key} ${12345678901234567}") == ["b", "a.1"]
