"""Settings: defaults, where they come from, and what is said of wrong ones."""

from pathlib import Path
from typing import Any

import pytest

from infra.process.env_example import env_example
from infra.process.settings import Settings, load_settings
from infra.process.settings_errors import SECRETS, SettingsError


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees only the settings it makes."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def _load(monkeypatch: pytest.MonkeyPatch, needs: tuple[str, ...] = (), /, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return load_settings(needs, env_file=None)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing set is a system on loopback without credentials."""
    settings = _load(monkeypatch)
    assert (settings.host, settings.port, settings.base_url, settings.has_sinch_credentials) == (
        "127.0.0.1", 3000, None, False,
    )  # fmt: skip


def test_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`.env` gives what the environment does not."""
    file = tmp_path / ".env"
    file.write_text("PORT=4000\nSINCH_MPS=7\n")
    monkeypatch.setenv("PORT", "5000")
    settings = load_settings(env_file=file)
    assert (settings.port, settings.sinch_mps) == (5000, 7)


@pytest.mark.parametrize(
    ("text", "words"),
    [("Bye ${name}", "may hold no placeholder ${…}"), ("x" * 2_001, "must have at most 2000 characters")],
)
def test_a_confirmation_is_a_text_that_can_be_sent_as_it_is(
    monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    """Said at the start, not by a 400 of Sinch's for everybody who wrote STOP."""
    with pytest.raises(SettingsError) as refusal:
        _load(monkeypatch, CONSENT_OPT_OUT_CONFIRMATION=text)
    assert words in str(refusal.value)


def test_empty_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty value counts as none, so that `.env.example` can be copied as it stands."""
    assert _load(monkeypatch, SINCH_API_TOKEN="", PORT="").port == 3000


def test_all_wrong_ones_are_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, pairs and needed ones that are wrong come in one message, each with its name, value and words."""
    with pytest.raises(SettingsError) as refusal:
        _load(
            monkeypatch, ("DATABASE_URL",), PORT="abc", SINCH_MPS="0", LOG_LEVEL="loud", BASE_URL="nonsense",
            SINCH_API_TOKEN="t", KAFKA_SECURITY_PROTOCOL="SASL_SSL", KAFKA_SSL_CAFILE="/no/file", DISPATCH_IN_FLIGHT="x",
        )  # fmt: skip
    assert str(refusal.value).splitlines() == [
        "9 settings are wrong (in the environment or in .env):",
        "  BASE_URL=nonsense must be an address like https://example.com, without query",
        "  DATABASE_URL is needed here",
        "  DISPATCH_IN_FLIGHT=x must be a whole number",
        "  KAFKA_SASL_USERNAME is needed with KAFKA_SECURITY_PROTOCOL=SASL_…",
        "  KAFKA_SSL_CAFILE=/no/file is not a file",
        "  LOG_LEVEL=loud must be 'debug', 'info', 'warning' or 'error'",
        "  PORT=abc must be a whole number",
        "  SINCH_MPS=0 must be more than 0",
        "  SINCH_SERVICE_PLAN_ID is needed as well when SINCH_API_TOKEN is set",
    ]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PRIVACY_KEY", "short", "must have at least 16 characters"),
        ("DATABASE_URL", "mysql://u:hunter2@h/d", "must be like postgresql://"),
        ("API_KEYS", "shop:", "one of them is empty"),
        ("API_KEYS", "a:hunter2-hunter2-x,a:hunter3-hunter3-y", "two keys of the same name"),
        ("API_KEYS", "shop:" + "a" * 40, "of 40 characters, 1 of them different"),
    ],
)
def test_wrong_secret_is_named_but_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    """A wrong secret is reported with a mask in place of its value."""
    with pytest.raises(SettingsError, match=words) as refusal:
        _load(monkeypatch, (), **{name: value})
    assert f"{name}=•••" in str(refusal.value)
    assert value not in str(refusal.value)


def test_no_secret_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing all settings shows no secret."""
    values = dict.fromkeys(SECRETS, "shop:hunter2hunter2hunter2") | {
        "DATABASE_URL": "postgresql://u:hunter2@127.0.0.1/d"
    }
    settings = _load(monkeypatch, (), SINCH_SERVICE_PLAN_ID="plan", KAFKA_SASL_USERNAME="me", **values)
    assert "hunter2" not in repr(settings)


def test_secret_values_are_known_to_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every secret is handed to the logs' net, except the simulator's own token, which is a word of the logs."""
    settings = _load(monkeypatch, API_KEYS="shop:hunter2-a-hunter2-a", WEBHOOK_TOKEN="hunter2-b", SINCH_API_TOKEN="simulator",
                     SINCH_SERVICE_PLAN_ID="simulator", PRIVACY_KEY="hunter2-hunter2-c")  # fmt: skip
    assert sorted(settings.secret_values()) == ["hunter2-a-hunter2-a", "hunter2-b", "hunter2-hunter2-c"]


def test_several_values_for_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, tokens and webhook secrets take several values at once."""
    settings = _load(
        monkeypatch,
        API_KEYS="new:a-long-secret-of-mine, old:another-long-secret",
        WEBHOOK_TOKEN="x,y",
        SINCH_WEBHOOK_SECRET="p, q,",
    )
    assert [key.id for key in settings.api_keys] == ["new", "old"]
    assert [secret.get_secret_value() for secret in settings.webhook_token] == ["x", "y"]
    assert [secret.get_secret_value() for secret in settings.sinch_webhook_secret] == ["p", "q"]


def test_addresses_lose_their_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address with a slash at its end makes no double slash later."""
    settings = _load(monkeypatch, BASE_URL="https://example.com/sms/", SINCH_BASE_URL="http://127.0.0.1:3010/")
    assert (settings.base_url, settings.sinch_base_url) == ("https://example.com/sms", "http://127.0.0.1:3010")


def test_a_token_is_needed_when_the_world_can_reach_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public address without a token is refused where tokens count."""
    with pytest.raises(SettingsError, match="WEBHOOK_TOKEN is needed"):
        _load(monkeypatch, ("WEBHOOK_TOKEN",), BASE_URL="https://example.com")


def test_no_token_is_needed_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback may stand open."""
    assert _load(monkeypatch, ("WEBHOOK_TOKEN",)).webhook_token == ()


def test_every_setting_is_described() -> None:
    """The documentation's table has a sentence for each setting."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_example_file_is_up_to_date() -> None:
    """`.env.example` is what `python -m infra.process.env_example` prints."""
    assert (Path(__file__).parents[3] / ".env.example").read_text() == env_example()


def test_example_file_can_be_copied_as_it_stands() -> None:
    """A fresh `.env` from the example changes no default."""
    example = Path(__file__).parents[3] / ".env.example"
    assert load_settings(env_file=example) == load_settings(env_file=None)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("postgresql://u:p@one/d", "postgresql://u:p@one/d"),
        ("postgresql://u:p@one:1,two:2/d", "postgresql://u:p@one:1,two:2/d?target_session_attrs=read-write"),
        (
            "postgresql://u:p@one,two/d?ssl=require",
            "postgresql://u:p@one,two/d?ssl=require&target_session_attrs=read-write",
        ),
        ("postgresql://u:p@one,two/d?target_session_attrs=any", "postgresql://u:p@one,two/d?target_session_attrs=any"),
    ],
)
def test_of_several_hosts_the_primary_is_meant(given: str, taken: str) -> None:
    """Whichever of them takes changes, unless the address says otherwise."""
    values: dict[str, Any] = {"_env_file": None, "database_url": given}
    settings = Settings(**values)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == taken


ACCOUNT = {"SINCH_SERVICE_PLAN_ID": "plan", "SINCH_API_TOKEN": "t" * 16}


def test_a_real_account_never_stands_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """With it any page or program on this machine could send: a token is needed even on loopback, and a key (the API's own test)."""
    with pytest.raises(SettingsError) as refusal:
        _load(monkeypatch, ("WEBHOOK_TOKEN",), **ACCOUNT)
    lines = str(refusal.value).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["WEBHOOK_TOKEN"]
    assert all("a Sinch account is set" in line for line in lines[1:])


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"SINCH_SERVICE_PLAN_ID": "simulator", "SINCH_API_TOKEN": "simulator"},
        ACCOUNT | {"SINCH_BASE_URL": "http://127.0.0.1:3010"},
    ],
)
def test_the_simulator_may_stand_open(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    """No account, the simulator's own, or one on this machine: nothing reaches a person."""
    assert _load(monkeypatch, ("WEBHOOK_TOKEN",), **values).may_stand_open
