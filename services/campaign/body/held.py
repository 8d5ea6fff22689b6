"""The bytes of requests' bodies that the API holds: few large ones at a time, and never so many that small ones wait."""

from infra.process.byte_budget import Budget, Share

SMALL_BYTES = 1024 * 1024
"""Of every body; what is beyond counts against another budget."""
ALL_SMALL_BYTES = 64 * 1024 * 1024
LARGE_BODIES = 2  # of the greatest length


class Bodies:
    """What all requests hold together."""

    def __init__(self, max_bytes: int) -> None:
        self.small = Budget(ALL_SMALL_BYTES)
        self.large = Budget(LARGE_BODIES * max_bytes)


class Held:
    """What one request holds."""

    __slots__ = ("_large", "_small")

    def __init__(self, bodies: Bodies) -> None:
        self._small = Share(bodies.small)
        self._large = Share(bodies.large)

    def grow(self, size: int) -> None:
        """Hold so many bytes more. Raises TooMuchHeld."""
        small = min(size, SMALL_BYTES - self._small.size)
        self._small.grow(small)
        if size > small:
            self._large.grow(size - small)

    def give_back(self) -> None:
        """Hold nothing any more."""
        self._small.give_back()
        self._large.give_back()
