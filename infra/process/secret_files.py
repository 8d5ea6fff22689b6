"""Secrets from files: `<NAME>_FILE` holds the path of a file whose content is the value of the secret setting `NAME`.

The convention of the official PostgreSQL image, for Docker's and Kubernetes' secrets alike. Not pydantic-settings'
`secrets_dir`: it says nothing when a file is missing or misnamed, and every secret would have to lie in one directory.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from infra.process.settings_errors import SECRETS, Problem

SUFFIX = "_FILE"
LARGEST_BYTES = 65_536  # a key or a list of them; anything more was not meant


def secrets_from_files(env_file: Path | None) -> tuple[dict[str, str], list[Problem]]:
    """The secrets that `<NAME>_FILE` points to, by setting's name in small letters, and what is wrong with the others.

    One trailing end of line is no part of a secret. An empty file is the same as none.
    """
    environment = _environment(env_file)
    found, problems = {}, []
    for name in sorted(SECRETS):
        path = environment.get(name + SUFFIX)
        if not path:
            continue
        value, wrong = _content(Path(path))
        if wrong is None and value and environment.get(name, value) != value:
            wrong = f"says something else than {name}: set one of them"
        if wrong is not None:
            problems.append(Problem(name + SUFFIX, path, wrong))
        elif value:
            found[name.lower()] = value
    return found, problems


def _environment(env_file: Path | None) -> Mapping[str, str]:
    """What is set and not empty; the environment goes before the file, and case does not matter, as for all settings."""
    from_file = dotenv_values(env_file) if env_file is not None and env_file.is_file() else {}
    both = [*from_file.items(), *os.environ.items()]
    return {name.upper(): value for name, value in both if value}


def _content(path: Path) -> tuple[str, str | None]:
    """The secret in the file, or what is wrong with the file."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        text = content.decode()
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        return "", "is not UTF-8 text"
    if len(content) > LARGEST_BYTES:
        return "", f"has more than {LARGEST_BYTES} bytes"
    return text.removesuffix("\n").removesuffix("\r"), None
