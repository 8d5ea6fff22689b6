"""The operator's commands, as they are typed: parked, rebuild, explain, audit."""

from typing import Any

from contracts import topics
from contracts.events import DeliveryReported, encode
from contracts.identity import derived_id
from infra.kafka.log import Appender, Entry
from tests.integration.projector.traffic import campaign_id, chunk, moment, traffic
from tests.integration.projector.typed import heliograph
from tests.integration.projector.within import Within


async def _heliograph(within: Within, *words: str) -> tuple[int, str]:
    return await heliograph(within.kafka, within.dsn, *words)


async def test_parked_records_are_listed_shown_and_dropped(within: Within, appender: Appender) -> None:
    """List names the place, show says why it cannot be read, drop is final."""
    await appender.append_all([Entry(topics.DELIVERY_REPORTS, "k", b'{"type":"Nonsense.v1"}')])
    within.start()
    await within.until_fetched("SELECT state FROM live.parked", [("parked",)])
    _, listed = await _heliograph(within, "parked", "list")
    place = listed.split()[0]
    assert place.startswith("delivery-reports/")
    _, shown = await _heliograph(within, "parked", "show", place)
    assert "cannot read it" in shown
    code, said = await _heliograph(within, "parked", "drop", place, "--reason", "a test of ours")
    assert code == 0, said
    await within.until_fetched("SELECT state FROM live.parked", [("dropped",)])


async def test_all_that_is_parked_is_decided_at_once(within: Within, appender: Appender) -> None:
    """`--all` in the place of a place; neither, and both, is refused."""
    nonsense = b'{"type":"Nonsense.v1"}'
    await appender.append_all([Entry(topics.DELIVERY_REPORTS, f"k{number}", nonsense) for number in range(3)])
    within.start()
    await within.until_fetched("SELECT count(*), min(state) FROM live.parked", [(3, "parked")])
    assert (await _heliograph(within, "parked", "drop", "--reason", "a test of ours"))[0] == 2
    code, said = await _heliograph(within, "parked", "drop", "--all", "--reason", "a test of ours")
    assert (code, "3 records" in said) == (0, True), said
    await within.until_fetched("SELECT DISTINCT state FROM live.parked", [("dropped",)])


async def test_a_build_is_made_compared_shown_and_dropped(within: Within, appender: Appender) -> None:
    """start, status, diff, swap, rollback, drop, one after the other."""
    await appender.append_all([s.entry for s in traffic(60, campaigns=1, chunk_size=10)])
    within.start()
    await within.caught_up()
    assert "Build 2 is there" in (await _heliograph(within, "rebuild", "start", "--no-wait"))[1]
    assert (await _heliograph(within, "rebuild", "swap", "7"))[0] == 1
    within.start(build=2)
    await within.caught_up(2)
    code, compared = await _heliograph(within, "rebuild", "diff", "2")
    assert (code, "are equal" in compared) == (0, True), compared
    assert (await _heliograph(within, "rebuild", "swap", "2"))[0] == 0
    assert "build 2  current" in (await _heliograph(within, "rebuild", "status"))[1]
    assert (await _heliograph(within, "rebuild", "rollback"))[0] == 0
    assert (await _heliograph(within, "rebuild", "drop", "1"))[0] == 1
    await within.until_fetched("SELECT build FROM live.builds WHERE is_current", [(1,)])


async def test_explain_tells_a_message_in_words(within: Within, appender: Appender) -> None:
    """Its offer, its reports in their order, its meaning, and no whole number."""
    await appender.append_all([s.entry for s in traffic(20, campaigns=1, chunk_size=10)])
    within.start()
    await within.caught_up()
    code, told = await _heliograph(within, "explain", campaign_id(0), "+1 555 000 0003")
    assert code == 0, told
    assert "Sinch accepts it as" in told
    assert told.index("Queued") < told.index("Dispatched")
    assert "15550000003" not in told


async def test_explain_says_what_counts_and_what_does_not(within: Within, appender: Appender) -> None:
    """A report of an attempt that nobody made, and one without a time, which contradicts what stands (FAULTS C7, C12)."""
    who, key = "15550000001", f"{campaign_id(0)}.0"
    place: dict[str, Any] = {"campaign_id": campaign_id(0), "chunk": 0, "recipient": who, "batch_id": "01B"}

    def report(word: str, attempt: int, learned: float, at: str | None) -> Entry:
        event = DeliveryReported(
            event_id=derived_id(word, attempt), occurred_at=moment(learned), status=word, code=0, at=at, attempt=attempt,
            client_reference=f"{campaign_id(0)}.0.{attempt}", **place,
        )  # fmt: skip
        return Entry(topics.DELIVERY_REPORTS, key, encode(event))

    asked = [said.entry for said in chunk(0, 0, 1, [who])]
    told = [
        report("Failed", 1, 10, moment(10)),
        report("Rejected", 1, 20, None),
        report("Delivered", 9999, 30, moment(30)),
    ]
    for entry in (*asked, *told):
        await appender.append(entry)
    within.start()
    await within.caught_up()
    code, said = await _heliograph(within, "explain", campaign_id(0), who)
    assert code == 0, said
    lines = {
        word: line
        for line in said.splitlines()
        for word in ("Failed", "Rejected", "Delivered")
        if f"reports {word}" in line
    }
    assert ": failed (final)." in said
    assert "[" not in lines["Failed"]
    assert "[contradicts a final report" in lines["Rejected"] or "[was final" in lines["Rejected"]  # in one millisecond
    assert "[counts for nothing: nobody offered this attempt" in lines["Delivered"]


async def test_the_audit_says_that_log_and_tables_agree(within: Within, appender: Appender) -> None:
    """Without credentials Sinch is not asked, and it says so."""
    await appender.append_all([s.entry for s in traffic(20, campaigns=1, chunk_size=10)])
    within.start()
    await within.caught_up()
    code, said = await _heliograph(within, "audit", "all", "--no-sinch")
    assert (code, "Log and tables agree" in said) == (0, True), said
