"""Which replies decide about consent, and which only look like it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.consent import LANGUAGES, Keywords, Wish, bare
from contracts.consent.patterns import Patterns, beginnings

ALL = Keywords(LANGUAGES)
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


@pytest.mark.parametrize("text", ["", "!", "don't STOP", "the END", "YES", "…", "\ufffd", "\n\n"])
def test_other_texts_decide_nothing(text: str) -> None:
    """Neither one way nor the other."""
    assert Keywords().read(text) is None


EXAMPLES = json.loads(Path(__file__).parents[1].joinpath("contracts/consent_examples.json").read_bytes())
VERDICTS = {"opt_out": Wish.OPT_OUT, "probably": Wish.PROBABLY, "none": None}
CASES = [(one, verdict, text) for one, lists in EXAMPLES.items() for verdict, texts in lists.items() for text in texts]


@pytest.mark.parametrize(("language", "verdict", "text"), CASES)
def test_what_people_write_is_judged_as_a_reasonable_person_would(language: str, verdict: str, text: str) -> None:
    """FAULTS D3: any reasonable words opt out; what is doubtful is for a person; what only has a word in it is nothing."""
    for keywords in (Keywords(), Keywords([language]), Keywords(LANGUAGES)):
        found = keywords.read(text)
        assert (None if found is None else found[0]) is VERDICTS[verdict], found


def test_there_are_enough_examples() -> None:
    """Fifteen a language and verdict, and every language of Sinch's that we have phrases for."""
    assert {"en", "fr", "es", "de", "it", "pt"} <= EXAMPLES.keys()
    assert min(len(texts) for lists in EXAMPLES.values() for texts in lists.values()) >= 15


@pytest.mark.parametrize("verdict", ["opt_out", "probably"])
def test_a_long_text_with_a_phrase_in_it_is_for_a_person(verdict: str) -> None:
    """Nobody is opted out by a letter about something else, and nobody who may mean it is sent to."""
    long = "I came to your shop in Lyon on Monday and liked it a lot. " * 8
    assert Keywords().read(f"{long}{EXAMPLES['en'][verdict][5]}. {long}") is not None
    found = Keywords().read(f"{long}Stop texting me. {long}")
    assert found is not None
    assert found[0] is Wish.PROBABLY


@pytest.mark.parametrize("text", ["STOP" + " " * 70, " \n STOP", "STOP\ufffd", "S T O P", "st\u00f6p?"])
def test_what_surrounds_a_word_does_not_matter(text: str) -> None:
    """Spaces without end, half an emoji."""
    found = Keywords().read(text)
    assert found is not None
    assert found[0] is Wish.OPT_OUT


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
    """Its words that opt in and ask for help; those that opt out count whatever is configured."""
    assert Keywords(["de"]).read("anmelden") == (Wish.OPT_IN, "ANMELDEN")
    assert Keywords().read("anmelden") is None
    assert Keywords().read("stopp") == (Wish.OPT_OUT, "STOPP")


def test_a_word_in_both_lists_opts_out() -> None:
    """Silence is the smaller mistake."""
    assert Keywords(opt_in=["STOP"]).read("STOP") == (Wish.OPT_OUT, "STOP")


def test_a_configured_word_of_nothing_but_punctuation_matches_nothing() -> None:
    """Otherwise every emoji would opt out."""
    assert Keywords(opt_out=["…"]).read("!") is None


def test_every_pattern_can_be_found_and_finds_something() -> None:
    """Each by the letters that its first word begins with; none finds what is not there."""
    for one in LANGUAGES.values():
        for pattern in (*one.phrases, *one.asks, *one.hints, *one.not_):
            assert all(len(key) == 2 and key.strip() for key in beginnings(pattern)), pattern
            assert Patterns([pattern]).search(" xyzzy ") is None, pattern


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    """Whatever a phone sends: words that it holds, or nothing."""
    found = ALL.read(text)
    assert found is None or bare(found[1]) in bare(text)
