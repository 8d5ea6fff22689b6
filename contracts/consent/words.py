"""What a reply asks for: the words and phrases of `languages.json`, and how texts are compared with them.

People write as they write: case, accents, apostrophes, punctuation and spaces do not matter. Three things can come out of a
text about opting out. It is an opt-out: a word of its own, doubled, with courtesies, at the head of a short message, above a
signature, or a phrase that says so. It is *probably* one: a person has to read it. Or it is none.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from unicodedata import combining, normalize

from contracts.consent.patterns import Patterns

LONGEST = 60
"""Characters of the longest text that may be one word, written with whatever spaces and signs."""
SHORT = 160
"""Characters of a short message: one part. In a longer one a word at its head may be about something else."""
HEADED = 4
"""Words of a message that a strong word heads and that is nothing but an opt-out: `STOP John Smith`."""
FEW = 6
"""Words of a message in which a strong word, wherever it stands, is worth a person's look."""
JUDGED = 2_000
"""Characters that are looked at; Sinch's texts have no more (CONTRACT §4)."""

_APOSTROPHES = "'’‘`´ʼ＇"
_ELISION = re.compile(rf"\b(qu|[a-z])[{_APOSTROPHES}]", re.IGNORECASE)  # m'écrire, l'appuntamento: two words
_CLOSED_UP = str.maketrans("", "", _APOSTROPHES)  # don't: one
_SENTENCES = re.compile(r"[\n\r.!?;,:|*()\[\]\"«»“”…]+|\s[-–—~_/]+(?:\s|$)|--+")


class Wish(Enum):
    """What a text asks for."""

    OPT_OUT = "opt_out"
    PROBABLY = "probably"
    OPT_IN = "opt_in"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Words:
    """The words and phrases of one language, as the file has them."""

    opt_in: tuple[str, ...]
    help: tuple[str, ...]
    strong: tuple[str, ...]
    weak: tuple[str, ...]
    courtesy: tuple[str, ...]
    phrases: tuple[str, ...]
    asks: tuple[str, ...]
    hints: tuple[str, ...]
    not_: tuple[str, ...]

    @property
    def opt_out(self) -> tuple[str, ...]:
        """Those that opt out as a whole message."""
        return self.strong + self.weak


def _load() -> dict[str, Words]:
    table = json.loads(files("contracts.consent").joinpath("languages.json").read_bytes())
    return {
        language: Words(**{name if name != "not" else "not_": tuple(some) for name, some in lists.items()})
        for language, lists in table.items()
        if not language.startswith("_")
    }


LANGUAGES: Mapping[str, Words] = _load()
DEFAULT_LANGUAGES = ("en", "fr")


class Keywords:
    """The words that are in force. Opting out works in every language that we know, whatever is configured.

    `languages` are those whose words opt in and ask for help. A word given for both counts as opting out: silence is the
    smaller mistake.
    """

    def __init__(
        self, languages: Iterable[str] = DEFAULT_LANGUAGES, opt_out: Iterable[str] = (), opt_in: Iterable[str] = ()
    ) -> None:
        chosen, every = [LANGUAGES[language] for language in languages], list(LANGUAGES.values())
        further = tuple(opt_out)
        lists = (
            (Wish.HELP, [word for words in chosen for word in words.help]),
            (Wish.OPT_IN, [*(word for words in chosen for word in words.opt_in), *opt_in]),
            (Wish.OPT_OUT, [*(word for words in every for word in words.opt_out), *further]),
        )
        self._wishes = {bare(word): wish for wish, words in lists for word in words if bare(word)}
        strong = [word for words in every for word in words.strong] + [word for word in further if bare(word)]
        courtesy = [word for words in every for word in words.courtesy]
        self._strong = _any_of(strong)
        self._head = re.compile(f"^ {self._strong.pattern.lstrip()}")
        alone = _alternatives([*strong, *(word for words in every for word in words.weak)])
        self._alone = _repeated(alone, courtesy)
        self._strong_alone = _repeated(_alternatives(strong), courtesy)
        self._phrases = _patterns(one for words in every for one in words.phrases)
        self._asks = _patterns(one for words in every for one in words.asks)
        self._hints = _patterns(one for words in every for one in words.hints)
        self._not = _patterns(one for words in every for one in words.not_)

    def read(self, text: str) -> tuple[Wish, str] | None:
        """What this reply asks for, and by which words; None for every other text."""
        text = text[:JUDGED].strip()
        if len(text) <= LONGEST and (wish := self._wishes.get(word := bare(text))) is not None:
            return wish, word
        said = spoken(text)
        if said == " ":
            return None
        return self._opt_out(text, said)

    def _opt_out(self, text: str, said: str) -> tuple[Wish, str] | None:
        left, is_short = self._not.without(said), len(text) <= SHORT
        is_whole, length = left == said, said.count(" ") - 1
        if is_short and is_whole and (found := self._alone.fullmatch(said)) is not None:
            return Wish.OPT_OUT, _shown(found["word"])
        if (words := self._sentence(text)) is not None:
            return Wish.OPT_OUT if is_short else Wish.PROBABLY, _shown(words)
        asks = self._asks.search(left)
        if asks is None and (words := self._phrases.search(left)) is not None:
            return Wish.OPT_OUT if len(text) <= 2 * SHORT else Wish.PROBABLY, _shown(words)
        if asks is None and is_whole and length <= HEADED and (found := self._head.match(left)) is not None:
            return Wish.OPT_OUT, _shown(found[0])
        hint = asks or self._hints.search(left)
        if hint is None and is_whole and length <= FEW and (found := self._strong.search(left)) is not None:
            hint = found[0]
        return None if hint is None else (Wish.PROBABLY, _shown(hint))

    def _sentence(self, text: str) -> str | None:
        """The word of a sentence that is nothing else: a signature stands below it, or a reason beside it."""
        for sentence in _sentences(text):
            if (found := self._strong_alone.fullmatch(sentence)) is not None and self._not.search(sentence) is None:
                return found["word"]
        return None


def bare(text: str) -> str:
    """The letters and digits of a text: capitals, without accents, spaces and punctuation."""
    return "".join(letter for letter in normalize("NFKD", text.upper()) if letter.isalnum() and not combining(letter))


def spoken(text: str) -> str:
    """The words of a text in small letters without accents, each between single spaces: ` stop it `."""
    letters = normalize("NFKD", _ELISION.sub(r"\1 ", text).translate(_CLOSED_UP).casefold())
    kept = "".join(letter if letter.isalnum() else " " for letter in letters if letter.isalnum() or not _joins(letter))
    return " ".join(["", *kept.split(), ""]) if kept.strip() else " "


def _joins(letter: str) -> bool:
    """Whether it stands inside a word without being seen: an accent, a zero-width space."""
    return bool(combining(letter)) or letter in "\u200b\u200c\u200d\u2060\ufeff\u00ad"


def _sentences(text: str) -> Iterator[str]:
    for part in _SENTENCES.split(text):
        if part and (said := spoken(part)) != " ":
            yield said


def _shown(found: str) -> str:
    return " ".join(found.upper().split())[:LONGEST]


def _plain(word: str) -> str:
    return spoken(word).strip()


def _alternatives(words: Iterable[str]) -> str:
    ordered = sorted({plain for word in words if (plain := _plain(word))}, key=lambda one: (-len(one), one))
    return "|".join(map(re.escape, ordered)).replace("\\ ", " ")


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile(f" (?:{_alternatives(words)})(?= )")


def _repeated(words: str, courtesy: Iterable[str]) -> re.Pattern[str]:
    """Nothing but these words and courtesies, at least one of the words."""
    polite = _alternatives(courtesy)
    return re.compile(f" (?:(?:{polite}) )*(?P<word>{words}) (?:(?:{words}|{polite}) )*")


def _patterns(some: Iterable[str]) -> Patterns:
    return Patterns("".join(c for c in normalize("NFKD", one) if not combining(c)) for one in some)
