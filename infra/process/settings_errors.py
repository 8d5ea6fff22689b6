"""Wrong settings in plain words: name, value (never a secret's) and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

SECRETS = frozenset(
    {"SINCH_API_TOKEN", "API_KEYS", "WEBHOOK_TOKEN", "SINCH_WEBHOOK_SECRET", "WEBHOOK_BASIC_AUTH", "PRIVACY_KEY", "KAFKA_SASL_PASSWORD",
     "DATABASE_URL"}
)  # fmt: skip
MASK = "•••"

WORDS = {
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "too_short": "must have at least {min_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}
"""pydantic's error types in our words; one that is not here keeps pydantic's own."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong setting; `value` None when it is not set."""

    name: str
    value: str | None
    words: str

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name} {self.words}"
        return f"{self.name}={MASK if self.name in SECRETS else self.value} {self.words}"


class SettingsError(Exception):
    """Settings are wrong; the text lists all of them and is meant for the operator as it stands."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.name))
        count = "One setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"{count} wrong (in the environment or in .env):{lines}")


def problems_of(error: ValidationError, settings: type[BaseSettings], env_file: Path | None) -> list[Problem]:
    """One problem for each setting that pydantic refused, in our words."""
    given: dict[str, Any] = {**DotEnvSettingsSource(settings, env_file=env_file)(), **EnvSettingsSource(settings)()}
    by_name = {str(detail["loc"][0]).lower(): detail for detail in reversed(error.errors())}  # the first counts
    return [Problem(name.upper(), str(given.get(name, "")), _words(detail)) for name, detail in by_name.items()]


def _words(detail: ErrorDetails) -> str:
    template = WORDS.get(detail["type"])
    return detail["msg"] if template is None else template.format(**detail.get("ctx", {}))
