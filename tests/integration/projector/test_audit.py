"""The audit: log against tables, tables against what Sinch says, and each difference explained."""

from contracts.events import DeliveryReported, decode
from contracts.identity import Reference
from infra.kafka.log import Appender, KafkaConnection
from infra.sinch.wire.callbacks import BatchReport, StatusCount
from services.projector.audit import against_report, log_against_tables
from services.projector.store import Store
from tests.integration.projector.traffic import START, campaign_id, traffic
from tests.integration.projector.within import Within

REFERENCE = Reference(campaign_id(1), 0, 1)


def _sinch(word: str, recipients: list[str]) -> BatchReport:
    line = StatusCount(code=0, status=word, count=len(recipients), recipients=recipients)
    return BatchReport(type="delivery_report_sms", batch_id="01B", total_message_count=len(recipients), statuses=[line])


async def test_log_and_tables_agree_until_a_row_is_changed(
    within: Within, appender: Appender, store: Store, kafka: KafkaConnection
) -> None:
    """Nothing is found after folding; one changed row is one finding that names the message and both sides."""
    await appender.append_all([s.entry for s in traffic(60, campaigns=2, chunk_size=10)])
    within.start()
    await within.caught_up()
    connection = store._connection
    assert [f async for f in log_against_tables(connection, kafka, 1, None)] == []
    await connection.execute(
        "UPDATE messages SET status = 'pending' WHERE recipient = 15550000003 AND campaign_id = $1", campaign_id(1)
    )
    assert [f async for f in log_against_tables(connection, kafka, 1, campaign_id(0))] == []
    (finding,) = [f async for f in log_against_tables(connection, kafka, 1, campaign_id(1))]
    assert finding.recipient == "15550000003"
    assert "the tables say pending" in finding.words


def test_a_report_that_never_came_is_found_with_its_repair() -> None:
    """Sinch has an end, the tables have none: the repair is an ordinary event, pulled."""
    (finding,) = against_report(
        REFERENCE, _sinch("Delivered", ["15550000001"]), {"15550000001": ("sent", False)}, START
    )
    assert finding.kind == "missing report"
    (entry,) = finding.repair
    event = decode(entry.value)
    assert isinstance(event, DeliveryReported)
    assert (event.status, event.source, entry.key) == ("Delivered", "pull", REFERENCE.key)


def test_agreement_is_no_finding() -> None:
    """The same word on both sides, or a message that has moved to a later attempt."""
    report = _sinch("Delivered", ["15550000001", "15550000002"])
    assert list(against_report(REFERENCE, report, {"15550000001": ("delivered", True)}, START)) == []


def test_two_ends_that_contradict_are_told_and_not_repaired() -> None:
    """Sinch says failed, the tables say delivered: told, and left as it is."""
    (finding,) = against_report(
        REFERENCE, _sinch("Failed", ["15550000001"]), {"15550000001": ("delivered", True)}, START
    )
    assert (finding.kind, finding.repair) == ("another end", ())


def test_a_message_that_sinch_does_not_name_is_told() -> None:
    """The tables have it in the batch and without an end; Sinch's full report leaves it out."""
    shown = {"15550000001": ("delivered", True), "15550000002": ("sent", False)}
    (finding,) = against_report(REFERENCE, _sinch("Delivered", ["15550000001"]), shown, START)
    assert (finding.kind, finding.recipient) == ("not in the batch", "15550000002")
