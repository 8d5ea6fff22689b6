"""`heliograph dead-letters`: what could not be read is looked at, read again, or put away, and every action recorded."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from contracts import topics
from contracts.events import DeadLetter, DeadLetterDropped, DeadLetterRedriven, DeliveryReported, encode
from contracts.identity import derived_id
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Appender, Entry
from infra.process.world import World
from services.webhook_gateway.translate import dead_letter
from tests.reading import events_of, keys_of
from tests.unit.webhook_gateway.test_translate import CAMPAIGN, NOW, REPORT

ROOT = Path(__file__).parents[3]
Run = Callable[..., Awaitable[tuple[int, str]]]
READABLE = json.dumps(REPORT).encode()  # as if the gateway had not known this form when it came
LATER = json.dumps(REPORT | {"status": "Failed", "code": 15}).encode()


@pytest.fixture
async def letters(kafka: KafkaConnection, world: World) -> list[str]:
    """Three letters: two that can be read by now, about one message, and one that cannot; their ids."""
    appender = Appender(kafka, world, name="letters")
    await appender.start()
    raws = [READABLE, b"not JSON, about +12017777777", LATER]
    for raw in (*raws, READABLE):  # the first one came twice
        await appender.append(dead_letter(raw, "a reason", NOW))
    await appender.stop()
    return [derived_id("callback", raw) for raw in raws]


@pytest.fixture
def command(kafka: KafkaConnection, tmp_path: Path) -> Run:
    """Runs the command as an operator does; gives its exit code and what it said."""
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "HELIOGRAPH_HOME": str(tmp_path), "PRIVACY_KEY": "k" * 16,
    }  # fmt: skip

    async def run(*arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", "dead-letters", *arguments, env=environment, cwd=ROOT,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 60.0)
        assert process.returncode is not None
        return process.returncode, output.decode()

    return run


async def test_the_list_has_each_letter_once(command: Run, letters: list[str]) -> None:
    """However often Sinch repeated it."""
    code, output = await command("list")
    assert (code, [output.count(id_) for id_ in letters]) == (0, [1, 1, 1])


async def test_a_letter_is_shown_with_numbers_masked(command: Run, letters: list[str]) -> None:
    """Unless the bytes themselves are asked for."""
    _, shown = await command("show", letters[1])
    assert ("not JSON" in shown, "12017777777" in shown) == (True, False)
    assert await command("show", letters[1], "--raw") == (0, "not JSON, about +12017777777")


async def test_a_dry_run_changes_nothing(command: Run, kafka: KafkaConnection, letters: list[str]) -> None:
    """It says what would be done."""
    code, output = await command("redrive", "--all")
    assert (code, "still unreadable" in output, "Nothing was done" in output) == (1, True, True)
    assert await events_of(kafka, topics.DELIVERY_REPORTS) == []
    assert len(await events_of(kafka, topics.DEAD_LETTERS)) == len(letters) + 1


async def test_redriving_appends_what_they_say_in_order(
    command: Run, kafka: KafkaConnection, letters: list[str]
) -> None:
    """Under the ids and the key that the gateway would have given, the action recorded with its actor."""
    await command("redrive", "--all", "--apply", "--actor", "cli:ann")
    found = [event for event in await events_of(kafka, topics.DELIVERY_REPORTS) if isinstance(event, DeliveryReported)]
    assert [(event.event_id, event.status) for event in found] == [(letters[0], "Delivered"), (letters[2], "Failed")]
    assert set(await keys_of(kafka, topics.DELIVERY_REPORTS)) == {f"{CAMPAIGN}.7"}
    notes = [event for event in await events_of(kafka, topics.DEAD_LETTERS) if isinstance(event, DeadLetterRedriven)]
    assert [(note.dead_letter_id, note.actor) for note in notes] == [(letters[0], "cli:ann"), (letters[2], "cli:ann")]


async def test_what_was_redriven_is_not_redriven_again(
    command: Run, kafka: KafkaConnection, letters: list[str]
) -> None:
    """It is no longer open."""
    await command("redrive", letters[0], "--apply")
    code, output = await command("redrive", letters[0], "--apply")
    assert (code, "already redriven" in output) == (1, True), output
    assert len(await events_of(kafka, topics.DELIVERY_REPORTS)) == 1


async def test_a_later_fact_does_not_overtake_an_earlier_one(
    command: Run, kafka: KafkaConnection, letters: list[str]
) -> None:
    """A letter of the same chunk that came before has to come along."""
    code, output = await command("redrive", letters[2], "--apply")
    assert (code, f"{letters[0]} of the same" in output) == (1, True)
    assert await events_of(kafka, topics.DELIVERY_REPORTS) == []


async def test_a_dropped_letter_is_closed_with_its_reason(
    command: Run, kafka: KafkaConnection, letters: list[str]
) -> None:
    """Only with --apply, and seen in the whole list only."""
    await command("drop", letters[1][:13], "--reason", "a test of theirs", "--apply", "--actor", "cli:ann")
    notes = [event for event in await events_of(kafka, topics.DEAD_LETTERS) if isinstance(event, DeadLetterDropped)]
    assert [(one.dead_letter_id, one.actor, one.reason) for one in notes] == [
        (letters[1], "cli:ann", "a test of theirs")
    ]
    assert letters[1] not in (await command("list"))[1]
    assert "dropped by cli:ann a test of theirs" in (await command("list", "--all"))[1]


async def test_a_record_of_a_topic_is_appended_again_under_its_key(
    command: Run, kafka: KafkaConnection, world: World
) -> None:
    """For the reader that could not read it and now can."""
    appender = Appender(kafka, world, name="letters")
    await appender.start()
    event = DeliveryReported(
        event_id=derived_id("one"), occurred_at=NOW, batch_id="b", recipient="12010000000", status="Delivered", code=0
    )
    at = await appender.append(Entry(topics.DELIVERY_REPORTS, "the key", encode(event)))
    letter = DeadLetter(
        event_id=derived_id("letter"), occurred_at=NOW, origin=at.topic, partition=at.partition, offset=at.offset,
        reason="r", raw=encode(event),
    )  # fmt: skip
    await appender.append(Entry(topics.DEAD_LETTERS, "k", encode(letter)))
    await appender.stop()
    code, output = await command("redrive", "--all", "--apply")
    assert code == 0, output
    assert await keys_of(kafka, topics.DELIVERY_REPORTS) == ["the key"] * 2


async def test_an_unknown_id_is_said(command: Run) -> None:
    """Without a trace."""
    code, output = await command("show", "0000")
    assert (code, output) == (1, "no dead letters have an id that begins with 0000\n")
