"""`heliograph restore ledger`, as it is typed: from an empty ledger to all sent exactly once."""

from tests.integration.dispatcher.parts import Parts, dispatching
from tests.integration.dispatcher.rebuilt import history, older_log
from tests.integration.dispatcher.rebuilt.history import Shape, campaign
from tests.waiting import until

SHAPES = (Shape(campaign(5), 40, 20, failing=7),)


async def test_the_ledger_is_emptied_by_a_command(these: Parts) -> None:
    """Refused while a dispatcher lives; says what would go; then all comes from the log, and nobody gets it twice."""

    async def typed(*words: str) -> tuple[int, str]:
        return await older_log.typed(these, "ledger", *words)

    async def half() -> bool:
        return await these.messages() >= 400

    await these.rules(**history.RULES)
    out = await history.ask(these, *SHAPES)
    async with dispatching(these, dispatch_deadline=3.0):
        await until(half, "half is sent", within=60.0)
        code, said = await typed("--apply")
        assert (code, "1 dispatchers are connected" in said) == (1, True), said
    code, said = await typed()
    assert (code, "1 campaigns, 40 chunks" in said, "Nothing was changed" in said) == (0, True, True), said
    assert await these.ledger.fetchval("SELECT count(*) FROM dispatch.chunks") == 40
    code, said = await typed("--apply", "--actor", "an operator")
    assert (code, "Emptied." in said) == (0, True), said
    assert await these.ledger.fetchval("SELECT count(*) FROM dispatch.chunks") == 0
    async with dispatching(these, dispatch_deadline=3.0):
        await history.done(these, SHAPES, out)
    await history.judge(these, SHAPES, out)
