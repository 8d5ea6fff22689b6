"""One callback: is it Sinch's, what does it say, is it in the log; only then 200.

Nothing here waits, so a callback needs no task: `take` hands its record to the appender, which tells when it is in the
log, and the answer goes out from there.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import msgspec
import structlog
from aiohttp import StreamReader, web

from infra.http.content_encoding import encoding_of
from infra.kafka.log import Appender, Entry, LogError, LogOverloaded, Position, RecordTooLarge
from infra.process.byte_budget import REQUEST_BYTES, Budget, Share, TooMuchHeld
from infra.process.sparing import Sparing
from infra.process.world import World
from infra.sinch.wire.signature import SIGNATURE
from services.webhook_gateway import answers
from services.webhook_gateway.access_line import LogCallback
from services.webhook_gateway.answers import Answer
from services.webhook_gateway.body import MOST_BYTES, read_body
from services.webhook_gateway.counting import Counting
from services.webhook_gateway.moments import Moments
from services.webhook_gateway.proof import Caller, Proof, Signed
from services.webhook_gateway.replays import Replays
from services.webhook_gateway.replies.reading import AHEAD
from services.webhook_gateway.translate import Said, Translator, dead

log = structlog.get_logger(__name__)

APPEND_SECONDS = 3.0
"""Our own deadline: Sinch's is not documented, and an answer within it is worth more than a queue."""
IMPATIENT_SECONDS = 0.5
"""The deadline after one has passed, until something is acknowledged again: then Sinch hears 503 at once."""


Tell = Callable[[Answer], None]
NOTHING = Said("", {}, [])


class Callback(msgspec.Struct):
    """A callback on its way into the log: came at `now`, `began` by the clock since boot."""

    raw: bytes
    share: Share
    answer: Tell
    began: float
    now: str
    said: Said = NOTHING
    signature: str = ""


class Handler:
    """Answers callbacks. 503 is the only way to say no to what may be Sinch's: any other 4xx is never retried."""

    def __init__(
        self,
        appender: Appender,
        translator: Translator,
        world: World,
        *,
        proof: Proof,
        log_callback: LogCallback,
        counting: Counting,
    ) -> None:
        self._appender = appender
        self._translator = translator
        self._world = world
        self._clock = world.clock
        self._proof = proof
        self._log_callback = log_callback
        self._counting = counting
        self._budget = Budget()
        self._moments = Moments()
        self._replays = Replays()
        self._sparing = Sparing(world.clock)
        self._within = APPEND_SECONDS

    def receive(self, target: str, headers: Mapping[str, str], raw: bytes, remote: str | None, answer: Tell) -> None:
        """Take a callback that is all there: its raw request target, headers, body and sender.

        `answer` is told once, now or when the log has it.
        """
        caller = self._judge(target, headers, remote)
        if isinstance(caller, Answer):
            answer(caller)
            return
        share = Share(self._budget)
        try:
            share.grow(REQUEST_BYTES + len(raw))
        except TooMuchHeld as error:
            answer(self._later("overload", str(error)))
            return
        self._take(headers, raw[:MOST_BYTES], share, answer, proven=caller is Caller.PROVEN, cut=len(raw) > MOST_BYTES)

    async def read(self, target: str, headers: Mapping[str, str], content: StreamReader, remote: str | None) -> Answer:
        """The same for a callback whose body may still be on its way: nothing of a stranger's is read."""
        caller = self._judge(target, headers, remote)
        if isinstance(caller, Answer):
            return caller
        share = Share(self._budget)
        try:
            raw, cut = await read_body(content, share, encoding=encoding_of(headers))
        except TooMuchHeld as error:
            return self._later("overload", str(error))
        except (TimeoutError, ConnectionError, web.RequestPayloadError) as error:
            return self._later("body", f"the body did not come whole: {error!r}")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._take(headers, raw, share, partial(_settle, answer), proven=caller is Caller.PROVEN, cut=cut)
        return await answer

    def _judge(self, target: str, headers: Mapping[str, str], remote: str | None) -> Caller | Answer:
        """Who calls; or the answer for somebody who must not."""
        caller = self._proof.caller(target, headers)
        if caller is Caller.STRANGER:
            return self._stranger(remote)
        if caller is Caller.EXPOSED:
            return self._exposed()
        return self._doubtful("credentials") if caller is Caller.DOUBTFUL else caller

    def _take(
        self, headers: Mapping[str, str], raw: bytes, share: Share, answer: Tell, *, proven: bool, cut: bool
    ) -> None:
        """Take a body that `share` holds and that may have been `cut`."""
        arrived = self._clock.unix()
        callback = Callback(raw, share, answer, self._clock.boot(), self._moments.text(arrived))
        try:
            if self._proof.asks_for_signature and not (cut and proven):  # of a cut body there is none to check
                signed = self._proof.signature(raw, headers, arrived)
                if signed is not Signed.RIGHT:
                    self._refuse(callback, self._doubtful("stale" if signed is Signed.STALE else "signature"))
                    return
                callback.signature = headers[SIGNATURE]
                if self._replays.knows(callback.signature):
                    callback.said = Said("repeated", {"bytes": len(raw)}, [])
                    self._accepted(callback)
                    return
            callback.said = self._cut(callback) if cut else self._read(callback)
            self._append(callback)
        except TooMuchHeld as error:
            self._refuse(callback, self._later("overload", str(error)))
        except Exception:
            log.exception("callback_failed")
            self._refuse(callback, answers.FAILED)

    def _read(self, callback: Callback) -> Said:
        """What it says; a body on which our own reading fails is a dead letter too: Sinch repeating it would not help."""
        raw, now = callback.raw, callback.now
        try:
            return self._translator.read(raw, now)
        except Exception:
            log.exception("callback_reading_failed", bytes=len(raw))
            return dead("unreadable", raw, "reading it failed: a defect of ours, see the log", now)

    def _cut(self, callback: Callback) -> Said:
        raw = callback.raw
        return dead("oversized", raw, f"longer than {len(raw)} bytes: cut", callback.now)

    def _append(self, callback: Callback) -> None:
        entries = callback.said.entries
        if len(entries) == 1:
            self._appender.put(entries[0], partial(self._told, callback), within=self._within)
            return
        callback.share.grow(sum(len(entry.value) for entry in entries))  # one is counted by the appender
        self._world.tasks.spawn("append_callback", self._append_all(callback, entries))

    async def _append_all(self, callback: Callback, entries: list[Entry]) -> None:
        try:
            await self._appender.append_all(entries, within=self._within)
        except LogError as error:
            self._told(callback, error)
        except Exception:
            log.exception("callback_failed")
            self._refuse(callback, answers.FAILED)
        else:
            self._told(callback, None)

    def _told(self, callback: Callback, outcome: Position | LogError | None) -> None:
        """The log has it, all of it (None) or the one record, or says why not: a record above Kafka's limit is kept as a dead letter."""
        try:
            if isinstance(outcome, RecordTooLarge) and not callback.said.is_dead:
                callback.said = dead("oversized", callback.raw, str(outcome), callback.now)
                self._append(callback)
            elif isinstance(outcome, LogError):
                overloaded = isinstance(outcome, LogOverloaded)
                self._within = APPEND_SECONDS if overloaded else IMPATIENT_SECONDS
                self._refuse(callback, self._later("overload" if overloaded else "log", str(outcome)))
            else:
                self._within = APPEND_SECONDS
                self._accepted(callback)
        except Exception:
            log.exception("callback_failed")
            self._refuse(callback, answers.FAILED)

    def _accepted(self, callback: Callback) -> None:
        if callback.signature:
            self._replays.accepted(callback.signature)
        callback.share.give_back()
        said, seconds = callback.said, self._clock.boot() - callback.began
        self._counting.accepted(said.kind, seconds)
        if said.is_dead:
            self._counting.dead(said.kind)
            self._sparing(log.warning, "callback_kept_as_dead_letter", type=said.kind, **said.about)
        else:
            self._log_callback(callback.now, said.kind, said.about, seconds)
            if "mended" in said.about:
                self._mended(said)
        callback.answer(answers.ACCEPTED)

    def _mended(self, said: Said) -> None:
        """It was not as it should be; what of it could not be read at all is kept as a dead letter."""
        self._counting.mended()
        if said.is_partly_dead:
            self._counting.dead("partly")
        if AHEAD in said.about:
            self._counting.ahead()
            self._sparing(
                log.error, "consent_dated_ahead", alert=True, type=said.kind, **said.about,
                hint="Sinch's clock or ours is wrong, or somebody forges callbacks; it counts from its arrival on",
            )  # fmt: skip

    def _refuse(self, callback: Callback, answer: Answer) -> None:
        callback.share.give_back()
        callback.answer(answer)

    def _stranger(self, remote: str | None) -> Answer:
        self._counting.refused("token")
        self._sparing(log.warning, "callback_from_stranger", remote=remote)
        return answers.stranger(self._proof.challenge)

    def _doubtful(self, what: str) -> Answer:
        """Page someone: every callback is put off until it is mended, and lost after a day."""
        self._counting.refused(what)
        self._sparing(
            log.error, "callback_proof_wrong", alert=True, what=what,
            hint="compare WEBHOOK_TOKEN, SINCH_WEBHOOK_SECRET, WEBHOOK_BASIC_AUTH with Sinch's; it retries for a day",
        )  # fmt: skip
        return answers.try_again("The callback's signature or credentials are not what is configured here.")

    def _exposed(self) -> Answer:
        """Page someone: this may be Sinch, through a tunnel that brings anybody else as well."""
        self._counting.refused("exposed")
        self._sparing(
            log.error, "callback_from_outside_while_open", alert=True,
            hint="set BASE_URL and WEBHOOK_TOKEN; Sinch retries for a day",
        )  # fmt: skip
        return answers.try_again("Callbacks from outside need a token here: set BASE_URL and WEBHOOK_TOKEN.")

    def _later(self, reason: str, why: str) -> Answer:
        """What cannot be taken now; `reason` is one of our own few words, for the metric."""
        self._counting.refused(reason)
        self._sparing(log.error, "callback_put_off", why=why, cause=reason)
        return answers.try_again("It cannot be taken at this moment; try again.")


def _settle(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
