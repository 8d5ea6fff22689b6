"""The lock of the image: requirements.lock without what `left_out.txt` names, hashes and all.

`python lock_of_image.py requirements.lock left_out.txt > image.lock`; refuses a name that the lock does not have.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ENTRY = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^]]*])?==")


def lock_without(lines: Iterable[str], left_out: frozenset[str]) -> Iterator[str]:
    """The lock's lines but for the entries in `left_out`. Raises ValueError when one of them has no entry."""
    missing, keep = set(left_out), True
    for line in lines:
        if entry := ENTRY.match(line):
            name = entry["name"].lower()
            keep = name not in left_out
            missing.discard(name)
        if keep:
            yield line
    if missing:
        raise ValueError(f"the lock has no {', '.join(sorted(missing))}: take it off the list of what is left out")


def names_in(text: str) -> frozenset[str]:
    """The names in a list with a name a line and comments."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return frozenset(line.lower() for line in lines if line)


if __name__ == "__main__":
    lock, left_out = (Path(argument).read_text(encoding="utf-8") for argument in sys.argv[1:3])
    sys.stdout.writelines(lock_without(lock.splitlines(keepends=True), names_in(left_out)))
