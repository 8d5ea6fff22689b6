"""What a judge found: faults by the name of the check, so that each says what kind it is of."""

from collections import defaultdict
from dataclasses import dataclass, field

SAMPLES = 4


@dataclass(slots=True)
class Faults:
    """Faults by kind. Empty: all is well."""

    found: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, what: object) -> None:
        """One more."""
        self.found[kind].append(str(what))

    def require(self, holds: object, kind: str, what: object) -> None:
        """A fault unless it holds."""
        if not holds:
            self.add(kind, what)

    def __bool__(self) -> bool:
        return bool(self.found)

    def __str__(self) -> str:
        return "; ".join(
            f"{kind} ({len(some)}): {', '.join(some[:SAMPLES])}" for kind, some in sorted(self.found.items())
        )
