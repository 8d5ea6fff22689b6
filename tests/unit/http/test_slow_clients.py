"""Who counts as too slow."""

from dataclasses import dataclass, field

import pytest

from infra.http.slow_clients import BODY_SECONDS, HEAD_SECONDS, LEAST_BYTES, WINDOW_SECONDS, Waiting, Watch


@dataclass
class Client:
    """A connection as its watch sees it."""

    waiting_for: Waiting
    received: int = 0
    requests: int = 0
    held_up: bool = False
    ended: list[Waiting] = field(default_factory=list)

    def end_slow(self, waiting: Waiting) -> None:
        """Remembers it."""
        self.ended.append(waiting)


def seconds_until_ended(client: Client, a_second: int, most: float) -> float | None:
    """When the watch ends a client that sends so many bytes a second; None: not within `most` seconds."""
    watch = Watch()
    for now in range(int(most) + 1):
        watch.look(client, float(now))
        if client.ended:
            return float(now)
        client.received += a_second
    return None


@pytest.mark.parametrize("a_second", [1, LEAST_BYTES // 20])
def test_body_below_the_least_rate(a_second: int) -> None:
    """It is ended after the first window."""
    assert seconds_until_ended(Client(Waiting.BODY), a_second, 90) == WINDOW_SECONDS + 1


def test_body_at_the_least_rate_has_its_deadline() -> None:
    """Fast enough all the while, and yet not for ever."""
    assert seconds_until_ended(Client(Waiting.BODY), LEAST_BYTES, 2 * BODY_SECONDS) == BODY_SECONDS + 1


def test_head_letter_by_letter() -> None:
    """A head has its seconds from its first byte, however steadily it comes."""
    assert seconds_until_ended(Client(Waiting.HEAD), 1, 90) == HEAD_SECONDS + 2


@pytest.mark.parametrize(
    "client", [Client(Waiting.NOTHING), Client(Waiting.HEAD), Client(Waiting.BODY, held_up=True)], ids=str
)
def test_not_the_clients_fault(client: Client) -> None:
    """While we work, while nothing was begun, and while we do not read, nobody is too slow."""
    assert seconds_until_ended(client, 0, BODY_SECONDS) is None


def test_requests_one_after_the_other() -> None:
    """A connection with a request every second is never taken for one long head."""
    client, watch = Client(Waiting.HEAD), Watch()
    for now in range(100):
        client.received, client.requests = client.received + 300, now
        watch.look(client, float(now))
    assert client.ended == []
