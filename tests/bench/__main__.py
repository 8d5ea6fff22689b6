"""`python -m tests.bench [NAME]`: runs one benchmark, or all; each is a module here with a `main()`."""

import sys
from importlib import import_module
from pkgutil import iter_modules

from tests import bench

PARTS = frozenset({
    "__main__", "bare_sinch", "connect", "connect_jars", "decoding", "gateway", "generator", "harness", "pinned", "processes",
    "webhook_yardstick",
})  # fmt: skip
"""Modules that benchmarks are made of."""


def names() -> list[str]:
    """The benchmarks there are: every other module or package in this directory that has no leading underscore."""
    return sorted(m.name for m in iter_modules(bench.__path__) if m.name not in PARTS and not m.name.startswith("_"))


LONG = frozenset({"soak"})
"""Run only when asked for by name."""


def main() -> None:
    """Run what was asked for."""
    wanted = sys.argv[1:] or [name for name in names() if name not in LONG]
    if unknown := sorted(set(wanted) - set(names())):
        sys.exit(f"There is no benchmark {', '.join(unknown)}. There are: {', '.join(names())}")
    for name in wanted:
        import_module(f"tests.bench.{name}").main()


if __name__ == "__main__":
    main()
