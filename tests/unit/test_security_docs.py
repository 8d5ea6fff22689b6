"""docs/security.md names tests that exist, and leaves nothing of the ten out."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| (API\d+|\d+\.\d+)", line)]
NO_TEST = ("not done: ", "does not apply: ", "a document", "a gate: ")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_test_that_is_named_exists(file: str, test: str) -> None:
    """A test that was renamed or taken out is mended in the page too."""
    path = ROOT / file
    assert path.is_file(), f"{file} is named in docs/security.md and does not exist"
    tree = ast.parse(path.read_text())
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not test or test in found, f"{file}::{test} is named in docs/security.md and does not exist"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].split()[0])
def test_every_row_has_a_test_or_a_reason(row: str) -> None:
    """No row is a promise alone."""
    _, _, words, held, _ = (cell.strip() for cell in row.split("|"))
    assert words
    assert held.startswith(("`tests/", *NO_TEST)), row


def test_all_ten_are_there() -> None:
    """Each of OWASP's ten has its row, and ASVS has one for most chapters."""
    ten = [row.split()[1] for row in ROWS if row.startswith("| API")]
    assert ten == [f"API{number}" for number in range(1, 11)]
    assert len(ROWS) > 50
