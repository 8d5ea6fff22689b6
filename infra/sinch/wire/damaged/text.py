"""Bytes that should be UTF-8 → text.

Sinch writes UTF-8 (CONTRACT §1.0, §4). What stands between it and us may not: a proxy that adds a byte order mark or
writes UTF-16, a text of a phone that was taken for Windows-1252, half of an emoji.
"""

import codecs
import json

REPLACEMENT = "\ufffd"

_HALF_BYTES = 3  # of a surrogate, as it would stand in UTF-8
_HALF_BEGINS = 0xED
_HALF_GOES_ON = range(0xA0, 0xC0)


def text_of(raw: bytes) -> tuple[str, str]:
    """The text, and in words what was done to read it; "" for nothing. Never fails."""
    encoding = json.detect_encoding(raw)  # by its byte order mark, or by where its zeros stand (RFC 4627 §3)
    try:
        text, note = raw.decode(encoding), "" if encoding == "utf-8" else f"it was written in {encoding}"
    except UnicodeDecodeError:
        errors = _BY_BYTE if encoding.startswith("utf-8") else "replace"
        text, note = raw.decode(encoding, errors), f"some of its bytes are no {encoding}: they are replaced"
    return text.lstrip("\ufeff"), note


def _windows_1252(error: UnicodeError) -> tuple[str, int]:
    """What stands for bytes that are no UTF-8: the letters that Windows-1252 has for them, U+FFFD for half an emoji."""
    assert isinstance(error, UnicodeDecodeError)
    wrong = error.object[error.start : error.start + _HALF_BYTES]
    if len(wrong) == _HALF_BYTES and wrong[0] == _HALF_BEGINS and wrong[1] in _HALF_GOES_ON:
        return REPLACEMENT, error.start + _HALF_BYTES
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_BY_BYTE = "heliograph.windows-1252"
codecs.register_error(_BY_BYTE, _windows_1252)
