"""References, keys and derived ids."""

from datetime import UTC, datetime
from uuid import RFC_4122, UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from contracts.identity import _EVENTS, Reference, derived_campaign_id, derived_id, parse_reference, pseudonym

references = st.builds(
    Reference,
    campaign_id=st.uuids().map(str),
    chunk=st.integers(0, 999_999),
    attempt=st.integers(1, 9_999),
    part=st.text("ab", max_size=20),
)


@given(references)
def test_a_reference_is_read_back(reference: Reference) -> None:
    """What we give Sinch comes back as the same chunk, attempt and part."""
    assert parse_reference(str(reference)) == reference


@given(references)
def test_a_reference_fits(reference: Reference) -> None:
    """Sinch's older pages allow 128 characters."""
    assert len(str(reference)) < 128


@given(st.one_of(st.none(), st.text(max_size=60)))
def test_a_foreign_reference_is_nobodys(text: str | None) -> None:
    """Anything else is None, never an error and never a guess."""
    assert parse_reference(text) is None


def test_a_reference_with_more_behind_it_is_foreign() -> None:
    """Only the whole text counts."""
    assert parse_reference("01930a6e-4c00-7a31-9c55-2f4c7e9d1a01.0.1.c") is None
    assert parse_reference("01930a6e-4c00-7a31-9c55-2f4c7e9d1a01.00.1") is None
    assert parse_reference("01930a6e-4c00-7a31-9c55-2f4c7e9d1a01.0.1\n") is None


def test_a_derived_campaign_id_is_a_uuid7_of_its_moment() -> None:
    """It sorts among the others by its time, and is the same for the same campaign only."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    first = UUID(derived_campaign_id(at, "a"))
    assert (first.version, first.variant, first.int >> 80) == (7, RFC_4122, 1_772_366_400_000)
    assert derived_campaign_id(at, "a") == str(first) != derived_campaign_id(at, "b")


def test_a_derived_id_is_a_uuid5() -> None:
    """The same as the standard library's, which takes no bytes before Python 3.12."""
    assert derived_id("a", 7) == str(uuid5(_EVENTS, "1:a1:7"))
    assert UUID(derived_id(b"\xff")).version == 5


@given(st.lists(st.binary(max_size=5), max_size=4), st.lists(st.binary(max_size=5), max_size=4))
def test_different_facts_have_different_ids(one: list[bytes], other: list[bytes]) -> None:
    """Also when their parts add up to the same bytes."""
    assert (derived_id(*one) == derived_id(*other)) == (one == other)


def test_a_pseudonym_depends_on_number_and_key_and_shows_neither() -> None:
    """It stands in Kafka keys, which outlive everything."""
    first = pseudonym("15551230001", "k" * 16)
    assert first == pseudonym("15551230001", "k" * 16)
    assert len({first, pseudonym("15551230002", "k" * 16), pseudonym("15551230001", "j" * 16)}) == 3
    assert "5551230001" not in first
