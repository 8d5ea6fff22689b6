"""Senders that Sinch can put above a message: a number, a short code, or a name (CONTRACT §1.1, `from`)."""

from infra.sinch.wire.msisdn import MAX_DIGITS, digits_of, is_msisdn
from infra.sinch.wire.parts import GSM_BASIC

MIN_CODE_DIGITS = 3
MAX_NAME_CHARACTERS = 11
"""3GPP TS 23.040, 9.1.2.5: ten octets of seven-bit characters."""


def sender_fault(text: str) -> str | None:
    """Why nothing can be sent from this sender; None when it can."""
    written = digits_of(text)
    bare = written.removeprefix("+")
    if bare.isascii() and bare.isdigit():
        return _number_fault(written, bare)
    if len(text) > MAX_NAME_CHARACTERS:
        return (
            f"has {len(text)} characters; a name may have {MAX_NAME_CHARACTERS}, as Sinch and the networks take no more"
        )
    if not text.strip():
        return "must not be blank"
    foreign = sorted(set(text) - GSM_BASIC | set(text) & {"\n", "\r"})
    if foreign:
        return f"has {foreign[0]!r}; a name may have letters, digits, spaces and signs of the GSM alphabet only"
    return None


def _number_fault(written: str, bare: str) -> str | None:
    if len(bare.removeprefix("00")) > MAX_DIGITS:
        return f"has {len(bare)} digits; a number has {MAX_DIGITS} at most"
    if len(bare) < MIN_CODE_DIGITS:
        return f"has {len(bare)} digits; a short code has {MIN_CODE_DIGITS} at least"
    if written.startswith("+") and not is_msisdn(bare):
        return "is no number with its country code, as it should be behind a +"
    return None
