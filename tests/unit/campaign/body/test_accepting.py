"""A request of very many recipients, from its bytes to the campaign or its refusal: nobody else waits long for it."""

import asyncio
import gc
import hashlib
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, cast

import orjson
import pytest

from contracts.http.campaigns import SendRequest
from infra.process.settings import Settings
from infra.process.world import SystemClock, World
from services.campaign.accept import Acceptance
from services.campaign.access.callers import ANONYMOUS
from services.campaign.access.caps import Caps
from services.campaign.addresses import Addresses
from services.campaign.body.long_array import read_long
from services.campaign.body.ordered import A_PAGE, in_pages
from services.campaign.body.parsing import parse
from services.campaign.body.pauses import Pauses
from services.campaign.problems import CorrectTheRequest, problem_response
from services.campaign.publish import Publisher
from services.campaign.store import Campaign, NewCampaign, Outbox, RepeatKey

LONGEST_HOLD = 0.05  # seconds of the processor's time
MANY = 150_000


@pytest.fixture(autouse=True)
def frozen() -> Iterator[None]:
    """What stands in memory before is not looked at by the garbage collector, as in a service (services/cli/service.py)."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Kept:
    """Takes what is accepted, as the outbox and the log do, without either."""

    def __init__(self) -> None:
        self.new: list[NewCampaign] = []
        self.keys: list[RepeatKey] = []

    async def earlier(self, key: RepeatKey) -> None:
        """Nobody had the key before."""
        self.keys.append(key)

    async def record(self, new: NewCampaign) -> bool:
        """Keep it."""
        self.new.append(new)
        return True

    async def publish(self, _: object) -> None:
        """Nothing more to do."""


async def longest_hold(work: Coroutine[Any, Any, None]) -> float:
    """The most of the processor's time that passed between two turns of another task."""
    holds, over = [0.0], asyncio.Event()

    async def beat() -> None:
        last = time.thread_time()
        while not over.is_set():
            await asyncio.sleep(0)
            holds.append(time.thread_time() - last)
            last = time.thread_time()

    async with asyncio.TaskGroup() as group:
        group.create_task(beat())
        await work
        over.set()
    return max(holds)


async def accept(raw: bytes, kept: Kept, key: str | None = None, *, in_pages: bool = True) -> Campaign:
    """What the view does with a body."""
    world = World()
    value = await read_long(bytearray(raw), world.clock) if in_pages else parse(raw)
    settings: dict[str, Any] = {"_env_file": None, "allowed_countries": "US"}
    caps = Caps(Settings(**settings), world.clock)
    acceptance = Acceptance(cast("Outbox", kept), cast("Publisher", kept), Addresses(None), world, caps=caps)
    return await acceptance.accept(SendRequest.model_validate(value), ANONYMOUS, key)


WRONG: dict[str, Callable[[int], Any]] = {
    "no number": lambda _: "x",
    "no country": lambda n: f"+999{n:09d}",
    "a number, not a text": lambda n: n,
    "an unknown field": lambda n: {"phone": f"+1555{n:07d}", "zip": n},
    "no value": lambda n: f"+1555{n:07d}",
    "long values": lambda n: {"phone": f"+1555{n:07d}", "zip": "\u0001" * 200},
}


@pytest.mark.parametrize("kind", WRONG)
async def test_a_refusal_of_very_many_is_short_and_holds_nobody_up(kind: str) -> None:
    """Below 100 KB, whatever is wrong, and never longer than 50 ms at a time."""
    recipients = [WRONG[kind](n) for n in range(MANY if kind == "no number" else MANY // 10)]
    raw = orjson.dumps({"recipients": recipients, "message": "You owe ${amount}."})
    refused: list[CorrectTheRequest] = []

    async def refuse() -> None:
        with pytest.raises(CorrectTheRequest) as caught:
            await accept(raw, Kept())
        refused.append(caught.value)

    assert await longest_hold(refuse()) < LONGEST_HOLD
    body = problem_response(refused[0]).body
    assert isinstance(body, bytes)
    assert len(body) < 100_000
    told = orjson.loads(body)
    assert told["error_count"] >= (1 if kind == "no value" else len(recipients))
    assert 1 <= len(told["errors"]) <= 100


async def test_very_many_are_accepted_without_holding_anybody_up() -> None:
    """A hundred thousand with names and values: all of them are there, in their order."""
    recipients = [
        {"phone": f"+1555{n:07d}", "first_name": "Ada", "parameters": {"name": f"Ada {n}"}} for n in range(MANY // 5)
    ]
    raw, kept = orjson.dumps({"recipients": recipients, "message": "Hi ${name}"}), Kept()

    async def take() -> None:
        await accept(raw, kept)

    assert await longest_hold(take()) < LONGEST_HOLD
    (new,) = kept.new
    assert sum(new.campaign.chunk_recipients) == len(recipients)
    assert [number for event in new.events for number in orjson.loads(event)["recipients"]] == [
        recipient["phone"].removeprefix("+") for recipient in recipients if isinstance(recipient["phone"], str)
    ]
    people = [phone for page in new.people for phone in page]
    assert (len(people), people) == (len(recipients), sorted(people, key=lambda phone: (phone[-2:], phone)))


@pytest.mark.parametrize("in_pages", [True, False])
async def test_a_repetition_is_known_however_it_is_read(in_pages: bool) -> None:
    """By the same hash as ever: one that was recorded before an upgrade is known after it."""
    recipients = [{"phone": f"+1555{n:07d}", "parameters": {"b": "2", "a": "1"}} for n in range(5_000)]
    raw, kept = orjson.dumps({"message": "Hi ${a}", "recipients": recipients, "priority": 3}), Kept()
    await accept(raw, kept, "key", in_pages=in_pages)
    canonical = orjson.dumps([recipients, {"message": "Hi ${a}", "priority": 3}], option=orjson.OPT_SORT_KEYS)
    assert kept.keys[0].body_hash == hashlib.sha256(canonical).digest()


@pytest.mark.parametrize("many", [10, A_PAGE + 1])
async def test_few_and_many_names_have_one_order(many: int) -> None:
    """Two requests that write the same names never wait for each other in a circle."""
    phones = [str(15_550_000_000 + number * 7) for number in range(many)]
    pages = await in_pages(phones, Pauses(SystemClock()))
    assert [phone for page in pages for phone in page] == sorted(phones, key=lambda phone: (phone[-2:], phone))
    assert all(0 < len(page) <= A_PAGE for page in pages)
