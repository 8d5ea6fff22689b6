"""The header `Prefer: wait=N` (RFC 7240): how long the client would like us to wait for Sinch's answer."""

import re

MAX_WAIT_SECONDS = 30
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE | re.ASCII)


def wanted_wait(header: str | None) -> int | None:
    """The seconds to wait, at most 30; None when the client has no such wish or it cannot be read (RFC 7240 §2)."""
    match = _WAIT.search(header or "")
    return None if match is None else min(int(match[1]), MAX_WAIT_SECONDS)
