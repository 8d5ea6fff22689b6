"""The state machine in the suite: few plays. The long run is `python -m tests.machine --examples N`."""

import asyncio

from tests.machine.running import play_examples

EXAMPLES, STEPS, SEED = 8, 15, 16


def test_whatever_befalls_a_campaign_it_comes_to_its_end(postgres_dsn: str, template: str) -> None:
    """Any interleaving: every message final and as its facts say, nothing open, nobody twice or against consent."""
    loop = asyncio.new_event_loop()
    try:
        play_examples(loop, postgres_dsn, template, EXAMPLES, STEPS, SEED)
    finally:
        loop.close()
