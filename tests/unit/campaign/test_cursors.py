"""Cursors of pages."""

import contextlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.campaign import cursors
from services.campaign.problems import CorrectTheRequest


@given(st.uuids())
def test_a_campaigns_cursor_comes_back(campaign_id: UUID) -> None:
    """What is written is read again."""
    assert cursors.read_uuid(cursors.write(campaign_id)) == campaign_id


@given(st.integers(0, cursors.MAX_BIGINT))
def test_a_numbers_cursor_comes_back(number: int) -> None:
    """What is written is read again."""
    assert cursors.read_number(cursors.write(number)) == number


def test_without_a_cursor_the_list_begins() -> None:
    """The first page needs none."""
    assert (cursors.read_uuid(None), cursors.read_number(None)) == (None, 0)


@pytest.mark.parametrize("cursor", ["", "zz", "\u2603", "a b", "=", "A" * 100, "__________8"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    """Anything that we did not write, numbers beyond a bigint included, is refused with words."""
    with pytest.raises(CorrectTheRequest):
        cursors.read_number(cursor)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(cursor: str) -> None:
    """Nothing but a refusal ever comes out."""
    with contextlib.suppress(CorrectTheRequest):
        assert cursors.read_number(cursor) <= cursors.MAX_BIGINT
