"""The home of `run`: one owner, keys kept, run.json written whole."""

import os
from pathlib import Path

import pytest

from infra.process.home import LOG_LIMIT_BYTES, AlreadyRunning, Home, RunInfo

INFO = RunInfo("http://127.0.0.1:3000", None, "127.0.0.1:9092", "postgresql://u:p@127.0.0.1:1/d", {"http": 7})


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    """A home that is owned is refused to the next with the owner's process id."""
    owner = Home(tmp_path)
    owner.own()
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        Home(tmp_path).own()


def test_home_is_closed_to_others(tmp_path: Path) -> None:
    """Whatever the mode of the directory was, only its owner may enter it afterwards."""
    tmp_path.chmod(0o755)
    Home(tmp_path).own()
    assert oct(tmp_path.stat().st_mode & 0o777) == "0o700"


def test_secret_is_made_once(tmp_path: Path) -> None:
    """A key stays the same, and is new the first time only."""
    home = Home(tmp_path)
    first, second = home.kept_secret("api_key"), home.kept_secret("api_key")
    assert (first[1], second) == (True, (first[0], False))


def test_secret_is_private_and_long(tmp_path: Path) -> None:
    """A key is for its owner only, and cannot be guessed."""
    value, _ = Home(tmp_path).kept_secret("api_key")
    assert oct((tmp_path / "api_key").stat().st_mode & 0o777) == "0o600"
    assert len(value) >= 43


def test_run_file_comes_back_as_written(tmp_path: Path) -> None:
    """What was written is read, and nothing of the writing is left beside it."""
    home = Home(tmp_path)
    home.write_run(INFO)
    assert home.read_run() == INFO
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("content", [None, b"", b'{"api": 1}'])
def test_absent_or_broken_run_file_is_no_run(tmp_path: Path, content: bytes | None) -> None:
    """A file that is not there or cannot be understood says that nothing runs."""
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    assert Home(tmp_path).read_run() is None


def test_large_log_is_put_aside(tmp_path: Path) -> None:
    """A log that has grown large makes room for a new one at the next start."""
    home = Home(tmp_path)
    home.own()
    log = home.log_file("http")
    with log.open("wb") as file:
        file.truncate(LOG_LIMIT_BYTES + 1)
    assert not home.log_file("http").exists()
    assert (tmp_path / "logs" / "http.log.1").exists()
