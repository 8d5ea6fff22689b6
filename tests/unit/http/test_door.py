"""Who is let in by headers alone."""

import pytest
from multidict import CIMultiDict

from infra.http.door import Door, Refusal
from infra.http.own_names import OwnNames

NAMES = OwnNames("https://sms.example.com", ["api.internal"])
OPEN = Door(OwnNames(), lambda: True)
CLOSED = Door(NAMES, lambda: False)
HERE = {"Host": "127.0.0.1:3000"}
PAGE, HOST, TUNNEL = Refusal.FOREIGN_PAGE, Refusal.UNKNOWN_HOST, Refusal.FORWARDED


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:3000", True),
        ("127.8.9.1", True),
        ("localhost", True),
        ("LocalHost.:3000", True),
        ("[::1]:3000", True),
        ("sms.example.com", True),
        ("SMS.example.com:443", True),
        ("api.internal:80", True),
        ("evil.example:3000", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("evil.example#127.0.0.1", False),
        ("evil.example/127.0.0.1", False),
        ("2130706433", False),
        ("10.0.0.5:3000", False),
        ("", False),
        (":3000", False),
        ("[::1", False),
        ("127.0.0.1:port", False),
    ],
)
def test_names(host: str, ours: bool) -> None:
    """Loopback under every name and port, BASE_URL's host and the allowed ones; nothing that only looks like them."""
    assert NAMES.has(host) is ours
    assert NAMES.has(host) is ours  # remembered or not


@pytest.mark.parametrize(
    ("method", "more", "refusal"),
    [
        ("POST", {}, None),
        ("POST", {"Host": "evil.example:3000"}, HOST),
        ("GET", {"Host": "evil.example:3000"}, HOST),
        ("GET", {"Host": "evil.example:3000", "Origin": "http://evil.example:3000"}, HOST),
        ("POST", {"Origin": "http://127.0.0.1:3000"}, None),
        ("POST", {"Origin": "http://localhost:3000"}, PAGE),
        ("POST", {"Origin": "http://127.0.0.1:8080"}, PAGE),
        ("POST", {"Origin": "https://evil.example"}, PAGE),
        ("POST", {"Origin": "null"}, PAGE),
        ("GET", {"Origin": "https://evil.example"}, PAGE),
        ("POST", {"Sec-Fetch-Site": "cross-site"}, PAGE),
        ("POST", {"Sec-Fetch-Site": "same-site"}, PAGE),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, PAGE),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, PAGE),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, None),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, PAGE),
        ("GET", {"Sec-Fetch-Site": "same-origin"}, None),
        ("GET", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, None),
        ("GET", {"X-Forwarded-For": "192.0.2.1"}, TUNNEL),
        ("GET", {"x-forwarded-proto": "https"}, TUNNEL),
        ("GET", {"Forwarded": "for=192.0.2.1"}, TUNNEL),
        ("POST", {"Via": "1.1 tunnel"}, TUNNEL),
    ],
)
def test_while_it_stands_open(method: str, more: dict[str, str], refusal: Refusal | None) -> None:
    """Without keys: only our own names, no foreign page whatever it wants, nothing that came through a proxy."""
    assert OPEN.judge(method, CIMultiDict(HERE | more)) is refusal


@pytest.mark.parametrize(
    ("method", "more", "refusal"),
    [
        ("POST", {"Host": "10.0.0.5:3000", "X-Forwarded-For": "192.0.2.1"}, None),
        ("GET", {"Origin": "https://evil.example"}, None),
        ("POST", {"Origin": "https://evil.example"}, PAGE),
        ("DELETE", {"Sec-Fetch-Site": "cross-site"}, PAGE),
        ("POST", {"Origin": "https://sms.example.com"}, None),
        ("POST", {"Origin": "https://api.internal:8443"}, None),
        ("POST", {"Host": "10.0.0.5:3000", "Origin": "http://10.0.0.5:3000"}, None),
    ],
)
def test_with_keys(method: str, more: dict[str, str], refusal: Refusal | None) -> None:
    """The key says who asks: any name and any proxy; but a foreign page changes nothing even then."""
    assert CLOSED.judge(method, CIMultiDict(HERE | more)) is refusal


def test_without_a_host() -> None:
    """HTTP/1.0 has no Host, and no browser speaks it."""
    assert OPEN.judge("GET", CIMultiDict()) is None
