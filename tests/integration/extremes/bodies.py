"""Two thousand bodies as Sinch might post them: its recorded callbacks, each with some fields at the ends of what JSON says."""

import json
from pathlib import Path
from typing import Any

from tests.integration.extremes.values import INTEGERS, MOMENTS, Extremes

SAMPLES = sorted((Path(__file__).parents[2] / "unit" / "sinch" / "samples" / "callbacks").glob("*.json"))
BROKEN = (
    b'"\\ud800"',
    b'"\\udfff\\ud800"',
    b"NaN",
    b"-Infinity",
    b"1e400",
    b'"\\u0000"',
    b"[" * 600 + b"]" * 600,
    b'"\xff"',
    b"",
)
"""In place of a field's value: half an emoji and the like, which JSON's grammar allows or nearly allows."""
MOST_BYTES = 1_000_000
PLACE = "@@here@@"


def extreme_bodies(count: int, seed: int, reference: str) -> list[bytes]:
    """So many bodies; where there is a reference in a sample, half of them have this one."""
    source = Extremes(seed)
    bodies = list[bytes]()
    while len(bodies) < count:
        fields = json.loads(SAMPLES[len(bodies) % len(SAMPLES)].read_bytes())
        if source.random.random() < 0.5:
            fields["client_reference"] = reference
        for name in source.random.sample(sorted(fields), min(len(fields), source.random.choice((1, 1, 2, 3, 20)))):
            if name != "type" or source.random.random() < 0.1:
                fields[name] = _instead_of(source, fields[name])
        raw = json.dumps(fields, ensure_ascii=source.random.random() < 0.5).encode("utf-8", "surrogatepass")
        raw = raw.replace(f'"{PLACE}"'.encode(), source.random.choice(BROKEN))
        if len(raw) <= MOST_BYTES:
            bodies.append(raw)
    return bodies


def _instead_of(source: Extremes, value: Any) -> Any:
    """Mostly the same type, sometimes any other."""
    match source.random.randrange(8):
        case 0:
            return source.anything()
        case 1:
            return PLACE
        case 2:
            return source.random.choice((None, [], {}, "", 0, True, 1.5))
        case _:
            return _of_its_type(source, value)


def _of_its_type(source: Extremes, value: Any) -> Any:
    match value:
        case str():
            return source.random.choice((source.text(), source.text(), source.random.choice(MOMENTS), value.upper()))
        case int():
            number = source.random.choice(INTEGERS)
            return source.random.choice((number, str(number)))
        case list():
            return [_instead_of(source, one) for one in value] * source.random.choice((1, 1, 50))
        case _:
            return {name: _instead_of(source, one) for name, one in value.items()} | {
                source.text(60): source.anything()
            }
