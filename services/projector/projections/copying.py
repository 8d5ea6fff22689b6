"""Rows in the text format of PostgreSQL's COPY, which is cheaper than its binary one: timestamps stay strings."""

NULL = "\\N"

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def escape(text: str) -> str:
    """A foreign text as one field. Most are empty or one word."""
    return text if not text or text.isalnum() else text.translate(_ESCAPES)
