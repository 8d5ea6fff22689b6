"""Connections that anybody on the way can read, and secrets that can be guessed: refused, or named by ALLOW_INSECURE."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from infra.process.access import is_loopback
from infra.process.settings_errors import Problem

if TYPE_CHECKING:
    from infra.process.settings import Settings

INSECURE = ("kafka", "postgres", "sinch", "callbacks")
"""What ALLOW_INSECURE may name."""
LEAST_SECRET = 16
"""Characters of a secret that strangers may try to guess."""
ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})
SECRETS_OF_CALLBACKS = ("webhook_token", "sinch_webhook_secret", "webhook_basic_auth")


def insecure_problems(settings: "Settings") -> Iterator[Problem]:
    """One problem for each thing that is readable or guessable on the way and was not allowed by name."""
    found = (("kafka", _kafka), ("postgres", _postgres), ("sinch", _sinch), ("callbacks", _callbacks))
    for name, look in found:
        if name not in settings.allow_insecure:
            for setting, value, words in look(settings):
                allow = f"or, where that network is yours alone, name {name} in ALLOW_INSECURE"
                yield Problem(setting, value, f"{words}, {allow}")
    if not settings.may_stand_open:
        yield from _short(settings)


Found = Iterator[tuple[str, str, str]]


def _kafka(settings: "Settings") -> Found:
    protocol, servers = settings.kafka_security_protocol, settings.kafka_bootstrap_servers or ""
    away = _away(_host(place.strip()) for place in servers.split(",") if place.strip())
    if protocol.endswith("PLAINTEXT") and away:
        yield "KAFKA_SECURITY_PROTOCOL", protocol, f"sends everything to {away} in the clear: set SSL or SASL_SSL"


def _postgres(settings: "Settings") -> Found:
    if settings.database_url is None:
        return
    parts = urlsplit(settings.database_url.get_secret_value())
    query = parse_qs(parts.query)
    places = [*parts.netloc.rpartition("@")[2].split(","), *query.get("host", [])]
    away = _away(_host(place) for place in places if place and not place.startswith(("/", "%2F", "%2f")))
    if away and query.get("sslmode", ["prefer"])[-1] not in ENCRYPTED:
        yield "DATABASE_URL", "", f"leads to {away} without TLS: add sslmode=verify-full (or require) to it"


def _sinch(settings: "Settings") -> Found:
    if away := _plain(settings.sinch_base_url):
        yield (
            "SINCH_BASE_URL",
            settings.sinch_base_url,
            f"sends token and messages to {away} in the clear: set https://",
        )


def _callbacks(settings: "Settings") -> Found:
    if settings.base_url is not None and settings.has_real_account and (away := _plain(settings.base_url)):
        yield "BASE_URL", settings.base_url, f"lets Sinch call {away} in the clear, token and all: set https://"


def _short(settings: "Settings") -> Iterator[Problem]:
    for name in SECRETS_OF_CALLBACKS:
        for secret in getattr(settings, name):
            value = secret.get_secret_value()
            if name == "webhook_basic_auth":
                value = value.partition(":")[2]
            if len(value) < LEAST_SECRET:
                what = "a password" if name == "webhook_basic_auth" else "one"
                words = (
                    f"has {what} of {len(value)} characters, and whoever reaches us may guess: at least {LEAST_SECRET}"
                )
                yield Problem(name.upper(), value, words)
                break


def _plain(url: str) -> str:
    """The host of an address without TLS that is not this machine, else ''."""
    parts = urlsplit(url)
    return _away([parts.hostname or ""]) if parts.scheme == "http" else ""


def _host(place: str) -> str:
    """The host of `host:port`, `[::1]:port` or a bare host."""
    return urlsplit(f"//{place}").hostname or ""


def _away(hosts: Iterable[str]) -> str:
    """The first of these hosts that is not this machine, else ''."""
    return next((host for host in hosts if host and not is_loopback(host)), "")
