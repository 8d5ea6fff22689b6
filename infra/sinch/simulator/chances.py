"""Chance that repeats: a decision depends on the seed and on what it is about, never on the order of requests."""

import math
from hashlib import blake2b

_DENOMINATOR = float(1 << 64)


def unit(seed: int, *about: object) -> float:
    """A number in [0, 1) that is always the same for the same seed and subject."""
    text = f"{seed}|{'|'.join(map(str, about))}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") / _DENOMINATOR


def happens(share: float, seed: int, *about: object) -> bool:
    """Whether something that befalls this share of subjects befalls this one."""
    return share > 0 and (share >= 1 or unit(seed, *about) < share)


def exponential(mean: float, chance: float) -> float:
    """A waiting time with this mean; `chance` in [0, 1)."""
    return -mean * math.log(1.0 - chance)
