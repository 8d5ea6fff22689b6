"""Which partitions are read next, from how far each is behind."""

from infra.kafka.log import Partition
from services.projector.turns import FAR, Turn, Turns


def _at(number: int, topic: str = "delivery-reports") -> Partition:
    return Partition(topic, number)


def test_near_the_head_all_are_read() -> None:
    """Records that are spread over many partitions are no reason to hold any of them back."""
    assert Turns().next({_at(number): FAR - 1 for number in range(12)}) == Turn()


def test_one_number_of_every_topic_at_a_time_and_then_the_next() -> None:
    """Those that are far behind take turns, in a circle."""
    ahead = {_at(number, topic): FAR for number in (1, 3) for topic in ("dispatches", "delivery-reports")}
    turns = Turns()
    numbers = [{partition.partition for partition in turns.next(ahead).partitions} for _ in range(3)]
    assert numbers == [{1}, {3}, {1}]


def test_the_records_of_a_number_are_counted_over_its_topics() -> None:
    """Their messages are the same."""
    assert Turns().next({_at(1): FAR - 1, _at(1, "dispatches"): 1}).number == 1


def test_what_is_near_is_read_along() -> None:
    """It waits for one batch, not for everything that is far behind."""
    turn = Turns().next({_at(0): FAR, _at(1): FAR, _at(2): 5})
    assert set(turn.partitions) == {_at(0), _at(2)}


def test_a_turn_ends_with_the_last_record_of_its_number() -> None:
    """What the others have left is of no matter."""
    turn = Turns().next({_at(0): FAR, _at(1): FAR})
    assert turn.has_more({_at(0): 1, _at(1): FAR})
    assert not turn.has_more({_at(0): 0, _at(1): FAR})
