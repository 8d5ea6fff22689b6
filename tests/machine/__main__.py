"""`python -m tests.machine --examples 1000`: the long run, on a PostgreSQL of its own."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from infra.postgres.embedded import EmbeddedPostgres
from tests.machine.running import play_examples
from tests.places import make_template


def main() -> int:
    """Play; a failure is hypothesis's own, with the rules that led to it."""
    parser = argparse.ArgumentParser(prog="python -m tests.machine")
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as home:
        server = EmbeddedPostgres(Path(home) / "postgres", durable=False)
        dsn = loop.run_until_complete(server.start())
        try:
            template = loop.run_until_complete(make_template(dsn))
            play_examples(loop, dsn, template, examples=given.examples, steps=given.steps, seed=given.seed)
        finally:
            loop.run_until_complete(server.stop())
    return 0


if __name__ == "__main__":
    sys.exit(main())
