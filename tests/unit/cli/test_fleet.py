"""Which programs `run` starts, and what each is told."""

import socket
from pathlib import Path
from typing import Any

import pytest

from infra.process.home import Home
from infra.process.ports import PortTaken, free_port
from infra.process.settings import Settings
from infra.process.settings_errors import SECRETS
from services.cli.fleet import NEEDED, Fleet, plan

SHARED = {"DATABASE_URL": "postgresql://u:p@h/d"}
ACCOUNT = {"sinch_service_plan_id": "plan", "sinch_api_token": "token"}


def _plan(path: Path, **values: Any) -> Fleet:
    own = values.pop("own", None)
    settings = Settings(**{"_env_file": None, "port": free_port(), "simulator_port": free_port()} | values)
    return plan(settings, Home(path), SHARED, own)


def _told(fleet: Fleet, program: str) -> dict[str, str]:
    return next(dict(one.env or {}) for one in fleet.programs if one.name == program)


def test_without_an_account_there_is_a_simulator(tmp_path: Path) -> None:
    """Without credentials the dispatcher is pointed at a simulator, which runs too."""
    fleet = _plan(tmp_path)
    assert [program.name for program in fleet.programs] == ["http", "dispatcher", "projector", "simulator"]
    assert _told(fleet, "dispatcher")["SINCH_BASE_URL"] == fleet.simulator


def test_with_an_account_there_is_none(tmp_path: Path) -> None:
    """With credentials nothing simulates, and Sinch's address is left alone."""
    fleet = _plan(tmp_path, **ACCOUNT)
    assert (fleet.simulator, [program.name for program in fleet.programs]) == (
        None,
        ["http", "dispatcher", "projector"],
    )
    assert "SINCH_BASE_URL" not in _told(fleet, "dispatcher")


def test_every_program_is_told_where_the_servers_are(tmp_path: Path) -> None:
    """What all share reaches each of them that needs it."""
    told = {program.name: dict(program.env or {}) for program in _plan(tmp_path).programs}
    assert {name for name, env in told.items() if SHARED.items() <= env.items()} == {"http", "dispatcher", "projector"}


def test_no_program_is_given_a_secret_that_it_does_not_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all secrets, given as such or as a file, in whatever case, each program's environment has its own (FAULTS I6)."""
    for name in SECRETS:
        monkeypatch.setenv(name, "postgresql://user:password@h/d")
    monkeypatch.setenv("sinch_api_token_file", "/run/secrets/sinch_api_token")
    monkeypatch.setenv("SINCH_SERVICE_PLAN_ID", "plan")
    fleet = _plan(tmp_path, **ACCOUNT)
    held = {one.name: {name for name in one.env or {} if name.upper() in SECRETS} for one in fleet.programs}
    assert held == {name: set(NEEDED[name]) for name in held}
    assert "SINCH_API_TOKEN" not in held["http"] | held["projector"]
    assert "API_KEYS" not in held["dispatcher"] | held["projector"]
    assert held["projector"] == {"DATABASE_URL", "KAFKA_SASL_PASSWORD"}
    assert "SINCH_SERVICE_PLAN_ID" not in _told(fleet, "http")
    assert "sinch_api_token_file" not in _told(fleet, "http")
    assert "sinch_api_token_file" in _told(fleet, "dispatcher")


def test_each_program_is_told_who_it_is(tmp_path: Path) -> None:
    """What is a program's own is told to it alone, and goes before what is shared."""
    own = {"projector": {"DATABASE_URL": "postgresql://projector:p@h/d", "KAFKA_SASL_USERNAME": "projector"}}
    fleet = _plan(tmp_path, own=own)
    assert _told(fleet, "projector")["DATABASE_URL"] == "postgresql://projector:p@h/d"
    assert _told(fleet, "http")["DATABASE_URL"] == SHARED["DATABASE_URL"]
    assert "KAFKA_SASL_USERNAME" not in _told(fleet, "http")


def test_workers_have_health_pages_of_their_own(tmp_path: Path) -> None:
    """Each process without an API answers for itself on a port of its own."""
    fleet = _plan(tmp_path)
    ports = {_told(fleet, name)["METRICS_PORT"] for name in ("dispatcher", "projector")}
    assert len(ports) == 2


@pytest.mark.parametrize(("host", "address"), [("0.0.0.0", "http://127.0.0.1:"), ("127.0.0.1", "http://127.0.0.1:")])
def test_api_has_an_address_that_can_be_called(tmp_path: Path, host: str, address: str) -> None:
    """Where the API listens everywhere, run.json still says something that a client can use."""
    assert _plan(tmp_path, host=host).api.startswith(address)


@pytest.mark.parametrize("setting", ["port", "simulator_port"])
def test_taken_port_is_refused(tmp_path: Path, setting: str) -> None:
    """A port that was asked for and belongs to another program is refused by its number."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} of the (API|simulator) is taken"):
            _plan(tmp_path, **{setting: port})
