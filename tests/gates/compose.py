"""`python -m tests.gates.compose`: every compose program of this machine understands `docker-compose.yml`.

Both generations are asked, because the file is written for both. Without either, that is said.
"""

import shutil
import subprocess
import sys
from pathlib import Path

FILE = Path("docker-compose.yml")
WITHIN_SECONDS = 60.0


def main() -> int:
    """1 when a program refuses the file."""
    if not FILE.exists():
        print(f"{FILE} is not there: nothing to parse")
        return 0
    asked = [command for command in (["docker", "compose"], ["docker-compose"]) if _works(command)]
    if not asked:
        print(f"{FILE}: NOT parsed, there is no docker compose here")
    return max([_parse(command) for command in asked], default=0)


def _works(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    said = subprocess.run([*command, "version"], capture_output=True, check=False, timeout=WITHIN_SECONDS)
    return said.returncode == 0


def _parse(command: list[str]) -> int:
    argv = [*command, "--file", str(FILE), "config", "--quiet"]
    said = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=WITHIN_SECONDS)
    print(f"{FILE}: {' '.join(command)} {'reads it' if said.returncode == 0 else said.stderr.strip()}")
    return 1 if said.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
