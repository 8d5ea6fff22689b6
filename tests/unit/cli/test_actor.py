"""Who decides by hand."""

import pytest

from services.cli import actor


def test_a_user_without_a_name_can_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a number that has no name."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(actor, "getuser", nobody)
    assert actor.at_the_keyboard() == "cli"
