"""A failover as the dispatcher sees it: every session cut, and the server that takes new ones takes no changes for a while."""

from contracts import topics
from contracts.events import DeadLetter
from tests.integration.dispatcher.parts import NUMBERS, Parts
from tests.integration.dispatcher.test_owner import lives
from tests.waiting import until

TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
VAIN_STARTS = 3


async def _failover(these: Parts, *, read_only: bool) -> None:
    name = these.database.rpartition("/")[2]
    await these.ledger.execute(
        f"ALTER DATABASE {name} SET default_transaction_read_only = {'on' if read_only else 'off'}"
    )
    await these.ledger.execute(TERMINATE)


async def test_read_only_while_sending(these: Parts) -> None:
    """Started in vain while nothing can be written, it sends the rest afterwards, to each once; nothing is put aside."""
    everybody = [str(15550000000 + n) for n in range(20_000)]
    await these.ask(*(everybody[n : n + 500] for n in range(0, 20_000, 500)))
    async with lives(these, lambda _: None) as ends:
        await until(lambda: _some_sent(these), "some are sent", within=30)
        await _failover(these, read_only=True)
        before = len(ends)
        await until(lambda: len(ends) >= before + VAIN_STARTS, "it was started in vain", within=60)
        assert any("read-only" in str(end) for end in ends)
        await _failover(these, read_only=False)
        await these.settled(chunks=40)
        await these.ask(NUMBERS[:1], campaign="01930000-0000-7000-8000-0000000000ee")
        await these.settled(chunks=41)
    sent = await these.sent()
    assert sent.pop(NUMBERS[0]) == 2
    assert sent == dict.fromkeys(everybody[1:], 1)
    assert await these.events(DeadLetter, topics.DEAD_LETTERS) == []


async def _some_sent(these: Parts) -> bool:
    return len(await these.sent()) > 0
