"""Imports go one way (DESIGN §1)."""

from importlinter.cli import lint_imports


def test_imports_go_one_way() -> None:
    """Services → infra → contracts, and no service imports another; the contracts stand in pyproject.toml."""
    assert lint_imports(no_cache=True) == 0
