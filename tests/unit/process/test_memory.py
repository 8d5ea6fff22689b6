"""How a process holds memory."""

import subprocess
import sys

PROGRAM = """
import resource, sys
from infra.process.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def use():
    return [bytes(1_000) for _ in range(4_000)]
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Page faults of a program that takes and frees 4 MB fifty times."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, check=True, text=True, timeout=60)
    return int(done.stdout)


def test_freed_memory_is_taken_again_without_asking_the_kernel() -> None:
    """A hundredth of the page faults; where nothing needs to be done (another malloc) there are few anyway."""
    assert faults("kept") < max(200, faults("given back") / 50)
