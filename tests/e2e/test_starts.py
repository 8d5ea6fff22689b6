"""A start that is disturbed: what `run` keeps, and what it shows, do not end by it."""

from pathlib import Path

import pytest

from tests.e2e.starts import DEMO, start


@pytest.mark.faults
async def test_parts_killed_while_it_starts_and_in_its_demo_are_up_again_and_the_demo_ends_well(tmp_path: Path) -> None:
    """Kafka as it starts, PostgreSQL under the services' start, then the API in the demo, each kill -9 (FAULTS J5)."""
    one = await start(tmp_path / "home")
    try:
        await one.kill("kafka")
        await one.born("http")
        await one.kill("postgres")
        await one.says(DEMO)
        await one.kill("http")
        await one.ends_well()
    finally:
        code = await one.child.stop(15.0)
    assert code == 0, one.said
