"""What one run is made of, drawn from its seed."""

import random
from dataclasses import dataclass
from typing import Any

from contracts.codes import CODES, Permanence

POINTS = (
    "claim.before", "claim.after", "attempt.said", "post.before", "post.after", "post.failed", "accepted.said",
    "accepted.settled", "recovery.looked", "recovery.said", "recovery.abandoned", "intake.said", "taken_back.said",
)  # fmt: skip
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "error_before", "status": 500}, {"kind": "error_after", "status": 502}, {"kind": "error_before", "status": 503},
    {"kind": "hang_before", "seconds": 3}, {"kind": "hang_after", "seconds": 3}, {"kind": "cut_before"},
    {"kind": "cut_after"}, {"kind": "unreadable"}, {"kind": "too_many_requests", "retry_after": 0},
    {"kind": "too_many_requests"}, {"kind": "slow", "seconds": 0.3}, {"kind": "error_before", "on": "list", "status": 500},
    {"kind": "cut_before", "on": "list"}, {"kind": "unreadable", "on": "list"}, {"kind": "callbacks_first", "seconds": 0.2},
    {"kind": "error_before", "on": "cancel", "status": 503},
)  # fmt: skip
PASSING = tuple(n for n, code in CODES.items() if n and code.permanence is Permanence.TEMPORARY)
FOR_GOOD = 402
MOST_FAULTS = 0.6
"""Of all requests, or nearly so; what fails again and again is offered ever later, and a run is to be short."""
STANDBY_SECONDS = 1.0
"""The commits that a promoted standby lacks."""
FIRST_NUMBER = 15550000000


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign: its chunks; `retry_delays` and `expires` in seconds, the latter after it was asked for."""

    campaign_id: str
    chunks: tuple[tuple[str, ...], ...]
    retry_delays: tuple[int, ...] = ()
    expires: float | None = None

    @property
    def recipients(self) -> set[str]:
        """Everybody in it."""
        return {recipient for chunk in self.chunks for recipient in chunk}


@dataclass(frozen=True, slots=True)
class Restore:
    """After `at` seconds all dispatchers are killed, and the database is as it was `age` seconds before (or at the start).

    `whole`: with the tables, as a promoted standby or a dump of all; else only the ledger.
    """

    at: float
    age: float
    whole: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run: what is asked for, how Sinch behaves, and how the dispatchers die.

    `deaths`: for each replica, how each of its lives ends: a crash point, or seconds until kill -9. After the last it
    lives to the end. `opted_out` before anything is asked for, `stops` (number, seconds) while it is under way; `paused`:
    (campaign, from, to) and `cancelled`: (campaign, from), in seconds after it was. `cursed`: who makes Sinch refuse a
    batch without a name.
    """

    seed: int
    campaigns: tuple[Campaign, ...]
    rules: dict[str, Any]
    deaths: tuple[tuple[str | float, ...], ...]
    opted_out: frozenset[str]
    stops: tuple[tuple[str, float], ...]
    cursed: frozenset[str]
    paused: tuple[str, float, float] | None
    cancelled: tuple[str, float] | None
    restores: tuple[Restore, ...]


def scenario(seed: int) -> Scenario:
    """The run of this seed."""
    chance = random.Random(seed)
    campaigns = _campaigns(chance)
    everybody = sorted(recipient for campaign in campaigns for recipient in campaign.recipients)
    few = len(everybody) <= 3
    opted_out = frozenset(() if few else chance.sample(everybody, chance.choice([0, 0, 1, 3])))
    others = [recipient for recipient in everybody if recipient not in opted_out]
    cursed = frozenset(chance.sample(others, 1) if chance.random() < 0.25 else ())
    stops = tuple((who, chance.uniform(0, 4)) for who in (chance.sample(others, 1) if chance.random() < 0.3 else ()))
    deaths = tuple(_deaths(chance) for _ in range(chance.choice([1, 1, 2])))
    begin = chance.uniform(0.0, 2.0)
    return Scenario(
        seed, campaigns, _rules(chance, seed, others), deaths, opted_out, stops, cursed,
        paused=(campaigns[0].campaign_id, begin, begin + chance.uniform(0.1, 2.0)) if chance.random() < 0.4 else None,
        cancelled=(campaigns[-1].campaign_id, chance.uniform(0.0, 3.0)) if chance.random() < 0.3 else None,
        restores=_restores(chance),
    )  # fmt: skip


def _rules(chance: random.Random, seed: int, others: list[str]) -> dict[str, Any]:
    """Sinch: what befalls requests, callbacks, lists and messages. Every message ends."""
    share = chance.choice([0.0, 0.3, 0.6])
    faults = chance.sample(FAULTS, chance.randint(1, 4))
    return {
        "seed": seed,
        "faults": [dict(fault, share=round(chance.uniform(0.05, MOST_FAULTS / len(faults)), 2)) for fault in faults],
        "fates": [
            {"share": share, "code": chance.choice(PASSING), "first_only": chance.random() < 0.7},
            {"share": 0.1, "code": FOR_GOOD},
        ],
        "delays": {"reply": {"min": 0.0, "max": round(chance.uniform(0, 0.1), 3)}, "final": {"min": 0.05, "max": 0.5}},
        "callbacks": {
            "duplicate": 0.1, "duplicate_after": {"max": 0.5}, "reorder": 0.2, "reorder_window": 0.5,
            "drop": chance.choice([0.0, 0.0, 0.0, 0.1]),
        },
        "lists": {"lag": round(chance.choice([0.0, 0.0, 0.2, 0.4]), 1)},
        "refused_numbers": chance.sample(others, 1) if chance.random() < 0.2 else [],
    }  # fmt: skip


def _campaigns(chance: random.Random) -> tuple[Campaign, ...]:
    """Two or three small campaigns."""
    found, number = [], FIRST_NUMBER
    for campaign in range(chance.randint(2, 3)):
        name, chunks = f"01930000-0000-7000-8000-{chance.getrandbits(40):010x}{campaign:02x}", []
        for _ in range(chance.randint(1, 5)):
            size = chance.randint(1, 6)
            chunks.append(tuple(str(number + n) for n in range(size)))
            number += size
        retries = chance.choice([(), (), (1,), (1, 1)])
        expires = round(chance.uniform(0.5, 6.0), 1) if chance.random() < 0.2 else None
        found.append(Campaign(name, tuple(chunks), retries, expires))
    return tuple(found)


def _deaths(chance: random.Random) -> tuple[str | float, ...]:
    return tuple(
        f"{chance.choice(POINTS)}:{chance.randint(1, 4)}"
        if chance.random() < 0.7
        else round(chance.uniform(0.2, 2.5), 2)
        for _ in range(chance.randint(1, 3))
    )


def _restores(chance: random.Random) -> tuple[Restore, ...]:
    """None in most runs; else a dump from the start or from some moment, or a standby without its last second."""
    kind = chance.choice(["", "", "", "dump", "standby", "standby"])
    at = round(chance.uniform(1.5, 5.0), 1)
    if kind == "dump":
        return (Restore(at, chance.choice([at, round(chance.uniform(0.5, at), 1)]), chance.random() < 0.5),)
    return (Restore(at, STANDBY_SECONDS, whole=True),) if kind else ()
