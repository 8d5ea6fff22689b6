"""The gate against composed SQL sees what it must, and the rules of Bandit are all on."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.gates.sql import composed, is_constant, main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("argument", [
    "f'select * from x where y = {name}'", "'select ' + name", "'select %s' % name", "'select {}'.format(name)", "sql",
    "QUERY.format(name)", "QUERY + name", "f'{QUERY} {name}'", "make(name)", "QUERY if name else name", "str(QUERY)",
    "QUERY.replace('x', name)", "f'build_{str(number)}'",
])  # fmt: skip
def test_composed_sql_is_seen(argument: str) -> None:
    """However a text is put together from what is no constant, the gate sees it."""
    found = list(composed(f"async def look():\n    await connection.fetch({argument}, 1)\n", "x.py"))
    assert [(place.function, line) for place, line in found] == [("look", 2)]


@pytest.mark.parametrize("argument", [
    "'select 1'", "QUERY", "self.QUERY", "QUERY + OTHER", "QUERY if flag else OTHER", "f'drop schema build_{int(number)}'",
    "QUERY.format(int(number))", "f'set lock_timeout = {LOCK_MS}'",
])  # fmt: skip
def test_constants_pass(argument: str) -> None:
    """Literals, names in capitals, whole numbers."""
    assert is_constant(ast.parse(argument, mode="eval").body)


def test_the_repository_passes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every place in which SQL is composed has its reason, and every reason its place."""
    monkeypatch.chdir(ROOT)
    assert main() == 0, capsys.readouterr().out


def test_all_rules_of_bandit_are_on() -> None:
    """Ruff has Bandit's rules as S; off are those with a reason in pyproject.toml, and no line lacks one of its own."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert {rule for rule in lint["ignore"] if rule.startswith("S") and rule[1:].isdigit()} == {
        "S101",
        "S104",
        "S311",
        "S608",
    }
    per_file = lint["per-file-ignores"]
    assert {
        rule for path, rules in per_file.items() if path != "tests/**" for rule in rules if rule.startswith("S1")
    } == set()


def test_what_bandit_forbids_is_found(tmp_path: Path) -> None:
    """A file with a shell, an eval, a weak hash, a pickle and no certificate check is refused for each."""
    bad = tmp_path / "bad.py"
    bad.write_text(
        "import hashlib, pickle, ssl, subprocess\n"
        "subprocess.run('ls ' + input(), shell=True)\neval(input())\nhashlib.md5(b'x')\n"
        "pickle.loads(b'x')\nssl._create_unverified_context()\npassword = 'hunter2'\n"
    )
    ruff, config = str(Path(sys.executable).with_name("ruff")), str(ROOT / "pyproject.toml")
    argv = [ruff, "check", "--config", config, "--output-format", "json", str(bad)]
    said = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert {"S602", "S307", "S324", "S301", "S323", "S105"} <= {found["code"] for found in json.loads(said.stdout)}
