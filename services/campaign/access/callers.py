"""A caller: a key, or anybody while the API stands open; what it may do, and how much."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from aiohttp import web

from infra.process.access import ApiKey
from services.campaign.access.scopes import ALL_SCOPES, Scope


class Limits(msgspec.Struct, frozen=True):
    """What a key may use at most. None: as the settings say. Countries: ISO 3166, two letters."""

    requests_per_minute: int | None = None
    parts_per_request: int | None = None
    parts_per_day: int | None = None
    countries: tuple[str, ...] | None = None


class Caller(msgspec.Struct, frozen=True):
    """One that calls. `id` is the name in events, logs and counts."""

    id: str
    scopes: frozenset[Scope] = ALL_SCOPES
    default_region: str | None = None
    limits: Limits = Limits()
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


ANONYMOUS = Caller("anonymous")
"""Anybody, while the API stands open."""

CALLER = web.RequestKey("caller", Caller)
"""Whose request it is."""


def of_settings(keys: Iterable[ApiKey]) -> dict[str, Caller]:
    """The keys of API_KEYS by their ids: they may do everything, within the settings' limits."""
    return {key.id: Caller(key.id) for key in keys}
