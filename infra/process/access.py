"""Who may call the API: the keys, and when it may stand open without any."""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

KEY_ID_DIGITS = 8


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key of the API: the name that events and logs carry, and the secret that nobody sees."""

    id: str
    secret: SecretStr

    @classmethod
    def parse(cls, text: str) -> "ApiKey":
        """Read `name:secret`, or a bare secret, whose name is the first 8 hex digits of its SHA-256."""
        name, colon, secret = text.partition(":")
        if not colon:
            name, secret = hashlib.sha256(text.encode()).hexdigest()[:KEY_ID_DIGITS], text
        if not name or not secret:
            raise ValueError("takes `name:secret` or a bare secret, several separated by commas; one of them is empty")
        return cls(name, SecretStr(secret))


def find_key(keys: Iterable[ApiKey], presented: str) -> ApiKey | None:
    """The key whose secret was presented. Takes the same time whichever it is and however much of it is right."""
    found = None
    for key in keys:
        if hmac.compare_digest(key.secret.get_secret_value().encode(), presented.encode(errors="surrogateescape")):
            found = key
    return found


def is_loopback(host: str) -> bool:
    """True for addresses that only this machine can reach."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def may_stand_open(host: str, base_url: str | None) -> bool:
    """Whether the API may answer without keys (DESIGN §2).

    Only while it listens on loopback and nobody outside was told an address: a tunnel arrives from loopback too, so
    the public `base_url` counts as much as the listening `host`.
    """
    return is_loopback(host) and (base_url is None or is_loopback(urlsplit(base_url).hostname or ""))
