"""`python -m tests.chaos --runs 1000 --first 0`: the night's run; `--name brokers`, `--name starts` harm something else.

`brokers`: three brokers; `starts`: each part of `heliograph run`, in each second of its start. Exit code 1 when any run
was not exactly once, or did not come to a good end.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from infra.kafka.embedded import EmbeddedKafka
from infra.postgres.embedded import EmbeddedPostgres
from tests.chaos import brokers
from tests.chaos.judge import Verdict
from tests.chaos.many import run_many
from tests.e2e import starts
from tests.places import make_template


def tell(verdict: Verdict) -> None:
    """A line a run."""
    said = "good" if verdict.good else f"BAD {verdict.faults}"
    print(f"seed {verdict.seed}: {said}, {verdict.deaths} deaths, {verdict.doubts} doubts", flush=True)


async def many(first: int, runs: int) -> list[Verdict]:
    """All verdicts, on servers of our own."""
    with tempfile.TemporaryDirectory() as home:
        kafka, postgres = EmbeddedKafka(Path(home) / "kafka"), EmbeddedPostgres(Path(home) / "postgres", durable=False)
        bootstrap, dsn = await kafka.start(), await postgres.start()
        try:
            template = await make_template(dsn)
            return await run_many(range(first, first + runs), bootstrap, dsn, template, Path(home), tell=tell)
        finally:
            await kafka.stop()
            await postgres.stop()


def main() -> int:
    """Run and count."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--name", choices=["crashes", "brokers", "starts"], default="crashes")
    given = parser.parse_args()
    if given.name == "brokers":
        return 0 if asyncio.run(brokers.run()) else 1
    if given.name == "starts":
        return asyncio.run(starts.run())
    verdicts = asyncio.run(many(given.first, given.runs))
    bad = [verdict.seed for verdict in verdicts if not verdict.good]
    deaths, doubts = sum(v.deaths for v in verdicts), sum(v.doubts for v in verdicts)
    restores, follow_ups = sum(v.restores for v in verdicts), sum(v.follow_ups for v in verdicts)
    more = f"{deaths} deaths, {restores} restores, {doubts} doubts, {follow_ups} follow-ups"
    print(f"{len(verdicts)} runs, {more}; with a fault: {len(bad)} {bad or ''}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
