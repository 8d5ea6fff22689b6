"""What a refusal costs."""

import pytest

from infra.sinch.outcomes import Refused
from infra.sinch.wire.errors import parse_error
from services.dispatcher.refusal import CULPRITS, DropRecipient, GiveUp, Split, Verdict, judge, most_splits


def refused(status: int, code: str, text: str) -> Refused:
    """As the client raises it."""
    return Refused(parse_error(status, f'{{"code":"{code}","text":"{text}"}}'.encode()))


FORMAT = "syntax_invalid_parameter_format"
THREE = ["15550000001", "15550000002", "15550000003"]


@pytest.mark.parametrize(
    ("error", "recipients", "verdict"),
    [
        (
            refused(400, FORMAT, "The format of parameter 'to[1]' is invalid; value '+1' is not a valid MSISDN"),
            THREE,
            DropRecipient(THREE[1], [THREE[0], THREE[2]]),
        ),
        (refused(400, "syntax_constraint_violation", "something is wrong"), THREE, Split((("xa", THREE[:1]), ("xb", THREE[1:])))),
        (refused(400, FORMAT, "The format of parameter 'body' is invalid"), THREE, GiveUp()),
        (refused(400, FORMAT, "The format of parameter 'to[0]' is invalid"), THREE[:1], GiveUp()),
        (refused(400, "syntax_constraint_violation", "something is wrong"), THREE[:1], GiveUp()),
        (refused(403, "illegal_number_type", "not in this region"), THREE, Split((("xa", THREE[:1]), ("xb", THREE[1:])))),
        (refused(403, "illegal_number_type", "not in this region"), THREE[:1], GiveUp()),
        (refused(403, "illegal_number_type", "The parameter 'from' is no number of this region"), THREE, GiveUp()),
    ],
)  # fmt: skip
def test_what_a_refusal_costs(error: Refused, recipients: list[str], verdict: Verdict) -> None:
    """The one that is named, else half by half, and all of it only when no half could fare better."""
    assert judge(error, recipients, "x") == verdict


@pytest.mark.parametrize("recipients", [1, 2, 3, 5, 100, 999, 1000])
def test_as_many_culprits_are_found_as_the_bound_is_for(recipients: int) -> None:
    """Wherever they stand: halving down to each of them alone takes no more splits than are allowed."""
    for first in range(0, recipients, max(1, recipients // 50)):
        culprits = {(first + n * max(1, recipients // CULPRITS)) % recipients for n in range(CULPRITS)}
        splits, waiting = 0, [range(recipients)]
        while waiting:
            some = waiting.pop()
            if len(some) > 1 and culprits.intersection(some):
                splits += 1
                waiting += [some[: len(some) // 2], some[len(some) // 2 :]]
        assert splits <= most_splits(recipients)
