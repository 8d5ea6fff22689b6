"""Any body to any path gives an answer that the contract knows, never a 500."""

import http.client
import socket
from typing import NamedTuple
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.sinch.simulator.fixture import SimulatedSinch
from infra.sinch.simulator.rules import Rules

KNOWN = {200, 201, 202, 204, 400, 401, 403, 404, 405, 415, 429}

FIELDS = [
    "to", "from", "body", "type", "udh", "parameters", "delivery_report", "send_at", "expire_at", "callback_url",
    "client_reference", "feedback_enabled", "max_number_of_message_parts", "from_ton", "from_npi", "to_add", "to_remove",
    "recipients", "advance", "seed", "fates", "faults", "callbacks", "received_at", "media", "truncate_concat",
]  # fmt: skip
GOOD = {"to": ["15550001111"], "from": "12065550100", "body": "Hi"}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["15550001111", "mt_binary", "mt_media", "full", "2120-01-01T00:00:00Z", "http://127.0.0.1:1/", ""]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4).map(
    lambda some: msgspec.json.encode(GOOD | some)
)
BODIES = OBJECTS | VALUES.map(msgspec.json.encode) | st.binary(max_size=50)
BASE = "/xms/v1/simulator"
PATHS = st.sampled_from(
    [
        "/batches", "/batches/dry_run", "/batches/{id}", "/batches/{id}/delivery_report", "/delivery_reports",
        "/batches/{id}/delivery_report/{id}", "/batches/{id}/delivery_feedback", "/inbounds", "/inbounds/{id}", "/x",
    ],
).map(lambda path: BASE + path) | st.sampled_from(
    ["/simulator/inbound", "/simulator/rules", "/simulator/sends", "/simulator/fates", "/simulator/callbacks",
     "/simulator/phones", "/simulator/phones/{id}", "/simulator/state", "/", "/{id}"],
)  # fmt: skip
NAMES = ["page", "page_size", "start_date", "end_date", "status", "code", "type", "from", "to", "limit", "search",
         "client_reference", "per_recipient", "number_of_recipients", "summary"]  # fmt: skip
QUERIES = st.dictionaries(st.sampled_from(NAMES), st.text(max_size=12), max_size=2)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
TYPES = st.sampled_from(
    ["application/json", "application/json; charset=utf-8", "text/plain", "application/json; charset=x"]
)


class Call(NamedTuple):
    """A request."""

    method: str
    path: str
    anything: str
    query: dict[str, str]
    body: bytes
    kind: str

    @property
    def target(self) -> str:
        """Path and query, percent-encoded."""
        path = self.path.replace("{id}", quote(self.anything, safe="") or "x")
        return path + "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in self.query.items())


CALLS = st.builds(Call, METHODS, PATHS, st.text(max_size=12), QUERIES, BODIES, TYPES)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CALLS)
def test_any_request_is_answered_by_the_contract(sinch_simulator: SimulatedSinch, call: Call) -> None:
    """Every method, path, query, body and media type."""
    headers = {"Authorization": "Bearer simulator", "Content-Type": call.kind}
    connection = http.client.HTTPConnection(sinch_simulator.host, sinch_simulator.port, timeout=20)
    try:
        connection.request(call.method, call.target, call.body, headers)
        response = connection.getresponse()
        raw = response.read()
    finally:
        connection.close()
    assert response.status in KNOWN, raw
    if call.path == "/simulator/rules":
        sinch_simulator.rules()


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /xms/v1/simulator/batches/%ff%00 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer simulator\r\n\r\n",
        b"GET /xms/v1/simulator/batches?page=%ff HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer simulator\r\n\r\n",
        b"GET /xms/v1/simulator/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"nonsense\r\n\r\n",
        (
            b"POST /xms/v1/simulator/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer simulator\r\n"
            b"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
        ),
    ],
)
def test_odd_bytes_are_answered_too(sinch_simulator: SimulatedSinch, raw: bytes) -> None:
    """Paths and headers that are no text, a request that is none, an encoding that is not what it says."""
    with socket.create_connection((sinch_simulator.host, sinch_simulator.port), timeout=20) as peer:
        peer.sendall(raw)
        status = int(peer.recv(4096).split(b" ", 2)[1])
    assert status in KNOWN


def test_the_rules_default_to_themselves() -> None:
    """What the simulator shows as rules, it takes as rules."""
    assert msgspec.json.decode(msgspec.json.encode(Rules()), type=Rules) == Rules()
