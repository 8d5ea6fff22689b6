"""What a simulated account is like. Where Sinch's pages are silent, the default here is documented in docs/simulator.md."""

from dataclasses import dataclass, field
from typing import Literal

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """One service plan and the machine it may use."""

    plan: str = "simulator"
    token: str = field(default="simulator", repr=False)
    webhook_secret: str | None = field(default=None, repr=False)  # callbacks are signed when it is set
    callback_url: str | None = None  # the plan's own: reports of batches without one, and every inbound message
    default_originator: str | None = None  # the sender of batches without `from`; None: they are refused
    messages_per_second: float | None = None  # of the whole plan, counted in recipients; None: no limit
    memory_bytes: int = 512 * MEBIBYTE  # of batches and waiting callbacks; above it finished batches go, then 429
    allowed_hosts: tuple[str, ...] = ()  # names beside loopback's under which our own calls and the page are answered
    largest_request: int = 16 * MEBIBYTE  # bytes

    # Callbacks: Sinch's retry rule is documented, its time-out and its concurrency are not.
    callback_timeout: float = 10.0  # seconds
    callback_connections: int = 64
    first_retry: float = 5.0  # seconds; doubles
    retries: int = 15  # 5 s * 2^14 = 81,920 s is the last interval
    sign_again: bool = False  # whether a retry gets a new nonce and timestamp
    callbacks_kept: int = 10_000  # tries shown by /simulator/callbacks

    # What Sinch's pages leave open.
    repeated_numbers: Literal["once", "each"] = "once"  # a number twice in `to`
    cancelled_status: Literal["Cancelled", "Aborted"] = "Cancelled"  # of code 407
    cancel_after_sent: Literal["accept", "conflict"] = "accept"  # or 403 conflict_send_at
    foreign_errors: Literal["empty", "html", "spring"] = "empty"  # bodies of 401, 404, 405, 415, 429 and 5xx
    encoding_in_reports: bool = False  # the account has Auto Encoding
    operator: str | None = None  # MCCMNC in reports and inbound messages, when the account shows it
