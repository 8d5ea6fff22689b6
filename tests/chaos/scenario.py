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
    lives to the end.
    """

    seed: int
    chunks: tuple[tuple[str, int, tuple[str, ...]], ...]
    rules: dict[str, Any]
    deaths: tuple[tuple[str | float, ...], ...]

    @property
    def recipients(self) -> set[str]:
        """Everybody who was asked for."""
        return {recipient for _, _, chunk in self.chunks for recipient in chunk}


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
    return Scenario(seed, _chunks(chance), rules, tuple(_deaths(chance) for _ in range(replicas)))


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
