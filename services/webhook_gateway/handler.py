"""One callback: is it Sinch's, what does it say, is it in the log; only then 200."""

from collections.abc import Mapping, Sequence

import structlog
from aiohttp import StreamReader, web

from infra.kafka.log import Appender, Entry, LogError, LogOverloaded, RecordTooLarge
from infra.process.world import Clock
from infra.sinch.wire.signature import SIGNATURE
from services.webhook_gateway import answers
from services.webhook_gateway.access_line import LogCallback
from services.webhook_gateway.answers import Answer
from services.webhook_gateway.body import read_body
from services.webhook_gateway.budget import Budget, Share, TooMuchHeld
from services.webhook_gateway.counting import Counting
from services.webhook_gateway.proof import Caller, Proof, Signed
from services.webhook_gateway.replays import Replays
from services.webhook_gateway.sparing import Sparing
from services.webhook_gateway.translate import Said, Translator, dead

log = structlog.get_logger(__name__)

APPEND_SECONDS = 3.0
"""Our own deadline: Sinch's is not documented, and an answer within it is worth more than a queue."""
IMPATIENT_SECONDS = 0.5
"""The deadline after one has passed, until something is acknowledged again: then Sinch hears 503 at once."""


class Handler:
    """Answers callbacks. 503 is the only way to say no to what may be Sinch's: any other 4xx is never retried."""

    def __init__(
        self,
        appender: Appender,
        translator: Translator,
        clock: Clock,
        *,
        proof: Proof,
        log_callback: LogCallback,
        counting: Counting,
    ) -> None:
        self._appender = appender
        self._translator = translator
        self._clock = clock
        self._proof = proof
        self._log_callback = log_callback
        self._counting = counting
        self._budget = Budget()
        self._replays = Replays()
        self._sparing = Sparing(clock)
        self._within = APPEND_SECONDS

    async def __call__(
        self, target: str, headers: Mapping[str, str], content: StreamReader, remote: str | None
    ) -> Answer:
        """POST /api/webhooks/delivery-reports: the raw request target, its headers, its body, who sends it."""
        caller = self._proof.caller(target, headers)
        if caller is Caller.STRANGER:
            return self._stranger(remote)
        if caller is Caller.DOUBTFUL:
            return self._doubtful("credentials")
        share = Share(self._budget)
        try:
            return await self._receive(headers, content, share, proven=caller is Caller.PROVEN)
        except TooMuchHeld as error:
            return self._later("overload", str(error))
        except (TimeoutError, ConnectionError, web.RequestPayloadError) as error:
            return self._later("body", f"the body did not come whole: {error!r}")
        except LogError as error:
            self._within = APPEND_SECONDS if isinstance(error, LogOverloaded) else IMPATIENT_SECONDS
            return self._later("overload" if isinstance(error, LogOverloaded) else "log", str(error))
        finally:
            share.give_back()

    async def _receive(
        self, headers: Mapping[str, str], content: StreamReader, share: Share, *, proven: bool
    ) -> Answer:
        began = self._clock.boot()
        raw, cut = await read_body(content, share)
        arrived = self._clock.wall()
        now = arrived.isoformat(timespec="milliseconds")[:23] + "Z"
        signature = ""
        if self._proof.asks_for_signature and not (cut and proven):  # of a cut body there is none to check
            signed = self._proof.signature(raw, headers, arrived.timestamp())
            if signed is not Signed.RIGHT:
                return self._doubtful("stale" if signed is Signed.STALE else "signature")
            signature = headers[SIGNATURE]
            if self._replays.knows(signature):
                self._accepted(now, Said("repeated", {"bytes": len(raw)}, []), began)
                return answers.ACCEPTED
        said = dead("oversized", raw, f"longer than {len(raw)} bytes: cut", now) if cut else self._read(raw, now)
        if len(said.entries) > 1:  # one is counted by the appender
            share.grow(sum(len(entry.value) for entry in said.entries))
        said = await self._append(said, raw, now)
        if signature:
            self._replays.accepted(signature)
        self._accepted(now, said, began)
        return answers.ACCEPTED

    def _read(self, raw: bytes, now: str) -> Said:
        """What it says; a body on which our own reading fails is a dead letter too: Sinch repeating it would not help."""
        try:
            return self._translator.read(raw, now)
        except Exception:
            log.exception("callback_reading_failed", bytes=len(raw))
            return dead("unreadable", raw, "reading it failed: a defect of ours, see the log", now)

    async def _append(self, said: Said, raw: bytes, now: str) -> Said:
        """Append all of it, and give what was appended: a record above Kafka's limit is kept as a dead letter."""
        try:
            await self._append_entries(said.entries)
        except RecordTooLarge as error:
            said = dead("oversized", raw, str(error), now)
            await self._append_entries(said.entries)
        self._within = APPEND_SECONDS
        return said

    async def _append_entries(self, entries: Sequence[Entry]) -> None:
        if len(entries) == 1:
            await self._appender.append(entries[0], within=self._within)
        elif entries:
            await self._appender.append_all(entries, within=self._within)

    def _accepted(self, now: str, said: Said, began: float) -> None:
        seconds = self._clock.boot() - began
        self._counting.accepted(said.kind, seconds)
        if said.is_dead:
            self._counting.dead(said.kind)
            self._sparing(log.warning, "callback_kept_as_dead_letter", type=said.kind, **said.about)
        else:
            self._log_callback(now, said.kind, said.about, seconds)

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

    def _later(self, reason: str, why: str) -> Answer:
        self._counting.refused(reason)
        self._sparing(log.error, "callback_put_off", why=why, cause=reason)
        return answers.try_again("It cannot be taken at this moment; try again.")
