"""Fuzzing of what the webhook gateway reads: bodies, and with `--proof` addresses and headers.

atheris is not among the locked packages. In a copy of the environment, from the root of the repository:

    pip install atheris
    python -m tests.fuzz.webhook_body [--proof] /tmp/corpus -max_total_time=600

An empty corpus is filled with the samples of the unit tests. A finding ends the run and is written to `crash-…` in the
working directory; `python -m tests.fuzz.webhook_body crash-…` repeats it.
"""

import json
import random
import sys
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

SAMPLES = Path(__file__).parents[1] / "unit" / "sinch" / "samples"
INSTRUMENTED = ["contracts", "infra", "services"]
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**31, 2**63, 1e400, 0.1, "", " ", "0", "400", "\x00", "\ud800", "\u202e", "é" * 9, "STOP", "Arrêt!", [], {},
    [[]], {"": None}, "12017777777", "+1 (201) 777-7777", "0012017777777", "12345", "2024-06-06T08:17:19.210Z",
    "2024-02-30T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999-23:59", "2024-06-06T08:17:60Z",
    "01930a6e-4c00-7a31-9c55-2f4c7e9d1a01.7.2.ab", "01930a6e-4c00-7a31-9c55-2f4c7e9d1a01.99999999999.1",
    "recipient_delivery_report_mms", "delivery_report_sms", "mo_text", "mo_binary", "mo_media",
)  # fmt: skip
"""Values to put where another stands."""
PROOFS = (
    b"/api/webhooks/sinch?token=a%2Bb%20%26c\nc2ln\n01J\n1772366405\nHmacSHA256\nBasic dXNlcjpww6Rzc3dvcmQ=\n{}",
    b"/api/webhooks/sinch?a=1&token=t%C3%B6k%C3%AAn;token=\n\n.\n-1\nnone\nbasic\n",
)


def main() -> None:
    """Fill the corpus, then hand over to the fuzzer, which ends the process."""
    atheris = import_module("atheris")
    of_proof = "--proof" in sys.argv
    arguments = [argument for argument in sys.argv if argument != "--proof"]
    for corpus in (Path(argument) for argument in arguments[1:] if Path(argument).is_dir()):
        if not any(corpus.iterdir()):
            _fill(corpus, of_proof=of_proof)
    with atheris.instrument_imports(include=INSTRUMENTED):
        invariants = import_module("tests.fuzz.invariants")
    if of_proof:
        atheris.Setup(arguments, invariants.check_proof)
    else:
        atheris.Setup(arguments, invariants.check_body, custom_mutator=_mutator(atheris))
    atheris.Fuzz()


def _fill(corpus: Path, *, of_proof: bool) -> None:
    bodies = [file.read_bytes() for file in sorted((SAMPLES / "callbacks").iterdir())]
    vectors = json.loads((SAMPLES / "webhook_signature_vectors.json").read_text())
    bodies += [vector["body"].encode() for vector in vectors.values()]
    for number, seed in enumerate(PROOFS if of_proof else bodies):
        (corpus / f"seed-{number}").write_bytes(seed)


def _mutator(atheris: ModuleType) -> Any:
    """Changes bytes half of the time, else a value in the JSON: bytes alone seldom stay JSON."""

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(data, max_size))
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return bytes(atheris.Mutate(data, max_size))
        for _ in range(chance.choice((1, 1, 2, 4))):
            value = _changed(value, chance)
        written = json.dumps(value, ensure_ascii=chance.random() < 0.5, allow_nan=True)
        return written.encode("utf-8", "surrogatepass")[:max_size]

    return mutate


def _changed(value: Any, chance: random.Random) -> Any:
    """The value with one thing in it replaced, left out, doubled, or renamed."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.1:
        return _other(value, chance)
    place = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
    match chance.randrange(6):
        case 0:
            del value[place]
        case 1 if isinstance(value, list):
            value.extend(deepcopy(value[place]) for _ in range(chance.choice((1, 2, 50))))
        case 1 | 2 if isinstance(value, dict):
            name = chance.choice(
                (str(place) + "x", "extra", "media", "udh", "\x00", "message", "send_at", "status_message")
            )
            value[name] = deepcopy(value[place])
        case 3 if isinstance(value, dict):
            value[place] = deepcopy(value[chance.choice(list(value))])
        case _:
            value[place] = _changed(value[place], chance)
    return value


def _other(value: Any, chance: random.Random) -> Any:
    if isinstance(value, str) and value and chance.random() < 0.5:
        at = chance.randrange(len(value))
        return value[:at] + chance.choice(("", "\x00", "é", " ", "9", value[at:] * 2)) + value[at + 1 :]
    if isinstance(value, int) and not isinstance(value, bool) and chance.random() < 0.5:
        return value + chance.choice((-1, 1, 100, 2**31))
    return deepcopy(chance.choice(ODD))  # it will be changed itself


if __name__ == "__main__":
    main()
