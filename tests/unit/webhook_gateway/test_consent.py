"""Which replies decide about consent, and which only look like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.consent import LANGUAGES, LONGEST, Keywords, Wish, bare

OUT = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "ARRET")


@pytest.mark.parametrize("word", OUT)
def test_the_usual_words_opt_out(word: str) -> None:
    """Without any setting."""
    assert Keywords().read(word) == (Wish.OPT_OUT, word)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("stop", "STOP"), (" Stop! ", "STOP"), ("“STOP.”", "STOP"), ("STOP ALL", "STOPALL"), ("opt-out", "OPTOUT"),
        ("Arrêt", "ARRET"), ("S\u200bTOP\n", "STOP"), ("ＳＴＯＰ", "STOP"), ("🛑 stop 🛑", "STOP"),
    ],
)  # fmt: skip
def test_case_accents_punctuation_and_spaces_do_not_matter(text: str, word: str) -> None:
    """People write as they write."""
    assert Keywords().read(text) == (Wish.OPT_OUT, word)


@pytest.mark.parametrize("text", ["", "!", "please stop", "STOP it", "don't STOP", "the END", "STOP 2", "stopp", "YES"])
def test_other_texts_decide_nothing(text: str) -> None:
    """The whole message has to be the word, of a language that is in force."""
    assert Keywords().read(text) is None


@pytest.mark.parametrize("word", ["START", "UNSTOP", "nonarrêt"])
def test_words_that_opt_in_again(word: str) -> None:
    """As Sinch documents them."""
    found = Keywords().read(word)
    assert found is not None
    assert found[0] is Wish.OPT_IN


def test_yes_opts_in_where_it_is_configured() -> None:
    """It answers too many other questions to count by itself."""
    assert Keywords(opt_in=["Yes!"]).read("yes") == (Wish.OPT_IN, "YES")


def test_help_is_known() -> None:
    """It decides nothing, but it is worth recording."""
    assert Keywords().read("Help?") == (Wish.HELP, "HELP")


def test_a_language_is_added_by_its_name() -> None:
    """German's STOPP counts when German is in force."""
    assert Keywords(["de"]).read("stopp") == (Wish.OPT_OUT, "STOPP")


def test_a_word_in_both_lists_opts_out() -> None:
    """Silence is the smaller mistake."""
    assert Keywords(opt_in=["STOP"]).read("STOP") == (Wish.OPT_OUT, "STOP")


def test_a_configured_word_of_nothing_but_punctuation_matches_nothing() -> None:
    """Otherwise every emoji would opt out."""
    assert Keywords(opt_out=["…"]).read("!") is None


def test_the_table_is_in_its_own_form() -> None:
    """Words stand in it as they are compared, and none is longer than what is looked at."""
    words = [word for one in LANGUAGES.values() for word in (*one.opt_out, *one.opt_in, *one.help)]
    assert [word for word in words if bare(word) != word or len(word) > LONGEST] == []


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    """Whatever a phone sends: a known word or nothing."""
    found = Keywords(LANGUAGES).read(text)
    assert found is None or found[1] == bare(text)
