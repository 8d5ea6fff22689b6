"""A history with everything in it: large and small chunks, splits, doubts, re-offers, follow-ups, opt-outs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from contracts import topics
from contracts.events import RecipientOptedOut, SendAttempted
from contracts.identity import derived_id, pseudonym
from tests.integration.dispatcher.parts import OPEN, Parts
from tests.waiting import until

FAILING, PLAIN = 15560000000, 15550000000
"""Numbers from the first on fail at their first message; from the second on they are delivered."""
FAULTS = [
    {"kind": "error_after", "status": 502, "share": 0.1}, {"kind": "error_before", "status": 500, "share": 0.05},
    {"kind": "too_many_requests", "retry_after": 0, "share": 0.05}, {"kind": "cut_after", "share": 0.05},
    {"kind": "unreadable", "share": 0.05},
]  # fmt: skip
RULES = {
    "fates": [{"share": 1.0, "code": 404, "first_only": True, "recipient_prefix": "1556"}],
    "delays": {"final": {"min": 0.05, "max": 0.3}}, "faults": FAULTS, "number_fates": False,
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A campaign: `chunks` of `size` recipients, of which every `failing`-th fails once; `text`: characters for each."""

    campaign: str
    chunks: int
    size: int
    text: int = 0
    failing: int = 0

    def numbers(self) -> Iterator[list[str]]:
        """The recipients of each chunk."""
        offset = int(self.campaign[-2:], 16) * 100_000
        for chunk in range(self.chunks):
            first = chunk * self.size + offset
            yield [
                str((FAILING if self.failing and n % self.failing == 0 else PLAIN) + n)
                for n in range(first, first + self.size)
            ]


def campaign(number: int) -> str:
    """A campaign's id."""
    return f"01930000-0000-7000-8000-0000000000{number:02x}"


BIG = Shape(campaign(1), 60, 300, text=1_300)
MANY = Shape(campaign(2), 1_500, 20)
SPLIT = Shape(campaign(3), 4, 20)
AGAIN = Shape(campaign(4), 12, 10, failing=5)
MIXED_LARGE, MIXED_SMALL = Shape(campaign(10), 20, 300, text=1_300), Shape(campaign(11), 300, 20, failing=10)
LONGEST = 160
"""Characters in a value of a parameter."""
NARROW = 12
"""More recipients than this of `SPLIT` are refused in one batch."""


async def ask(these: Parts, *shapes: Shape) -> set[str]:
    """Request them; somebody of each opted out before. Gives who did."""
    out = set()
    for shape in shapes:
        chunks = list(shape.numbers())
        number = chunks[0][-1]
        out.add(number)
        event = RecipientOptedOut(
            event_id=derived_id(number), occurred_at=AT, recipient=number, received_at=AT, source="reply"
        )
        await these.say(topics.CONSENT, pseudonym(number, "k" * 16), event)
        for first in range(0, len(chunks), 100):
            some = chunks[first : first + 100]
            if shape.text:
                for at, chunk in enumerate(some, first):
                    texts = {f"p{n}": dict.fromkeys(chunk, "x" * LONGEST) for n in range(shape.text // LONGEST)}
                    await these.ask(
                        chunk, campaign=shape.campaign, of=shape.chunks, first=at, parameters=texts,
                    )  # fmt: skip
            else:
                await these.ask(
                    *some,
                    campaign=shape.campaign,
                    of=shape.chunks,
                    first=first,
                    retry_delays=[1] if shape.failing else [],
                )
    return out


AT = "2026-03-01T12:00:00.000Z"


def wanted(shapes: tuple[Shape, ...], out: set[str]) -> Counter[str]:
    """How many messages each number is to get."""
    numbers = [number for shape in shapes for chunk in shape.numbers() for number in chunk if number not in out]
    return Counter({number: 2 if number.startswith("1556") else 1 for number in numbers})


async def done(these: Parts, shapes: tuple[Shape, ...], out: set[str]) -> None:
    """Wait until everybody has what he is to get, and the ledger has nothing open and has read the log."""
    expected, chunks = wanted(shapes, out), sum(shape.chunks for shape in shapes)

    async def is_done() -> bool:
        arrived: int = await these.ledger.fetchval("SELECT count(*) FROM dispatch.chunks")
        if arrived < chunks or await these.ledger.fetchval(OPEN) > 0:
            return False
        if await these.ledger.fetchval("SELECT count(*) FROM dispatch.follow_ups WHERE NOT done") > 0:
            return False
        return await these.messages() >= expected.total()

    try:
        await until(is_done, "everything is sent and settled", within=120.0)
    except AssertionError as failed:
        raise AssertionError(await _left(these, expected)) from failed


async def _left(these: Parts, expected: Counter[str]) -> str:
    """What is not as it should be."""
    got = await these.sent()
    rows = await these.ledger.fetch(
        "SELECT campaign_id, chunk, attempt, part, state, reason, claims, follows, recipients FROM dispatch.batches "
        "WHERE state IN ('due', 'attempting', 'in_doubt')"
    )
    waiting = await these.ledger.fetch("SELECT * FROM dispatch.follow_ups WHERE NOT done")
    early = await these.ledger.fetchval("SELECT count(*) FROM dispatch.early")
    missing, more = sorted(expected - got), sorted(got - expected)
    return (
        f"missing {len(missing)} {missing[:3]}, too many {len(more)} {more[:3]}, open {rows}, follow-ups {waiting}, "
        f"early {early}"
    )


async def judge(these: Parts, shapes: tuple[Shape, ...], out: set[str]) -> None:
    """Nobody got it twice or not at all; no attempt's number was given out twice."""
    got, expected = await these.sent(), wanted(shapes, out)
    assert got == expected, {
        number: (got[number], expected[number]) for number in got | expected if got[number] != expected[number]
    }
    attempts = await these.events(SendAttempted)
    offers: dict[str, list[SendAttempted]] = {}
    for event in attempts:
        offers.setdefault(event.client_reference, []).append(event)
    for reference, claims in offers.items():
        assert len({event.claim for event in claims}) == len(claims), f"a claim of {reference} was said twice"
        for earlier, later in pairwise(claims):
            assert set(later.recipients) <= set(earlier.recipients), f"{reference} was given to others"
    assert await these.ledger.fetchval("SELECT count(*) FROM dispatch.early") == 0
