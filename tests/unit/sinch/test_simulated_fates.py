"""What the simulator decides by numbers, rules and chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.sinch.simulator.chances import happens, unit
from infra.sinch.simulator.fates import GOOD, NEVER, Fates, of_code
from infra.sinch.simulator.rules import Delay, Fate, Rules, WrongRule, decode_rules


@given(st.integers(0, 2**53), st.text())
def test_chance_repeats_and_stays_in_its_range(seed: int, about: str) -> None:
    """The same subject has the same chance, below 1."""
    chance = unit(seed, about)
    assert chance == unit(seed, about)
    assert 0 <= chance < 1


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (1.0, 1000, 1000), (0.1, 70, 130)])
def test_a_share_is_about_that_share(share: float, least: int, most: int) -> None:
    """None, all, a tenth."""
    assert least <= sum(happens(share, 1, number) for number in range(1000)) <= most


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 0.999999))
def test_a_delay_stays_between_its_bounds(least: float, most: float, chance: float) -> None:
    """Evenly spread; a maximum below the minimum counts as the minimum."""
    assert least <= Delay(min=least, max=most).seconds(chance) <= max(least, most)


def test_an_exponential_delay_has_its_mean() -> None:
    """The average of many is the mean."""
    waits = [Delay(mean=2.0).seconds(unit(1, number)) for number in range(5000)]
    assert 1.8 < sum(waits) / len(waits) < 2.2


def test_a_constant_delay_says_so() -> None:
    """Only one without spread."""
    assert Delay(min=1, max=1).constant == 1
    assert Delay(min=1, max=2).constant is None
    assert Delay(mean=1).constant is None


@pytest.mark.parametrize(
    ("code", "status"),
    [(0, "Delivered"), (11, "Failed"), (321, "Rejected"), (404, "Aborted"), (407, "Cancelled"), (413, "Aborted")],
)
def test_a_code_has_its_status(code: int, status: str) -> None:
    """As documented for 0 and Sinch's own codes; Failed or Rejected for the others."""
    assert of_code(code).status == status


@pytest.mark.parametrize("code", [400, 401])
def test_an_intermediate_code_is_no_outcome(code: int) -> None:
    """Such a message stays on its way."""
    assert of_code(code) is NEVER


@given(st.integers(10**7, 10**15 - 1).filter(lambda n: n % 10**8 < 99_990_000))
def test_an_ordinary_number_is_delivered_to(number: int) -> None:
    """Without rules and without a special suffix."""
    assert Fates(Rules()).outcome(number) is GOOD


def test_numbers_lose_their_meaning_when_told() -> None:
    """`number_fates` off."""
    assert Fates(Rules(number_fates=False)).unusual([12099991301], range(1)) == {}


def test_a_fate_for_a_prefix_befalls_no_other_number() -> None:
    """By country, for example."""
    fates = Fates(Rules(fates=[Fate(share=1, code=15, recipient_prefix="33")]))
    assert fates.outcome(33612345678).code == 15
    assert fates.outcome(15550001111) is GOOD


def test_a_rule_can_fail_a_number_once_only() -> None:
    """`first_only`: the follow-up succeeds."""
    fates = Fates(Rules(fates=[Fate(share=1, code=404, first_only=True)]))
    assert [fates.outcome(15550001111).code for _ in range(2)] == [404, 0]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"{", "malformed|truncated"),
        (b'{"sed":1}', "unknown field `sed`"),
        (b'{"fates":[{"share":2}]}', r"\$\.fates\[0\]\.share"),
        (b'{"faults":[{"kind":"hang_after","status":200}]}', r"\$\.faults\[0\]\.status"),
    ],
)
def test_a_wrong_rule_says_where(raw: bytes, words: str) -> None:
    """A mistake is refused with its place."""
    with pytest.raises(WrongRule, match=words):
        decode_rules(raw)
