"""The kinds of values that settings take: how each is read, and the words for one that is wrong."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr
from pydantic_settings import NoDecode

from contracts.consent import LANGUAGES
from infra.process.access import ApiKey
from infra.process.checks.insecure import INSECURE


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _keys(value: object) -> tuple[ApiKey, ...]:
    parts = _split(value)
    if not isinstance(parts, list | tuple):
        raise ValueError("takes a list separated by commas")  # noqa: TRY004  pydantic collects ValueErrors only
    keys = tuple(part if isinstance(part, ApiKey) else ApiKey.parse(part) for part in parts)
    if len({key.id for key in keys}) != len(keys):
        raise ValueError("has two keys of the same name: the audit could not tell them apart")
    return keys


def _languages(value: object) -> object:
    found = _split(value)
    if isinstance(found, list) and (unknown := sorted(set(found) - set(LANGUAGES))):
        raise ValueError(f"has {', '.join(unknown)}; known are {', '.join(LANGUAGES)}")
    return found


def _insecure(value: object) -> object:
    found = _split(value)
    if isinstance(found, list) and (unknown := sorted(set(found) - set(INSECURE))):
        raise ValueError(f"has {', '.join(unknown)}; known are {', '.join(INSECURE)}")
    return found


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an address like https://example.com, without query")
    return value.rstrip("/")


def _dsn(value: object) -> SecretStr:
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    if urlsplit(text).scheme not in ("postgresql", "postgres"):
        raise ValueError("must be like postgresql://user:password@host:5432/database")
    if "," in urlsplit(text).netloc.rpartition("@")[2] and "target_session_attrs=" not in text:
        text += ("&" if urlsplit(text).query else "?") + "target_session_attrs=read-write"  # of several: the primary
    return SecretStr(text)


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,100}", value):
        raise ValueError("may hold letters, digits, dots, dashes and underscores, at most 100")
    return value


def _text(value: str) -> str:
    if "${" in value:
        raise ValueError("may hold no placeholder ${…}: nothing would fill it in")
    return value


def region_of(value: str) -> str:
    """A country's two letters in capitals. Raises ValueError for what is none."""
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - most processes need no numbering plans

    if value.upper() not in SUPPORTED_REGIONS:
        raise ValueError("must be a country's two letters of ISO 3166, such as US or GB")
    return value.upper()


Url = Annotated[str, BeforeValidator(_url)]
Dsn = Annotated[SecretStr, PlainValidator(_dsn)]
Region = Annotated[str, AfterValidator(region_of)]
Regions = Annotated[tuple[Region, ...], NoDecode, BeforeValidator(_split)]
Prefix = Annotated[str, BeforeValidator(_prefix)]
Keys = Annotated[tuple[ApiKey, ...], NoDecode, PlainValidator(_keys)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Languages = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_languages)]
Insecure = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_insecure)]
Text = Annotated[str, Field(max_length=2_000), AfterValidator(_text)]
"""Of a message; Sinch takes no longer one (CONTRACT §1.1)."""
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400)]
