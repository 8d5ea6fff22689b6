"""What carries the events: msgspec or pydantic, and what each stricter type costs (docs/decisions/0001).

One `DeliveryReported`, the event of the hot paths, decoded and encoded by the real class and by twins of it whose ids
and timestamps have other types. One thread, best of several rounds; the yardstick is pydantic in the same process.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.resources import files
from timeit import Timer
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, Field, create_model

from contracts.events import DeliveryReported
from contracts.events.base import Digits, Event, Id, Timestamp
from tests.bench.harness import Row, publish, row

ROUNDS = 60
CALLS = 1_000  # short rounds: the best of them falls between the turns of other programs
FORM = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"

Pattern = Annotated[str, msgspec.Meta(pattern=FORM)]
EXAMPLE = files("contracts").joinpath("examples", "DeliveryReported.v1.json")
PYDANTIC = "pydantic, same fields and lengths"
LENGTHS = {kind: Annotated[str, Field(min_length=least, max_length=most)]
           for kind, least, most in ((Id, 36, 36), (Timestamp, 24, 24), (Digits, 5, 15))}  # fmt: skip
"""pydantic does not know msgspec's limits: the same ones in its own words."""


def main() -> None:
    """Measure, print, write `.heliograph/bench/events.json`."""
    raw = _everyday()
    model, twin = _pydantic(), DeliveryReported
    event = msgspec.json.decode(raw, type=twin)
    slow_decode = _micros(lambda: model.model_validate_json(raw))
    object_ = model.model_validate_json(raw)
    slow_encode = _micros(lambda: object_.model_dump_json(exclude_defaults=True))
    encode = msgspec.json.Encoder().encode
    rows = [
        _row("decode, as contracts/events has it", _decoding(twin, raw), slow_decode),
        _row("encode, as contracts/events has it", _micros(lambda: encode(event)), slow_encode),
    ]
    for what, swap in (
        ("ids as UUID", {Id: UUID}),
        ("timestamps held to a pattern", {Timestamp: Pattern}),
        ("ids as UUID, timestamps as datetime", {Id: UUID, Timestamp: datetime}),
    ):
        kind = _twin(swap)
        other = msgspec.json.decode(raw, type=kind)
        rows.append(_row(f"decode, {what}", _decoding(kind, raw), slow_decode))
        rows.append(_row(f"encode, {what}", _micros(lambda other=other: encode(other)), slow_encode))  # type: ignore[misc]
    publish("events", rows)


def _everyday() -> bytes:
    """A report as callbacks bring it: the example without what few reports have."""
    example = msgspec.json.decode(EXAMPLE.read_bytes())
    rare = ("part", "channel", "source", "extra", "encoding", "originator")
    return msgspec.json.encode({name: value for name, value in example.items() if name not in rare})


def _row(name: str, micros: float, yardstick: float) -> Row:
    return row(
        name, micros, "µs", (PYDANTIC, yardstick), target="below 0.33 of pydantic's" if "as contracts" in name else ""
    )


def _micros(call: Callable[[], Any]) -> float:
    """Microseconds a call takes, in the best of several rounds: the others were disturbed."""
    return min(Timer(call).repeat(ROUNDS, CALLS)) / CALLS * 1e6


def _decoding(kind: type, raw: bytes) -> float:
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
    return _micros(lambda: decode(raw))


def _fields(swap: Mapping[Any, Any]) -> list[tuple[str, Any, Any]]:
    """Name, type and default (`...` for none) of every field, with some types swapped for others."""
    found = []
    for field in msgspec.structs.fields(DeliveryReported):
        kind, swapped = (
            field.type,
            next((other for one, other in swap.items() if field.type in (one, one | None)), None),
        )
        if swapped is not None:
            kind = swapped if field.required else swapped | None
        found.append((field.name, kind, ... if field.required else field.default))
    return found


def _twin(swap: Mapping[Any, Any]) -> type[msgspec.Struct]:
    fields = [(name, kind) if default is ... else (name, kind, default) for name, kind, default in _fields(swap)]
    config = Event.__struct_config__
    return msgspec.defstruct(
        "Twin", fields, tag_field=config.tag_field, tag="DeliveryReported.v1", frozen=config.frozen,
        kw_only=True, omit_defaults=config.omit_defaults, gc=config.gc,
    )  # fmt: skip


def _pydantic() -> type[BaseModel]:
    fields: dict[str, Any] = {name: (kind, default) for name, kind, default in _fields(LENGTHS)}
    return create_model("Report", type=(str, ...), **fields)


if __name__ == "__main__":
    main()
