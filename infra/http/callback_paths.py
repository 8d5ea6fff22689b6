"""Paths of Sinch's callbacks, also as somebody may have typed them: what comes there is judged by the webhook gateway alone."""

import re

PREFIX = "/api/webhooks/"
NEARLY = "(?i:/*api/+webhooks(?:/.*)?)"
"""Behind the first slash, what means the gateway: a slash too many, another case, a word of their own at the end."""

_NEARLY = re.compile("/" + NEARLY, re.DOTALL)


def is_callback(path: str) -> bool:
    """Whether this path, without its query, is meant for the gateway."""
    return path.startswith(PREFIX) or _NEARLY.fullmatch(path) is not None
