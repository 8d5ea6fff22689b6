"""Every metric: its name with a sentence, in one registry a process; and the page that shows them."""

from collections.abc import Callable
from functools import partial

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

LATENCY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
AGE_NOTE = "seconds; 0 when there is none"


def _counter(name: str, sentence: str, *labels: str) -> Counter:
    return Counter(f"heliograph_{name}", sentence, labels, registry=REGISTRY)


def _gauge(name: str, sentence: str, *labels: str) -> Gauge:
    return Gauge(f"heliograph_{name}", sentence, labels, registry=REGISTRY)


def _histogram(name: str, sentence: str, *labels: str) -> Histogram:
    return Histogram(f"heliograph_{name}", sentence, labels, registry=REGISTRY, buckets=LATENCY_SECONDS)


# every service
CONSUMER_LAG_RECORDS = _gauge(
    "consumer_lag_records", "Records between us and the partition's end.", "topic", "partition"
)
CONSUMER_LAG_SECONDS = _gauge(
    "consumer_lag_seconds", "Age of the record last read, while not at the end.", "topic", "partition"
)
DEAD_LETTERS = _counter("dead_letters", "Records or bodies that could not be read and were set aside.", "reason")
APPEND_FAILURES = _counter(
    "append_failures", "Appends to the log that were not acknowledged in time, or that found no room.", "topic"
)
LOG_TRIMMED = _counter(
    "log_trimmed", "Partitions found trimmed to where we had read them: the log is no whole copy any more.", "topic"
)
LOG_GAPS = _counter("log_gaps_accepted", "Gaps of the log that an operator accepted and that were skipped.", "topic")

REQUESTS_REFUSED = _counter("requests_refused", "Requests refused before anything of them was read.", "reason")

# campaign
STANDING_STILL = _gauge(
    "standing_still", "1 while the service stands still for the given reason; /readyz says more.", "service", "reason"
)
HTTP_REQUESTS = _counter("http_requests", "Requests answered.", "handler", "status")
HTTP_SECONDS = _histogram("http_seconds", "Time from a request's arrival to its answer, in seconds.", "handler")
API_KEYS_REFUSED = _counter("api_keys_refused", "Requests to the API whose key was not let in.", "reason")
REQUESTS_LIMITED = _counter("requests_limited", "Requests to the API beyond their key's requests a minute.")
CAMPAIGNS_ACCEPTED = _counter("campaigns_accepted", "Campaigns answered with 202.")
RECIPIENTS_REQUESTED = _counter("recipients_requested", "Recipients of accepted campaigns.")
OUTBOX_CHUNKS = _gauge("outbox_chunks", "Chunks written to PostgreSQL and not yet in the log.")

# webhook gateway
REPORTS_ACCEPTED = _counter("reports_accepted", "Callbacks answered with 200 because the log has them.", "type")
REPORTS_REFUSED = _counter("reports_refused", "Callbacks not accepted: token, signature, overload or log.", "reason")
CALLBACKS_MENDED = _counter(
    "callbacks_mended", "Callbacks that were not as Sinch documents them and were read as far as they can be."
)
DATES_AHEAD = _counter(
    "dates_ahead",
    "Words about consent dated over a minute ahead of their arrival: a clock is wrong, or they are forged.",
)
REPORT_SECONDS = _histogram("report_seconds", "Time from a callback's arrival to its answer, in seconds.")

# dispatcher
SENDS = _counter("sends", "Batches offered to Sinch, by what came of it.", "outcome")
RECIPIENTS_SENT = _counter("recipients_sent", "Recipients in batches that Sinch accepted.")
SEND_SECONDS = _histogram("send_seconds", "Time of a call that offers a batch, in seconds.")
IN_DOUBT = _gauge("in_doubt_batches", "Batches of which we do not know whether Sinch has them.")
IN_DOUBT_AGE = _gauge("in_doubt_oldest_seconds", f"Age of the oldest in-doubt batch, {AGE_NOTE}.")
RETRY_AFTER = _gauge(
    "retry_after_seconds",
    "What Sinch's last 429 or 503 asked us to wait; 0: it did not say. Bounded before it is obeyed.",
)
CLOCKS_APART = _gauge(
    "clocks_apart_seconds", "Between Sinch's clock, the database's and ours, when a doubt was last looked for."
)
LEDGER_DUE = _gauge("ledger_due_batches", "Batches whose time has come and that are not sent yet.")
DISPATCH_PAUSED = _gauge("dispatch_paused", "1 while everything is paused for the given reason.", "reason")

# projector
RECORDS_PROJECTED = _counter("records_projected", "Records folded into the tables.", "topic")
PROJECT_SECONDS = _histogram("project_batch_seconds", "Time of one transaction of rows and offsets, in seconds.")
RECORDS_PARKED = _counter("records_parked", "Records that could not be applied and were parked.", "topic")
ORPHANS = _gauge("orphan_reports", "Reports whose campaign has not been seen.")
ORPHAN_AGE = _gauge("orphan_oldest_seconds", f"Age of the oldest orphan, {AGE_NOTE}.")
INCIDENTS = _counter("incidents", "Facts that should not be, such as a message sent twice.", "type")


_page: Callable[[], bytes] = partial(generate_latest, REGISTRY)  # the library's function is untyped


async def show_metrics(_request: web.Request) -> web.Response:
    """GET /metrics: everything above, in the OpenMetrics text format."""
    return web.Response(body=_page(), headers={"Content-Type": CONTENT_TYPE_LATEST})
