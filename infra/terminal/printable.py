"""Texts that may hold anything → texts that a terminal only shows.

A campaign's name, a reply, a log line may hold ESC, with which a terminal is told to rename itself, to hide lines or to
type; characters that turn the direction of writing make one thing look like another.
"""

import re

_OBEYED = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
_IN_LINES = re.compile(f"[{_OBEYED}]")
_IN_ONE_LINE = re.compile(rf"[{_OBEYED}\t\n\u2028\u2029]")


def printable(text: str) -> str:
    r"""The text with everything that a terminal would obey written out, such as `\x1b`; line ends and tabs stay."""
    return _IN_LINES.sub(_written_out, text)


def one_line(text: str) -> str:
    r"""The same where a line end would begin what looks like a line of ours: it is written out as well."""
    return _IN_ONE_LINE.sub(_written_out, text)


def _written_out(found: "re.Match[str]") -> str:
    return found[0].encode("unicode_escape").decode("ascii")
