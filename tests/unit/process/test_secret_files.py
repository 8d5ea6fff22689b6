"""Secrets from files: where they come from, and what is said of wrong ones."""

from pathlib import Path

import pytest

from infra.process.secret_files import LARGEST_BYTES
from infra.process.settings import Settings, load_settings
from infra.process.settings_errors import SECRETS, SettingsError


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees only the settings it makes."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


def _file(directory: Path, content: str | bytes) -> str:
    path = directory / "secret"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def _refusal(*needs: str) -> list[str]:
    with pytest.raises(SettingsError) as refusal:
        load_settings(needs, env_file=None)
    return [str(problem) for problem in refusal.value.problems]


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_every_secret_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """`<NAME>_FILE` gives the value that `<NAME>` would have given, without the end of line."""
    value = {"DATABASE_URL": "postgresql://u:p@127.0.0.1:5432/d"}.get(name, "a-secret-of:some-length-or-more")
    for partner in ("SINCH_SERVICE_PLAN_ID", "KAFKA_SASL_USERNAME", "SINCH_API_TOKEN", "KAFKA_SASL_PASSWORD"):
        if partner != name:
            monkeypatch.setenv(partner, "a-partner")
    monkeypatch.setenv(name, value)
    by_value = load_settings((name,), env_file=None)
    monkeypatch.delenv(name)
    monkeypatch.setenv(f"{name}_FILE", _file(tmp_path, f"{value}\n"))
    assert load_settings((name,), env_file=None) == by_value


def test_a_file_may_hold_several_values(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A list is separated by commas in a file as well, for rotation."""
    monkeypatch.setenv("API_KEYS_FILE", _file(tmp_path, "shop:one-secret-of-mine,crm:another-secret-of-mine"))
    assert [key.id for key in load_settings(env_file=None).api_keys] == ["shop", "crm"]


def test_the_path_may_stand_in_the_env_file(tmp_path: Path) -> None:
    """`.env` names the file as the environment would."""
    env = tmp_path / ".env"
    env.write_text(f"PRIVACY_KEY_FILE={_file(tmp_path, 'sixteen-letters-and-more')}\n")
    key = load_settings(env_file=env).privacy_key
    assert key is not None
    assert key.get_secret_value() == "sixteen-letters-and-more"


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    """An optional secret is left empty; a needed one is asked for by its own name."""
    monkeypatch.setenv("DATABASE_URL_FILE", _file(tmp_path, content))
    assert load_settings(env_file=None).database_url is None
    assert _refusal("DATABASE_URL") == ["DATABASE_URL is needed here"]


def test_a_missing_file_is_reported_once_and_with_the_rest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The path is named, the needed secret behind it is not asked for again, other problems are listed as well."""
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "absent"))
    monkeypatch.setenv("PORT", "abc")
    assert _refusal("DATABASE_URL") == [
        f"DATABASE_URL_FILE={tmp_path}/absent cannot be read: No such file or directory",
        "PORT=abc must be a whole number",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff\xfe", "is not UTF-8 text"), (b"a" * (LARGEST_BYTES + 1), f"has more than {LARGEST_BYTES} bytes")],
)
def test_what_is_no_secret_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, words: str
) -> None:
    """A binary or huge file was not meant."""
    path = _file(tmp_path, content)
    monkeypatch.setenv("PRIVACY_KEY_FILE", path)
    assert _refusal() == [f"PRIVACY_KEY_FILE={path} {words}"]


def test_two_different_values_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret given twice is refused where the two differ: which one was meant cannot be known; neither is shown."""
    path = _file(tmp_path, "one-secret-of-sixteen")
    monkeypatch.setenv("PRIVACY_KEY_FILE", path)
    monkeypatch.setenv("PRIVACY_KEY", "one-secret-of-sixteen")
    assert load_settings(env_file=None).privacy_key is not None
    monkeypatch.setenv("PRIVACY_KEY", "another-one-of-sixteen")
    assert _refusal() == [f"PRIVACY_KEY_FILE={path} says something else than PRIVACY_KEY: set one of them"]


def test_a_wrong_secret_in_a_file_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A value that is refused is named by its setting and masked, wherever it came from."""
    monkeypatch.setenv("DATABASE_URL_FILE", _file(tmp_path, "mysql://u:hunter2@h/d"))
    (problem,) = _refusal()
    assert problem.startswith("DATABASE_URL=••• must be like postgresql://")
    assert "hunter2" not in problem
