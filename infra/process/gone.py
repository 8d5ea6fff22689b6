"""Whether a process is gone. A zombie is: where PID 1 reaps nothing, an orphan stays one for ever."""

import asyncio
from pathlib import Path

POLL_SECONDS = 0.02


def is_gone(pid: int) -> bool:
    """True when no process `pid` runs any more, a zombie counted as gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(b")")[2].split()[0] in (b"Z", b"X")  # the name before may itself hold brackets


async def wait_gone(pid: int, within: float) -> bool:
    """Wait until process `pid` is gone, at most `within` seconds; False when it still runs. For any pid, not only ours."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not is_gone(pid):
        if loop.time() > deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True
