"""Senders, judged before Sinch does."""

import pytest

from infra.sinch.wire.senders import sender_fault


@pytest.mark.parametrize(
    "sender",
    ["+15550001111", "15550001111", "+1 (555) 000-1111", "0015550001111", "12345", "123", "123456789012345", "Us",
     "Heliograph1", "Müller", "A & B", "Kaf.e-4_You"],
)  # fmt: skip
def test_what_sinch_takes_passes(sender: str) -> None:
    """A number, a short code, or a name of eleven characters of the GSM alphabet."""
    assert sender_fault(sender) is None


@pytest.mark.parametrize(
    ("sender", "why"),
    [
        ("Heliograph12", "has 12 characters"),
        ("1234567890123456", "has 16 digits"),
        ("001234567890123456", "has 18 digits"),
        ("12", "has 2 digits"),
        ("+0123456789", "is no number with its country code"),
        ("+123", "is no number with its country code"),
        ("Škoda", "has 'Š'"),
        ("a{b}", "has '{'"),
        ("a\nb", "has '\\n'"),
        ("a\x1bb", "has '\\x1b'"),
        ("   ", "must not be blank"),
        ("\uff11\uff12\uff13", "has"),
    ],
)
def test_what_sinch_or_a_network_would_refuse_is_named(sender: str, why: str) -> None:
    """Before anything is stored, with the value and the limit."""
    fault = sender_fault(sender)
    assert fault is not None
    assert fault.startswith(why)
