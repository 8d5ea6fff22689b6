"""The lattice and the codes as data."""

import re
from importlib.resources import files

import pytest

from contracts.codes import ADVICE, CODES, Permanence, code_of
from contracts.statuses import DELIVERED_RANK, FINAL, OURS, SINCH, STATUSES, UNRECOGNISED, standing_of


@pytest.mark.parametrize("word", SINCH)
def test_the_case_of_sinchs_words_does_not_matter(word: str) -> None:
    """Its own SDKs disagree about it."""
    assert standing_of(word.upper()) == standing_of(word.lower()) == SINCH[word]


def test_an_unknown_word_is_kept_open() -> None:
    """Never guessed to be an end."""
    assert standing_of("Teleported") is UNRECOGNISED
    assert not UNRECOGNISED.final


def test_only_the_word_delivered_is_on_top() -> None:
    """Success is the word, never code 0."""
    assert [w for w, s in SINCH.items() if s.rank == DELIVERED_RANK] == ["Delivered"]
    assert max(s.rank for s in OURS.values()) < SINCH["Unknown"].rank


def test_what_is_final_outranks_what_is_not() -> None:
    """Among the facts of one attempt nothing goes from an end back to the middle."""
    standings = [*OURS.values(), *SINCH.values(), UNRECOGNISED]
    assert max(s.rank for s in standings if not s.final) < min(s.rank for s in standings if s.final)


def test_the_views_sums_name_the_statuses_of_the_table() -> None:
    """`live.campaigns` decides what is open by the same words."""
    sql = files("infra.postgres").joinpath("migrations/0004_live.sql").read_text()
    lists = [set(re.findall(r"'(\w+)'", found)) for found in re.findall(r"status IN \(([^)]*)\)", sql)]
    assert lists[0] == set(STATUSES) - FINAL
    assert lists[1] == {s.status for s in OURS.values() if s.rank < OURS["sent"].rank}


def test_all_codes_of_sinchs_pages_are_there() -> None:
    """137 SMPP codes and 18 of Sinch's own, each with advice."""
    assert len(CODES) == 155
    assert all(code.advice == ADVICE[code.permanence] for code in CODES.values())


@pytest.mark.parametrize(
    ("number", "permanence"),
    [(404, Permanence.TEMPORARY), (402, Permanence.PERMANENT), (413, Permanence.ACCOUNT), (400, Permanence.NONE),
     (403, Permanence.UNSPECIFIED), (9999, Permanence.UNSPECIFIED)],
)  # fmt: skip
def test_whether_a_code_may_pass(number: int, permanence: Permanence) -> None:
    """As Sinch documents it; a number that it does not list is never retried."""
    assert code_of(number).permanence is permanence
