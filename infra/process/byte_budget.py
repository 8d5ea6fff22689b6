"""How many bytes may be held at once, whoever holds them: what a service cannot take now it must not take at all."""

MOST_HELD_BYTES = 48 * 1024 * 1024
"""Bodies that are being read or waiting for Kafka, and the records made of them."""
REQUEST_BYTES = 4 * 1024
"""What aiohttp holds for one small request beside its body; measured as 3.1 KB with 1,000 of them waiting."""


class TooMuchHeld(Exception):  # noqa: N818  named by what it says
    """Slow down: nothing of this was kept."""


class Budget:
    """The bytes that are held; taken and given back in one loop, so plain numbers do."""

    def __init__(self, most: int = MOST_HELD_BYTES) -> None:
        self._most = most
        self.held = 0

    def take(self, size: int) -> None:
        """Hold so many more. Raises TooMuchHeld, and then holds none of them."""
        if self.held + size > self._most:
            raise TooMuchHeld(f"{self.held} of {self._most} bytes are held")
        self.held += size

    def give(self, size: int) -> None:
        """Hold so many less."""
        self.held -= size


class Share:
    """What one request holds: grows while it is worked on, is given back whole."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size = 0

    def grow(self, size: int) -> None:
        """Hold so many more. Raises TooMuchHeld."""
        self._budget.take(size)
        self.size += size

    def give_back(self) -> None:
        """Hold nothing any more."""
        self._budget.give(self.size)
        self.size = 0
