"""`python -m tests.gates.sql`: no SQL is composed of what might come from outside.

Every call that hands SQL to PostgreSQL (`execute`, `fetch` …) must be given a constant: a literal, or a name in capitals,
which stands for one. What is composed all the same is listed here with the reason for which it is safe; an entry that
is no longer needed fails as well. Ruff's S608, which looks at the words of a text instead, is off for that reason.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOTS = ("infra", "services")
CALLS = frozenset(
    {"execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany", "cursor", "prepare", "copy_from_query"}
)


class Place(NamedTuple):
    """A call: in which file and function, and its first argument as it is written."""

    path: str
    function: str
    argument: str


_OFFSETS = "the table is one of two, named where a service makes its `Offsets`"
_CALLERS = "its callers, in the same file, give constants"
_BUILDS = "the names are those of the tables in this file, the number is whole"

ALLOWED: dict[Place, str] = {
    Place("infra/postgres/migrations.py", "_apply", "migration.sql"): "a numbered file of ours, held to its hash",
    Place("infra/postgres/offsets.py", "load", "ENSURE.format(table=self._table)"): _OFFSETS,
    Place("infra/postgres/offsets.py", "load", "LOAD.format(table=self._table)"): _OFFSETS,
    Place("infra/postgres/offsets.py", "move", "MOVE.format(table=self._table)"): _OFFSETS,
    Place(
        "infra/postgres/pool.py", "_set", """'; '.join((f"SET {name} = '{value}'" for name, value in settings.items()))"""
    ): "settings of connections, from this file and from `Patience`, which holds numbers",
    Place("infra/postgres/presence.py", "_say", "statement"): _CALLERS,
    Place("infra/postgres/roles.py", "_run", "statement"): "PostgreSQL's own format() has quoted every name and value",
    Place("infra/postgres/together.py", "together", "text"): "its callers, the projections, give constants",
    Place("infra/sinch/simulator/control_api.py", "fates", "request"): "no SQL: it fetches a request's body",
    Place("services/dispatcher/ledger.py", "_state", "sql"): _CALLERS,
    Place(
        "services/dispatcher/restoring/ledger.py", "empty", "'TRUNCATE ' + ', '.join((f'dispatch.{table}' for table in TABLES))"
    ): "the tables are a constant of that file",
    Place("services/dispatcher/settlement.py", "_change", "sql"): _CALLERS,
    Place("services/dispatcher/taking_back.py", "_end", "sql"): _CALLERS,
    Place("services/projector/diff.py", "_differences", "_sql(table, known[diff.left], known[diff.right])"): _BUILDS,
    Place(
        "services/projector/diff.py", "_differences", "f'SELECT count(*) FROM build_{build}.{table.name} WHERE {table.says_something}'"
    ): _BUILDS,
    Place("services/projector/diff.py", "_history", "sql.format(f'build_{int(build)}')"): _BUILDS,
    Place("services/projector/projections/messages.py", "_merge", "statement.format(source=source)"): "the source is one of two in that file",
    Place("services/projector/store.py", "connect", "f'SET search_path = build_{number}'"): "the number of a build, from `live.builds`",
}  # fmt: skip


def composed(source: str, path: str) -> Iterator[tuple[Place, int]]:
    """Each call in this file whose SQL is not a constant, and its line."""
    yield from _inside(ast.parse(source), "", path)


def _inside(node: ast.AST, function: str, path: str) -> Iterator[tuple[Place, int]]:
    for child in ast.iter_child_nodes(node):
        name = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute) and child.func.attr in CALLS:
            argument = child.args[0] if child.args else None
            if argument is not None and not is_constant(argument):
                yield Place(path, name, ast.unparse(argument)), child.lineno
        yield from _inside(child, name, path)


def is_constant(node: ast.expr) -> bool:
    """True for a literal, a name in capitals, and what is made of these and of whole numbers (`int(…)`) alone."""
    numbers: list[ast.expr] = []
    match node:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name.isupper()
        case ast.BinOp(left, ast.Add(), right) | ast.IfExp(_, left, right):
            parts = [left, right]
        case ast.JoinedStr(values):
            parts = [part for part in values if not isinstance(part, ast.FormattedValue)]
            shown = [part.value for part in values if isinstance(part, ast.FormattedValue)]
            parts += [part for part in shown if not _is_int(part)]
        case ast.Call(ast.Attribute(template, "format"), numbers, []):
            parts = [template]
        case _:
            return isinstance(node, ast.Constant)
    return all(map(is_constant, parts)) and all(map(_is_int, numbers))


def _is_int(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "int"


def main() -> int:
    """1 when SQL is composed somewhere without a reason, or a reason has lost its place."""
    found: dict[Place, int] = {}
    for root in ROOTS:
        for file in sorted(Path(root).rglob("*.py")):
            found |= dict(composed(file.read_text(encoding="utf-8"), file.as_posix()))
    for place, line in found.items():
        if place not in ALLOWED:
            print(f"{place.path}:{line}: SQL is composed in {place.function}: {place.argument}")
    for place in ALLOWED.keys() - found.keys():
        print(
            f"{place.path}: no SQL is composed any more in {place.function}: take it off the list in tests/gates/sql.py"
        )
    if found.keys() == ALLOWED.keys():
        print(f"SQL: composed in {len(ALLOWED)} places, each for a reason")
    return int(found.keys() != ALLOWED.keys())


if __name__ == "__main__":
    sys.exit(main())
