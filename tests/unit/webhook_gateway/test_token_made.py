"""The callback token: made by `run` where callers may come from outside, demanded everywhere else."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from infra.process.home import Home
from infra.process.settings import Settings, load_settings
from infra.process.settings_errors import SettingsError
from infra.process.world import World
from services.cli.run import Running
from services.cli.screen import Screen
from services.dispatcher.app import callback_url


def made(path: Path, **settings: Any) -> dict[str, str]:
    """What `run` tells its services about the token."""
    home = Home(path / "home")
    home.path.mkdir(exist_ok=True)
    return Running(Settings(**settings), Screen(), home, World(), AsyncExitStack())._webhook_token()


@pytest.mark.parametrize(
    "settings", [{}, {"host": "127.0.0.1", "base_url": "http://localhost:1"}, {"host": "0.0.0.0", "webhook_token": "x"}]
)
def test_no_token_is_made_on_the_own_machine_or_when_one_is_set(tmp_path: Path, settings: dict[str, str]) -> None:
    """The guide's curl works without one."""
    assert made(tmp_path, **settings) == {}


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "0.0.0.0"},
        {"base_url": "https://sms.example"},
        {"sinch_service_plan_id": "plan", "sinch_api_token": "t" * 16},
    ],
)
def test_a_token_is_made_once_where_callers_come_from_outside(tmp_path: Path, settings: dict[str, str]) -> None:
    """And kept: the next run has the same, or the reports of batches under way would be lost."""
    first = made(tmp_path, **settings)
    assert len(first["WEBHOOK_TOKEN"]) > 30
    assert made(tmp_path, **settings) == first


def test_a_key_is_made_and_shown_once_for_a_sinch_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An account sends to people: its API never stands open, also where only this machine can reach it."""
    home = Home(tmp_path / "home")
    home.path.mkdir()
    account: dict[str, Any] = {"sinch_service_plan_id": "plan", "sinch_api_token": "t" * 16}
    running = Running(Settings(**account), Screen(), home, World(), AsyncExitStack())
    key = running._keys()["API_KEYS"]
    assert f"A Sinch account is set, so the API needs a key: {key}" in capsys.readouterr().out
    assert running._keys()["API_KEYS"] == key
    assert key not in capsys.readouterr().out


def test_the_whole_address_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has to be put into Sinch's dashboard for replies; it is the one that the dispatcher gives to Sinch."""
    token = made(tmp_path, base_url="https://sms.example")["WEBHOOK_TOKEN"]
    settings: dict[str, Any] = {"base_url": "https://sms.example", "webhook_token": token}
    address = callback_url(Settings(**settings))
    assert address == f"https://sms.example/api/webhooks/delivery-reports?token={token}"
    assert address in capsys.readouterr().out


def test_a_gateway_that_runs_apart_demands_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless only this machine can reach it."""
    monkeypatch.delenv("WEBHOOK_TOKEN", raising=False)
    load_settings(("WEBHOOK_TOKEN",), env_file=None)
    monkeypatch.setenv("HOST", "0.0.0.0")
    with pytest.raises(SettingsError, match="WEBHOOK_TOKEN is needed here"):
        load_settings(("WEBHOOK_TOKEN",), env_file=None)


def test_an_unknown_language_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the known ones named."""
    monkeypatch.setenv("CONSENT_LANGUAGES", "en,xx")
    with pytest.raises(SettingsError, match=r"xx; known are en, fr"):
        load_settings((), env_file=None)
