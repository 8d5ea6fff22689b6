"""Many patterns at once, each over whole words: found by the letters with which their first word begins.

The grammar is that of `languages.json`: words, groups `(a|b)` that may be followed by `?` or `*`, and ` * ` for up to three
words. One regular expression of all of them would try each at each word, which takes a quarter of a millisecond a message.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

_GAP = r" (?:\w+ ){0,3}"
_KEY = 2
"""Letters of a first word by which its patterns are found; a space where it has one letter."""


class Patterns:
    """Patterns to be looked for in ` words between single spaces `."""

    def __init__(self, patterns: Iterable[str]) -> None:
        found = defaultdict[str, list[str]](list)
        for pattern in patterns:
            for key in {key for key in beginnings(pattern) if key.strip()}:
                found[key].append(pattern)
        self._by_key = {
            key: re.compile("|".join(f" (?:{one.replace(' * ', _GAP)})(?= )" for one in some))
            for key, some in found.items()
        }

    def search(self, said: str) -> str | None:
        """The words that the first of them has found, or None."""
        return next((match[0] for match in self._matches(said)), None)

    def without(self, said: str) -> str:
        """The text with a bar in the place of everything that is found."""
        left, done = "", 0
        for match in self._matches(said):
            if match.start() >= done:
                left += said[done : match.start()] + " |"
                done = match.end()
        return left + said[done:] if done else said

    def _matches(self, said: str) -> Iterator[re.Match[str]]:
        at = 0
        while at < len(said) - 1:
            of_key = self._by_key.get(said[at + 1 : at + 1 + _KEY])
            if of_key is not None and (match := of_key.match(said, at)) is not None:
                yield match
            at = said.index(" ", at + 1)


def beginnings(pattern: str) -> set[str]:
    """The keys of the first words that the pattern may begin with."""
    if not pattern.startswith("("):
        literal = re.match(r"[^(|)?*]*", pattern)
        assert literal is not None
        return {(literal[0] + " ")[:_KEY]}
    end = _closing(pattern)
    inner, rest = pattern[1:end], pattern[end + 1 :]
    found = {key for choice in _choices(inner) for key in beginnings(choice)}
    if rest[:1] in ("?", "*") and rest:
        found |= beginnings(rest[1:].lstrip())
    return found


def _closing(pattern: str) -> int:
    depth = 0
    for at, letter in enumerate(pattern):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return at
    raise ValueError(f"{pattern!r} has a bracket that is not closed")


def _choices(inner: str) -> list[str]:
    choices, depth, begin = list[str](), 0, 0
    for at, letter in enumerate(inner):
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and depth == 0:
            choices.append(inner[begin:at])
            begin = at + 1
    return [*choices, inner[begin:]]
