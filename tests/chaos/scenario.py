"""What one run is made of, drawn from its seed."""

import random
from dataclasses import dataclass
from typing import Any

POINTS = (
    "claim.before", "claim.after", "attempt.said", "post.before", "post.after", "post.failed", "accepted.said",
    "accepted.settled", "recovery.looked", "recovery.said", "recovery.abandoned",
)  # fmt: skip
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "error_before", "status": 500}, {"kind": "error_after", "status": 502}, {"kind": "error_before", "status": 503},
    {"kind": "hang_before", "seconds": 3}, {"kind": "hang_after", "seconds": 3}, {"kind": "cut_before"},
    {"kind": "cut_after"}, {"kind": "unreadable"}, {"kind": "too_many_requests", "retry_after": 0},
    {"kind": "too_many_requests"}, {"kind": "slow", "seconds": 0.3}, {"kind": "error_before", "on": "list", "status": 500},
    {"kind": "cut_before", "on": "list"}, {"kind": "unreadable", "on": "list"}, {"kind": "callbacks_first", "seconds": 0.2},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run: what is asked for, how Sinch behaves, and how the dispatchers die.

    `deaths`: for each replica, how each of its lives ends: a crash point, or seconds until kill -9. After the last it
    lives to the end. `opted_out` before anything is asked for; `paused`: (campaign, from, to) and `cancelled`: (campaign,
    from), in seconds after it was.
    """

    seed: int
    chunks: tuple[tuple[str, int, tuple[str, ...]], ...]
    rules: dict[str, Any]
    deaths: tuple[tuple[str | float, ...], ...]
    opted_out: frozenset[str]
    paused: tuple[str, float, float] | None
    cancelled: tuple[str, float] | None

    @property
    def recipients(self) -> set[str]:
        """Everybody who was asked for and did not opt out."""
        return {recipient for _, _, chunk in self.chunks for recipient in chunk} - self.opted_out

    @property
    def taken_back(self) -> set[str]:
        """Those of them whose campaign is cancelled: one message, or none."""
        name = self.cancelled[0] if self.cancelled else None
        return {recipient for campaign, _, chunk in self.chunks if campaign == name for recipient in chunk}


def scenario(seed: int) -> Scenario:
    """The run of this seed."""
    chance = random.Random(seed)
    rules = {
        "seed": seed,
        "faults": [
            dict(fault, share=round(chance.uniform(0.05, 0.4), 2))
            for fault in chance.sample(FAULTS, chance.randint(1, 4))
        ],
        "delays": {"reply": {"min": 0.0, "max": round(chance.uniform(0, 0.1), 3)}, "final": {"min": 0.05, "max": 0.5}},
        "callbacks": {"duplicate": 0.1, "reorder": 0.2},
        "lists": {"lag": round(chance.choice([0.0, 0.0, 0.2, 0.4]), 1)},
    }
    replicas = chance.choice([1, 1, 2])
    chunks = _chunks(chance)
    deaths = tuple(_deaths(chance) for _ in range(replicas))
    everybody = [recipient for _, _, chunk in chunks for recipient in chunk]
    opted_out = frozenset(chance.sample(everybody, chance.choice([0, 0, 1, 3])) if len(everybody) > 3 else ())
    begin = chance.uniform(0.0, 2.0)
    paused = (chunks[0][0], begin, begin + chance.uniform(0.1, 2.0)) if chance.random() < 0.4 else None
    cancelled = (chunks[-1][0], chance.uniform(0.0, 3.0)) if chance.random() < 0.3 else None
    return Scenario(seed, chunks, rules, deaths, opted_out, paused, cancelled)


def _chunks(chance: random.Random) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    """(campaign, chunk, recipients) of two or three small campaigns."""
    found, number = [], 15550000000
    for campaign in range(chance.randint(2, 3)):
        name = f"01930000-0000-7000-8000-{chance.getrandbits(40):010x}{campaign:02x}"
        for chunk in range(chance.randint(1, 5)):
            size = chance.randint(1, 6)
            found.append((name, chunk, tuple(str(number + n) for n in range(size))))
            number += size
    return tuple(found)


def _deaths(chance: random.Random) -> tuple[str | float, ...]:
    return tuple(
        f"{chance.choice(POINTS)}:{chance.randint(1, 4)}"
        if chance.random() < 0.7
        else round(chance.uniform(0.2, 2.5), 2)
        for _ in range(chance.randint(1, 3))
    )
