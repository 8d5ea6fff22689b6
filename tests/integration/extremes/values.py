"""Values at the ends of what a type allows, by the types of `contracts/events`: never by what the code checks."""

import random
import string
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

LONG = (128, 4_096, 70_000, 900_000)
"""Characters; the last nearly fills a record."""
ALPHABETS = (
    string.ascii_letters + string.digits,
    "\t\n\r\\\x1e\x1f\x7f'\"`;,{}$%\ufeff\u200b\u202e",
    "\0\x01\x02",
    "äßÆłžёжЩ中文字한국어עבריתعربي",
    "😀🏴󠁧󠁢👨‍👩‍👧‍👦𝔘𝔫𝔦𐍈𠀀",
    "".join(chr(plane * 0x10000 + 0xFFFD) for plane in range(17)),
    "٠١٢٣４５６",
)
WORDS = (
    "",
    " ",
    "null",
    "NULL",
    "\\N",
    "\\.",
    "NaN",
    "infinity",
    "-infinity",
    "now",
    "epoch",
    "0",
    "-1",
    "1e400",
    "${a}",
    "'; --",
)
MOMENTS = (
    "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "0000-00-00T00:00:00.000Z", "2026-02-30T12:00:00.000Z",
    "2026-03-01T24:00:00.000Z", "2026-03-01T12:00:60.000Z", "1970-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z",
    "infinity".ljust(24), "now".ljust(24), "2026-03-01 12:00:00+0000", "2026-03-01T12:00:00+02:3",
)  # fmt: skip
MOMENT_CHARS, ID_CHARS, LONGEST_NUMBER = 24, 36, 15
INTEGERS = [
    sign * (2**bits + near)
    for bits in (0, 7, 8, 15, 16, 31, 32, 53, 63, 64, 100, 4_000)
    for near in (-1, 0, 1)
    for sign in (1, -1)
]
DEEP = 400
HALF = 0.5
BLOCK = 4_096  # characters; longer texts repeat them: what an index does not take is not what a record does not


class Extremes:
    """A seeded source of them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._makers: dict[type, Callable[[Any, Any], Any]] = {
            inspect.UnionType: lambda kind, usual: self.of(self.random.choice(kind.types), usual),
            inspect.NoneType: lambda _kind, _usual: None,
            inspect.BoolType: lambda _kind, _usual: self.random.random() < HALF,
            inspect.IntType: lambda _kind, _usual: self.random.choice(INTEGERS),
            inspect.StrType: self._text,
            inspect.BytesType: lambda _kind, _usual: self.random.randbytes(self.random.choice((0, 1, 5_000))),
            inspect.ListType: self._list,
            inspect.DictType: self._dict,
            inspect.StructType: self._struct,
            inspect.AnyType: lambda _kind, _usual: self.anything(),
            inspect.CustomType: lambda _kind, _usual: self.anything(),
        }

    def of(self, kind: Any, usual: Any = None) -> Any:
        """A value of this type (one of msgspec.inspect's), made near the usual one where that is harder."""
        return self._makers[type(kind)](kind, usual)

    def _text(self, kind: inspect.StrType, usual: Any) -> str:
        if kind.min_length is None:
            return self.text(kind.max_length)
        return self.fixed(kind.min_length, kind.max_length or kind.min_length, usual)

    def _list(self, kind: inspect.ListType, _usual: Any) -> list[Any]:
        count, some = self.random.choice((0, 1, 2, 999, 1_001, 5_000)), [self.of(kind.item_type) for _ in range(3)]
        return [some[n % len(some)] for n in range(count)]

    def _dict(self, kind: inspect.DictType, _usual: Any) -> dict[str, Any]:
        return {self.text(200): self.of(kind.value_type) for _ in range(self.random.choice((0, 1, 3)))}

    def _struct(self, kind: inspect.StructType, _usual: Any) -> Any:
        return kind.cls(**{field.name: self.of(field.type) for field in kind.fields})

    def text(self, most: int | None = None) -> str:
        """A text of any letters, mostly short; one in forty nearly fills a record."""
        length = (
            self.random.choice((0, 1, 5, 64, *LONG[:2], *LONG[:2]))
            if self.random.random() < 0.95
            else self.random.choice(LONG[2:])
        )
        if self.random.random() < 0.25:
            return self.random.choice(WORDS)[:most]
        alphabet = self.random.choice(ALPHABETS)
        length = min(length, most or length, 900_000 // len(alphabet[0].encode()))
        block = "".join(self.random.choices(alphabet, k=min(length, BLOCK)))
        return (block * (length // BLOCK + 1))[:length] if length > BLOCK else block

    def fixed(self, least: int, most: int, usual: Any) -> str:
        """A text of bounded length: an id, a moment, a number, or what only has their length."""
        if least == MOMENT_CHARS and self.random.random() < 0.7:
            return self.random.choice(MOMENTS)
        if least == ID_CHARS and isinstance(usual, str) and self.random.random() < 0.4:
            return self.random.choice((usual.upper(), usual.replace("-", " "), "{" + usual[1:-1] + "}"))
        if most == LONGEST_NUMBER and self.random.random() < 0.6:
            return self.random.choice(
                ("00000", "0" * 15, "9" * 15, "+1555", " 15551", "1_000_0", "0x1F5A", "1e9999", "-15551234567")
            )
        length = self.random.randint(least, most)
        return "".join(self.random.choices(self.random.choice(ALPHABETS), k=length))

    def anything(self) -> Any:
        """What JSON can say: deep, wide, long."""
        match self.random.randrange(5):
            case 0:
                value: Any = self.text()
                for _ in range(self.random.choice((1, DEEP))):
                    value = {"x": [value]}
                return value
            case 1:
                return {self.text(100): self.random.choice(INTEGERS) for _ in range(300)}
            case 2:
                return [[]] * 3_000
            case 3:
                return self.random.choice((1.5e308, -0.0, 5e-324, True, None))
            case _:
                return self.text()


def example_of(cls: type[msgspec.Struct], raw: bytes, replaced: dict[str, str]) -> msgspec.Struct:
    """The contract's own example of an event, its ids and numbers replaced by these."""
    text = raw.decode()
    for old, new in replaced.items():
        text = text.replace(old, new)
    return msgspec.json.decode(text, type=cls)
