"""An offer's reference as the ledger's key, and back."""

from collections.abc import Iterable

import asyncpg

from contracts.identity import Reference


def key(reference: Reference) -> tuple[str, int, int, str]:
    """The key's values, for `campaign_id = $1 AND chunk = $2 AND attempt = $3 AND part = $4`."""
    return reference.campaign_id, reference.chunk, reference.attempt, reference.part


def columns(references: Iterable[Reference]) -> tuple[list[str], list[int], list[int], list[str]]:
    """The references as four columns, for unnest."""
    some = list(references)
    return [r.campaign_id for r in some], [r.chunk for r in some], [r.attempt for r in some], [r.part for r in some]


def reference_of(row: asyncpg.Record) -> Reference:
    """The row's client_reference."""
    return Reference(row["campaign_id"], row["chunk"], row["attempt"], row["part"])
