"""`python -m tests.gates.audit LOCK…`: known vulnerabilities of what is locked, where the database can be had.

pip-audit passes over packages that its service does not know, and where the service is a plain mirror that is all of
them, which would read as "no known vulnerabilities". So what was not audited is counted and said.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

WITHIN_SECONDS = 120.0
COMMAND = (Path(sys.executable).with_name("pip-audit"), "--require-hashes", "--disable-pip", "--progress-spinner", "off",
           "--format", "json", "--requirement")  # fmt: skip


def main() -> int:
    """1 when something is vulnerable; what cannot be asked is said and is no failure."""
    return max([_audit(lock) for lock in sys.argv[1:]], default=0)


def _audit(lock: str) -> int:
    try:
        done = subprocess.run([*COMMAND, lock], capture_output=True, text=True, check=False, timeout=WITHIN_SECONDS)
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        print(f"{lock}: NOT audited, the database of vulnerabilities cannot be had here")
        return 0
    skipped = [one["name"] for one in found if "skip_reason" in one]
    vulnerable = [one for one in found if one.get("vulns")]
    for one in vulnerable:
        ids = ", ".join(vulnerability["id"] for vulnerability in one["vulns"])
        print(f"{lock}: {one['name']} {one['version']}: {ids}")
    audited = len(found) - len(skipped)
    rest = f"; NOT audited, unknown to the database that can be had here: {len(skipped)}" if skipped else ""
    print(f"{lock}: {audited} of {len(found)} packages audited, {len(vulnerable)} vulnerable{rest}")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
