"""The programs that `heliograph run` keeps running, and the settings each is given."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from infra.process.home import Home
from infra.process.ports import PortTaken, free_port, is_free
from infra.process.secret_files import SUFFIX
from infra.process.settings import PUBLIC_TOKEN, Settings
from infra.process.settings_errors import SECRETS
from infra.process.supervisor import Program
from services.cli.processes import SIMULATOR_PORT

SERVERS = frozenset({"KAFKA_SASL_PASSWORD", "DATABASE_URL"})
COMMAND = (sys.executable, "-m", "services.cli")
ANYWHERE = frozenset({"0.0.0.0", "::", ""})


@dataclass(frozen=True, slots=True)
class Fleet:
    """The programs and where they answer."""

    programs: tuple[Program, ...]
    api: str
    simulator: str | None


NEEDED: Mapping[str, frozenset[str]] = {
    "http": frozenset(
        {"API_KEYS", "WEBHOOK_TOKEN", "SINCH_WEBHOOK_SECRET", "WEBHOOK_BASIC_AUTH", "PRIVACY_KEY", *SERVERS}
    ),
    "dispatcher": frozenset({"SINCH_API_TOKEN", "WEBHOOK_TOKEN", "WEBHOOK_BASIC_AUTH", "PRIVACY_KEY", *SERVERS}),
    "projector": SERVERS,
    "simulator": frozenset({"SINCH_API_TOKEN", "SINCH_WEBHOOK_SECRET"}),
}
"""The secrets that each program is given; no other stands in its environment."""


def plan(
    settings: Settings, home: Home, shared: Mapping[str, str], own: Mapping[str, Mapping[str, str]] | None = None
) -> Fleet:
    """Decide ports and settings of every program. `shared` is for all, `own` for one of them. Raises PortTaken.

    Of the secrets in them and in our own environment each program is told those in `NEEDED`.
    """
    own = own or {}
    port = settings.port or free_port()
    if not is_free(port, settings.host):
        raise PortTaken(f"port {port} of the API is taken by another program: free it or set PORT to another")
    ports = _simulator_ports(settings)
    environment = {**os.environ, **shared, **ports, "PORT": str(port)}
    simulator = f"http://127.0.0.1:{ports['SIMULATOR_PORT']}" if ports else None
    host = "127.0.0.1" if settings.host in ANYWHERE else settings.host
    address = f"http://[{host}]" if ":" in host else f"http://{host}"
    programs = [_program("http", {**environment, **own.get("http", {})}, home, f"{address}:{port}/readyz")]
    for name in ("dispatcher", "projector"):
        health = free_port()
        told = {**environment, **own.get(name, {}), "METRICS_PORT": str(health)}
        programs.append(_program(name, told, home, f"{address}:{health}/readyz"))
    if simulator is not None:
        programs.append(_program("simulator", environment, home, f"{simulator}/simulator/state", "simulate"))
    return Fleet(tuple(programs), f"{address}:{port}", simulator)


def _program(name: str, environment: Mapping[str, str], home: Home, ready: str, command: str | None = None) -> Program:
    return Program(name, (*COMMAND, command or name), home.log_file(name), without_secrets(environment, name), ready)


def without_secrets(environment: Mapping[str, str], name: str) -> dict[str, str]:
    """The environment without the secrets that this program does not need, given as such or as a file's path."""
    kept = NEEDED[name]
    left_out = {secret + suffix for secret in SECRETS - kept for suffix in ("", SUFFIX)}
    if "SINCH_API_TOKEN" not in kept:
        left_out.add("SINCH_SERVICE_PLAN_ID")  # which goes with its token
    return {key: value for key, value in environment.items() if key.upper() not in left_out}


def _simulator_ports(settings: Settings) -> dict[str, str]:
    """What points everybody at the simulator; nothing when there is a real account."""
    if settings.has_sinch_credentials:
        return {}
    wanted = settings.simulator_port
    if wanted and not is_free(wanted):
        raise PortTaken(f"port {wanted} of the simulator is taken: free it or set SIMULATOR_PORT to another")
    port = wanted or (SIMULATOR_PORT if is_free(SIMULATOR_PORT) else free_port())
    return {
        "SIMULATOR_PORT": str(port),
        "SINCH_BASE_URL": f"http://127.0.0.1:{port}",
        "SINCH_SERVICE_PLAN_ID": PUBLIC_TOKEN,
        "SINCH_API_TOKEN": PUBLIC_TOKEN,
    }
