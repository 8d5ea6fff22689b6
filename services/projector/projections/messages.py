"""Table `messages`: one row a message, written on request and on facts about this one message only.

Facts are staged by COPY and compared in the database: a row changes only when the staged fact is greater
(`lattice.Fact`, same fields, same order). Each statement answers with how many messages moved from which state to
which, by batch; the counters follow from that.

`heard` is no part of the greatest fact: whether any report came under the first offer of the whole chunk, an or.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from asyncpg import Record

from contracts.follow_ups import may_pass
from contracts.statuses import UNRECOGNISED
from infra.postgres.pool import Connection
from services.projector.lattice import FactRow, Follow, Height, Words
from services.projector.projections.copying import copy, escape
from services.projector.projections.message_statements import (
    APART,
    COLUMNS,
    FIRST_HEARD,
    FOLLOW,
    MARK_REQUESTED,
    NEW,
    RAISE,
)

ChunkKey = tuple[str, int]
"""(campaign_id, chunk)."""


class State(NamedTuple):
    """What the counters need to know of a message: its offer and its own status; `status` empty: none of its own.

    `awaiting`: it failed, and whether it is sent again is not decided, or is decided and not yet done.
    """

    attempt: int
    part: str
    status: str
    rank: int
    awaiting: bool


class Moved(NamedTuple):
    """`messages` requested messages of one chunk went from `before` (None: were not counted) to `after`."""

    campaign_id: str
    chunk: int
    before: State | None
    after: State
    messages: int


@dataclass(slots=True)
class ChunkFacts:
    """What is new about the messages of one chunk, by recipient (digits), joined per message; and its new history."""

    greatest: dict[str, FactRow] = field(default_factory=dict)
    requested: set[str] = field(default_factory=set)
    follow: dict[str, Follow] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    """Those of whom a report came under the first offer, and something else is greater."""
    history: list[str] = field(default_factory=list)

    def raise_to(self, recipient: str, fact: FactRow) -> None:
        """One more fact."""
        known = self.greatest.get(recipient)
        if known is None:
            self.greatest[recipient] = fact
        elif fact > known:
            self.greatest[recipient] = fact
            if is_first_report(known):
                self.heard.add(recipient)

    def follows(self, recipient: str, follow: Follow) -> None:
        """More is known of this message's follow-ups."""
        known = self.follow.get(recipient)
        self.follow[recipient] = follow if known is None else known.join(follow)


Facts = Mapping[ChunkKey, ChunkFacts]


def is_first_report(fact: FactRow) -> bool:
    """Whether it is a report under the first offer of the whole chunk. Only a report has a word of Sinch's, or is unrecognised."""
    height, _, words = fact
    is_report = bool(words.provider_status) or words.status == UNRECOGNISED.status
    return is_report and height.attempt == 1 and not height.part


Like = tuple[Height, Words, bool, Follow | None, bool]
"""What is the same for all messages of a chunk that differ in recipient and moment only.

Whether they were requested; last, whether a report under the first offer is below the greatest fact.
"""


@dataclass(slots=True)
class End:
    """The end of a row, and how many rows have it."""

    text: str
    rows: int = 0


class ChunkRows(NamedTuple):
    """The messages of a chunk as rows to copy, and by what ends how many of them are alike."""

    text: bytes
    alike: Mapping[Like, End]


FEW = 500  # rows; below, taking them apart in the statement is cheaper than a table to fill and to empty
WORTH_ASKING = 2_000  # messages of a batch; below it is a round trip for little


async def apply(connection: Connection, facts: Facts, rows: Mapping[ChunkKey, ChunkRows]) -> list[Moved]:
    """Join these facts into the table; `rows` are theirs.

    Chunks that are new are copied as they are: their partition's owner, who is the only one to write them, is ours in
    this transaction. The others are staged and merged.
    """
    if not rows:
        return []
    new: set[ChunkKey] = set()
    if sum(end.rows for chunk in rows.values() for end in chunk.alike.values()) >= WORTH_ASKING:
        found = await connection.fetch(NEW, [c for c, _ in rows], [n for _, n in rows])
        new = {(campaign_id, chunk) for campaign_id, chunk in found} & rows.keys()
    moved: list[Moved] = []
    if new:
        await copy(connection, "messages", [rows[key].text for key in new])
        for key in new:
            moved += entered(key, rows[key])
    known = {key: facts[key] for key in rows if key not in new}
    return moved + await _merge(connection, known, [rows[key].text for key in known])


async def raise_further(connection: Connection, facts: Facts) -> list[Moved]:
    """Join more facts after `apply`, in its transaction."""
    rows = [rows_of(key, chunk).text for key, chunk in facts.items()]
    return await _merge(connection, facts, rows) if rows else []


async def _merge(connection: Connection, facts: Facts, rows: Sequence[bytes]) -> list[Moved]:
    if not rows:
        return []
    text, source = b"".join(rows), "staged"
    arguments: tuple[str, ...] = ()
    if _can_be_taken_apart(text):
        source, arguments = APART, (text.decode().removesuffix("\n"),)
    else:
        await connection.execute("DELETE FROM staged")  # of an earlier merge of this transaction
        await copy(connection, "staged", rows)
    statements = [MARK_REQUESTED] if any(c.requested for c in facts.values()) else []
    if any(f.scheduled or f.given_up for c in facts.values() for f in c.follow.values()):
        statements.append(FOLLOW)
    moved: list[Record] = []
    for statement in (*statements, RAISE):
        moved += await connection.fetch(statement.format(source=source), *arguments)
    for row in moved:
        if row["first_heard"]:
            await connection.execute(FIRST_HEARD, row["campaign_id"], row["chunk"], row["first_heard"])
    return [_moved(row) for row in moved if row["requested"]]


def _can_be_taken_apart(text: bytes) -> bool:
    """Few rows, without an escape, and no field has a separator in it: COPY would refuse that, the statement not see it."""
    rows = text.count(b"\n")
    return rows <= FEW and b"\\" not in text and text.count(b"\t") == rows * (len(COLUMNS) - 1)


def _moved(row: Record) -> Moved:
    campaign_id, chunk, counted, *states, messages, _, _ = row
    before = State(*states[:5]) if counted else None
    return Moved(campaign_id, chunk, before, State(*states[5:]), messages)


def entered(key: ChunkKey, rows: ChunkRows) -> list[Moved]:
    """The requested messages of a new chunk, from nothing to what its rows say."""
    states = Counter[State]()
    for (height, words, requested, follow, _), end in rows.alike.items():
        if requested:
            awaiting = _awaits(height.attempt, height.rank, words.provider_status, words.code, follow)
            states[State(height.attempt, height.part, words.status, height.rank, awaiting)] += end.rows
    return [Moved(*key, None, state, messages) for state, messages in states.items()]


def _awaits(attempt: int, rank: int, word: str, code: int, follow: Follow | None) -> bool:
    """A failure that is not final yet; AWAITING says the same of a row."""
    return (
        follow is not None
        and rank in (8, 9)
        and follow.given_up < attempt
        and (follow.scheduled >= attempt or (follow.retries and may_pass(word, code)))
    )


NOTHING = Follow()


def rows_of(key: ChunkKey, facts: ChunkFacts) -> ChunkRows:
    """The facts of one chunk as rows to copy."""
    campaign_id, chunk = key
    requested, follow, heard = facts.requested, facts.follow, facts.heard
    out: list[str] = []
    ends: dict[Like, End] = {}
    for recipient, (height, at, words) in facts.greatest.items():
        like = height, words, recipient in requested, follow.get(recipient), recipient in heard
        end = ends.get(like)
        if end is None:
            end = ends[like] = End(_end(chunk, like))
        end.rows += 1
        out.append(f"{campaign_id}\t{recipient}\t{at}{end.text}")
    return ChunkRows("".join(out).encode(), ends)


def _end(chunk: int, like: Like) -> str:
    """The columns after the moment. Only foreign words can hold characters to escape."""
    height, words, requested, follow, heard = like
    _, attempt, part, rank = height
    more, may = follow or NOTHING, may_pass(words.provider_status, words.code)
    heard = heard or is_first_report((height, "", words))
    asked, retries, retriable, first = ("t" if one else "f" for one in (requested, more.retries, may, heard))
    return (
        f"\t{chunk}\t{words.code}\t{attempt}\t{more.scheduled}\t{more.given_up}\t{rank}\t{words.parts}\t{asked}"
        f"\t{retries}\t{retriable}\t{first}\t{escape(part)}\t{words.status}\t{escape(words.provider_status)}"
        f"\t{escape(words.batch_id)}\n"
    )
