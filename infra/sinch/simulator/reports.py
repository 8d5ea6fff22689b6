"""Delivery reports of stored batches: one for each number, one for the whole, the same in callbacks and when pulled."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from infra.sinch.simulator.settings import SimulatorSettings
from infra.sinch.simulator.store import DISPATCHED_STATE, QUEUED_STATE, Outcomes, StoredBatch
from infra.sinch.simulator.texts import Texts
from infra.sinch.wire.callback_bytes import status_line
from infra.sinch.wire.callbacks import BatchReport, RecipientReport
from infra.sinch.wire.timestamps import write


def at_text(seconds: float) -> str:
    """Unix seconds in normal form."""
    return write(datetime.fromtimestamp(seconds, UTC))


class Reports:
    """Makes reports as this account is shown them."""

    def __init__(self, settings: SimulatorSettings, outcomes: Outcomes) -> None:
        self._settings = settings
        self._outcomes = outcomes

    def recipient(
        self,
        batch: StoredBatch,
        position: int,
        state: int | None = None,
        at: float | None = None,
    ) -> RecipientReport:
        """The report of one number: as it stands, or as it stood in an earlier state."""
        state = batch.states[position] if state is None else state
        seconds = batch.at[position] if at is None else at
        outcome = self._outcomes[state]
        in_network = state not in (QUEUED_STATE, DISPATCHED_STATE) and outcome.reached_network
        recipient = str(batch.to[position])
        return RecipientReport(
            type=_report_type("recipient_delivery_report", batch),
            batch_id=batch.id,
            recipient=recipient,
            code=outcome.code,
            status=outcome.status,
            at=at_text(seconds),
            # an operator's receipt has whole seconds, as in Sinch's signature vector
            operator_status_at=at_text(seconds // 1) if in_network else None,
            client_reference=batch.fields.get("client_reference"),
            operator=self._settings.operator,
            **self._optional(batch, recipient),
        )

    def _optional(self, batch: StoredBatch, recipient: str) -> dict[str, Any]:
        """Fields that only some accounts or batches have."""
        limited = "max_number_of_message_parts" in batch.fields
        if not limited and not self._settings.encoding_in_reports:
            return {}
        texts = Texts(batch.fields)
        fields: dict[str, Any] = {}
        if limited:
            fields["number_of_message_parts"] = texts.parts(recipient).count
        if self._settings.encoding_in_reports:
            fields["encoding"] = texts.report_encoding(recipient)
        return fields

    def batch(
        self,
        batch: StoredBatch,
        *,
        full: bool,
        statuses: Collection[str] = (),
        codes: Collection[int] = (),
    ) -> BatchReport:
        """The report of the whole, of these statuses and codes only when some are named."""
        groups: dict[int, list[int]] = {}
        if not batch.withdrawn:
            for position, state in enumerate(batch.states):
                groups.setdefault(state, []).append(position)
        lines = []
        for state, positions in sorted(groups.items()):
            outcome = self._outcomes[state]
            if (not statuses or outcome.status.lower() in statuses) and (not codes or outcome.code in codes):
                numbers = [str(batch.to[position]) for position in positions]
                lines.append(status_line(outcome.code, outcome.status, numbers, full=full))
        return BatchReport(
            type=_report_type("delivery_report", batch),
            batch_id=batch.id,
            total_message_count=0 if batch.withdrawn else len(batch.to),
            statuses=lines,
            client_reference=batch.fields.get("client_reference"),
        )


def _report_type(name: str, batch: StoredBatch) -> str:
    return f"{name}_mms" if batch.fields.get("type") == "mt_media" else f"{name}_sms"
