"""The names under which a process may be asked: a page that reaches us by a name of its own is not ours (DNS rebinding)."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from infra.process.access import is_loopback

MOST_KNOWN = 256
"""Headers that were found to be ours and are remembered: with their ports there are a handful."""
DEFAULT_PORTS = {"http": 80, "https": 443}


class OwnNames:
    """Loopback's names and addresses, BASE_URL's host and those of ALLOWED_HOSTS; ports do not matter."""

    def __init__(self, base_url: str | None = None, allowed: Iterable[str] = ()) -> None:
        public = urlsplit(base_url).hostname if base_url else None
        self._names = {name.strip("[]").rstrip(".").lower() for name in (*allowed, public or "") if name}
        self._known: set[str] = set()

    def has(self, host: str) -> bool:
        """Whether a Host header names us."""
        if host in self._known:
            return True
        name = host_name(host)
        if name is None or not (name in self._names or is_loopback(name)):
            return False
        if len(self._known) < MOST_KNOWN:
            self._known.add(host)
        return True

    def are_origin(self, origin: str, host: str) -> bool:
        """Whether an Origin header is the page that `host` itself serves, or one of the names that were allowed."""
        parts = _split(origin)
        if parts is None:
            return False
        scheme, name, port = parts
        if name in self._names:
            return True
        asked = _split(f"{scheme}://{host}")
        return asked is not None and asked == (scheme, name, port)


def host_name(host: str) -> str | None:
    """The name in a Host header, in small letters, without port, brackets and the dot at its end; None: it is none."""
    parts = _split(f"http://{host}")
    return parts[1] if parts is not None else None


def _split(origin: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(origin)
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        return None
    return parts.scheme, name.rstrip("."), port or DEFAULT_PORTS.get(parts.scheme)
