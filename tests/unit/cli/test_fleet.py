"""Which programs `run` starts, and what each is told."""

import socket
from pathlib import Path
from typing import Any

import pytest

from infra.process.home import Home
from infra.process.ports import PortTaken, free_port
from infra.process.settings import Settings
from services.cli.fleet import Fleet, plan

SHARED = {"DATABASE_URL": "postgresql://u:p@h/d"}
ACCOUNT = {"sinch_service_plan_id": "plan", "sinch_api_token": "token"}


def _plan(path: Path, **values: Any) -> Fleet:
    settings = Settings(**{"_env_file": None, "port": free_port(), "simulator_port": free_port()} | values)
    return plan(settings, Home(path), SHARED)


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
    """What all share reaches each of them."""
    assert all(SHARED.items() <= dict(program.env or {}).items() for program in _plan(tmp_path).programs)


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
