"""The pages say what is so: links, files, commands and settings exist, examples parse, made pages are current."""

import ast
import json
import re
from pathlib import Path

import pytest

from infra.process.settings import Settings
from services.cli.__main__ import app
from services.cli.docs import pages

ROOT = Path(__file__).parents[2]
NOTES = ROOT / "docs" / "sinch-contract.md"  # notes about another's documentation: its file names and shortened samples
PAGES = sorted(
    {ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")} - {NOTES}
)
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"(?:contracts|infra|services|tests|docs|\.ci)/[\w./-]*")
FAMILIES = {name.split("_")[0].upper() for name in Settings.model_fields if "_" in name}
NOT_SETTINGS = {"HELIOGRAPH_CACHE", "HELIOGRAPH_CRASH_AT", "HELIOGRAPH_TEST_BACKEND"}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def _code(page: Path) -> list[str]:
    """Inline code of the prose, and the lines of shell blocks."""
    text = page.read_text()
    blocks = (body for language, body in FENCE.findall(text) if language in ("", "sh", "bash", "shell"))
    return [*re.findall(r"`([^`\n]+)`", _prose(page)), *(line for block in blocks for line in block.splitlines())]


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading in it. Links out of it are not followed."""
    dead = []
    for link in LINK.findall(_prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
    assert dead == []


@each_page
def test_every_file_that_is_named_exists(page: Path) -> None:
    """A page that names a file that was moved sends its reader nowhere."""
    named = {code.partition("::")[0] for code in _code(page) if PATH.fullmatch(code.partition("::")[0])}
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@each_page
def test_examples_parse(page: Path) -> None:
    """JSON is JSON, Python is Python."""
    for language, body in FENCE.findall(page.read_text()):
        if language == "json":
            json.loads(body)
        elif language == "python":
            compile(body, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@each_page
def test_every_command_that_is_named_exists(page: Path) -> None:
    """`heliograph x` is a command, `make x` a target."""
    commands = {
        c.name or (c.callback.__name__.replace("_", "-") if c.callback else "") for c in app.registered_commands
    }
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = [code.strip().removeprefix("$ ") for code in _code(page)]
    named = {match[1] for code in said if (match := re.match(r"(?:\.venv/bin/)?heliograph ([a-z][a-z-]+)", code))}
    made = {match[1] for code in said if (match := re.search(r"(?:^|[ &;])make ([a-z]+)\b", code))}
    assert (named - commands, made - targets) == (set(), set())


@each_page
def test_every_setting_that_is_named_exists(page: Path) -> None:
    """A renamed setting is renamed in the pages too."""
    of_compose = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    settings = {name.upper() for name in Settings.model_fields} | NOT_SETTINGS | of_compose
    names = {match[0] for code in _code(page) for match in re.finditer(r"\b[A-Z]+(?:_[A-Z]+)+\b", code)}
    plain = {name.removesuffix("_FILE") for name in names if name.split("_")[0] in FAMILIES}
    assert plain - settings == set()


@pytest.mark.parametrize(
    ("path", "text"), pages().items(), ids=lambda value: str(value) if isinstance(value, Path) else ""
)
def test_pages_made_from_code_are_current(path: Path, text: str) -> None:
    """docs/events.md, docs/settings.md and .env.example are what `heliograph docs` writes."""
    assert (ROOT / path).read_text() == text, "run `heliograph docs`"


def test_the_changelog_has_a_place_for_what_comes() -> None:
    """Something is under Unreleased, in the form that release tools read."""
    text = (ROOT / "CHANGELOG.md").read_text()
    _, found, rest = text.partition("## Unreleased\n")
    assert found
    assert re.search(r"^- ", rest.partition("\n## ")[0], re.MULTILINE)


def test_the_readme_sends_each_reader_to_three_pages_at_most() -> None:
    """A path of five pages is not a path."""
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if re.match(r"\| \*\*(\w+)\*\* \|", line)]
    assert len(rows) == 4
    assert all(1 <= len(LINK.findall(row)) <= 3 for row in rows)
