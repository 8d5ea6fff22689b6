"""The home of `heliograph run`: one owner at a time, keys that are made once, and where everything is."""

import fcntl
import os
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import msgspec
import orjson

RUN_FILE = "run.json"
LOG_LIMIT_BYTES = 20_000_000


def _make() -> str:
    return secrets.token_urlsafe(32)


class AlreadyRunning(Exception):  # noqa: N818  named by what it says
    """Another `heliograph run` owns this home; the text says which process."""


class RunInfo(msgspec.Struct, frozen=True):
    """`run.json`: base addresses without a trailing slash, bootstrap servers, DSN and process ids.

    `postgres` can read; `postgres_owner` may do everything, and is none where a database was given. The four of Kafka are
    what a client must say of itself: an operator, who may read and append. It is there before anything answers; `ready` says that everything has been ready.
    """

    api: str
    simulator: str | None
    kafka: str
    postgres: str
    processes: dict[str, int]
    ready: bool = False
    postgres_owner: str | None = None
    kafka_security_protocol: str = "PLAINTEXT"
    kafka_sasl_mechanism: str | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: str | None = None


@dataclass
class Home:
    """A directory that only its owner may enter: it holds keys and a database."""

    path: Path
    _lock: TextIO | None = field(default=None, repr=False)

    def own(self) -> None:
        """Make the directory and take it for this process, until it ends however it ends. Raises AlreadyRunning."""
        (self.path / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)
        lock = (self.path / "run.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip()
            lock.close()
            raise AlreadyRunning(
                f"`heliograph run` already runs in {self.path} (process {owner}): stop it first, "
                f"or set HELIOGRAPH_HOME to another directory"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def kept_secret(self, name: str, make: Callable[[], str] = _make) -> tuple[str, bool]:
        """The secret kept in file `name`, and whether it was made just now."""
        if (found := self.found_secret(name)) is not None:
            return found, False
        value = make()
        self._write(name, value.encode())
        return value, True

    def kept_passwords(self, kind: str, names: Collection[str]) -> dict[str, str]:
        """A password for each of these names, made once and kept in file `<kind>_passwords`, a line each."""
        found = self.found_secret(f"{kind}_passwords") or ""
        kept = dict(line.split(":", 1) for line in found.splitlines())
        if missing := [name for name in names if name not in kept]:
            kept |= {name: secrets.token_urlsafe(32) for name in missing}
            lines = "".join(f"{name}:{password}\n" for name, password in kept.items())
            self._write(f"{kind}_passwords", lines.encode())
        return {name: kept[name] for name in names}

    def found_secret(self, name: str) -> str | None:
        """The secret kept in file `name`, if there is one."""
        path = self.path / name
        return path.read_text().strip() if path.exists() else None

    def log_file(self, program: str) -> Path:
        """Where a program's output goes; a file grown large is put aside first."""
        path = self.path / "logs" / f"{program}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path

    def write_run(self, info: RunInfo) -> None:
        """Say where everything is, all at once: a reader sees the old file or the new one."""
        self._write(RUN_FILE, orjson.dumps(msgspec.to_builtins(info), option=orjson.OPT_INDENT_2))

    def read_run(self) -> RunInfo | None:
        """Where everything is, or None when nothing runs (or something was killed: the file may be left over)."""
        try:
            return msgspec.json.decode((self.path / RUN_FILE).read_bytes(), type=RunInfo)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def forget_run(self) -> None:
        """Nothing runs any more."""
        (self.path / RUN_FILE).unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> None:
        temporary = self.path / f".{name}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(self.path / name)
