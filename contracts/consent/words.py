"""The words by which a reply decides about consent, as data: adding a language is a line.

A reply counts when its whole text is one of the words; case, accents, punctuation and spaces are ignored, so `Stop!`,
`« ARRÊT »` and `opt-out` count and `please do not stop` does not. Sinch's own pages name STOP, START, UNSTOP, HELP,
ARRET and NONARRET; the other English ones are the American carriers' rule (CTIA, Messaging Principles §5.1.3).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from unicodedata import combining, normalize

LONGEST = 60
"""Characters of the longest text that is looked at; no word is that long, and most replies are longer than a word."""


class Wish(Enum):
    """What a word asks for."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language, in capital letters without accents, spaces or punctuation."""

    opt_out: tuple[str, ...]
    opt_in: tuple[str, ...] = ()
    help: tuple[str, ...] = ()


LANGUAGES: Mapping[str, Words] = {
    "en": Words(
        ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
        ("START", "UNSTOP"),
        ("HELP", "INFO"),
    ),
    "fr": Words(("ARRET", "ARRETER", "DESABONNER"), ("NONARRET",), ("AIDE",)),
    "de": Words(("STOPP", "ABMELDEN", "ABBESTELLEN"), ("ANMELDEN",), ("HILFE",)),
    "es": Words(("ALTO", "BAJA", "CANCELAR", "PARAR"), ("ALTA",), ("AYUDA",)),
    "it": Words(("FERMA", "ANNULLA", "CANCELLA"), ("RIPRENDI",), ("AIUTO",)),
    "nl": Words(("STOPPEN", "AFMELDEN"), ("AANMELDEN",), ("HULP",)),
    "pt": Words(("PARAR", "SAIR", "CANCELAR"), ("VOLTAR",), ("AJUDA",)),
}
DEFAULT_LANGUAGES = ("en", "fr")


class Keywords:
    """The words that are in force. A word given for both counts as opting out: silence is the smaller mistake."""

    def __init__(
        self, languages: Iterable[str] = DEFAULT_LANGUAGES, opt_out: Iterable[str] = (), opt_in: Iterable[str] = ()
    ) -> None:
        chosen = [LANGUAGES[language] for language in languages]
        lists = (
            (Wish.HELP, [word for words in chosen for word in words.help]),
            (Wish.OPT_IN, [*(word for words in chosen for word in words.opt_in), *opt_in]),
            (Wish.OPT_OUT, [*(word for words in chosen for word in words.opt_out), *opt_out]),
        )
        self._wishes = {bare(word): wish for wish, words in lists for word in words if bare(word)}

    def read(self, text: str) -> tuple[Wish, str] | None:
        """What this reply asks for, and by which word; None for every other text."""
        if len(text) > LONGEST:
            return None
        word = bare(text)
        wish = self._wishes.get(word)
        return None if wish is None else (wish, word)


def bare(text: str) -> str:
    """The letters and digits of a text: capitals, without accents, spaces and punctuation."""
    return "".join(letter for letter in normalize("NFKD", text.upper()) if letter.isalnum() and not combining(letter))
