"""Cursors of pages."""

import base64
import contextlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.campaign import cursors
from services.campaign.cursors import MAX_BIGINT, NumberCursors
from services.campaign.problems import CorrectTheRequest

KEY = "sixteen letters or more"
CAMPAIGN = UUID(int=7)
SEALED = NumberCursors(KEY)


@given(st.uuids())
def test_a_campaigns_cursor_comes_back(campaign_id: UUID) -> None:
    """What is written is read again."""
    assert cursors.read_uuid(cursors.write(campaign_id)) == campaign_id


@given(st.integers(0, MAX_BIGINT))
def test_a_numbers_cursor_comes_back_on_every_replica(number: int) -> None:
    """What one process writes another with the same key reads."""
    assert NumberCursors(KEY).read(CAMPAIGN, SEALED.write(CAMPAIGN, number)) == number


@given(st.integers(10**9, 10**15 - 1))
def test_no_number_is_in_a_cursor(number: int) -> None:
    """It is part of an address: neither its text nor its bytes show the number."""
    cursor = SEALED.write(CAMPAIGN, number)
    raw = base64.urlsafe_b64decode(cursor + "==")
    assert str(number) not in cursor
    assert number.to_bytes(8)[-4:] not in raw


def test_neighbours_do_not_look_alike() -> None:
    """Nor can a cursor be told to be of a number that somebody knows, in another campaign or with another key."""
    written = {
        SEALED.write(CAMPAIGN, 15551231234),
        SEALED.write(CAMPAIGN, 15551231235),
        SEALED.write(UUID(int=8), 15551231234),
        NumberCursors("another key of enough letters").write(CAMPAIGN, 15551231234),
    }
    assert len({cursor[:6] for cursor in written}) == len({cursor[-6:] for cursor in written}) == len(written)


def test_without_a_cursor_the_list_begins() -> None:
    """The first page needs none."""
    assert (cursors.read_uuid(None), SEALED.read(CAMPAIGN, None)) == (None, 0)


OLD = base64.urlsafe_b64encode((15551231234).to_bytes(8)).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    ["", "zz", "\u2603", "a b", "=", "A" * 100, "__________8", OLD, "A" * 22, SEALED.write(UUID(int=8), 15551231234)],
)
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    """Anything that we did not write for this list is refused with words; so is one of the time before the seals."""
    with pytest.raises(CorrectTheRequest):
        SEALED.read(CAMPAIGN, cursor)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(cursor: str) -> None:
    """Nothing but a refusal ever comes out."""
    with contextlib.suppress(CorrectTheRequest):
        assert SEALED.read(CAMPAIGN, cursor) <= MAX_BIGINT
