"""What travels in the clear, and what can be guessed, is refused at start or named (FAULTS I8)."""

import pytest

from infra.process.settings import Settings, load_settings
from infra.process.settings_errors import SettingsError

ACCOUNT = {"SINCH_SERVICE_PLAN_ID": "plan", "SINCH_API_TOKEN": "the token of the account", "WEBHOOK_TOKEN": "t" * 16}
LONG = "sixteen or more characters"

REFUSED = [
    ({"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}, "KAFKA_SECURITY_PROTOCOL=PLAINTEXT sends everything to kafka in the clear", "kafka"),
    (
        {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092,10.0.0.7:9092", "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
         "KAFKA_SASL_USERNAME": "u", "KAFKA_SASL_PASSWORD": "p"},
        "SASL_PLAINTEXT sends everything to 10.0.0.7 in the clear", "kafka",
    ),
    ({"DATABASE_URL": "postgresql://u:p@db.example/d"}, "leads to db.example without TLS", "postgres"),
    ({"DATABASE_URL": "postgresql://u:p@127.0.0.1,db.example:5433/d"}, "leads to db.example without TLS", "postgres"),
    ({"DATABASE_URL": "postgresql://u:p@/d?host=db.example"}, "leads to db.example without TLS", "postgres"),
    ({"DATABASE_URL": "postgresql://u:p@db.example/d?sslmode=prefer"}, "leads to db.example without TLS", "postgres"),
    ({"SINCH_BASE_URL": "http://us.sms.api.sinch.com"}, "sends token and messages to us.sms.api.sinch.com in the clear", "sinch"),
    ({"BASE_URL": "http://sms.example", **ACCOUNT}, "lets Sinch call sms.example in the clear", "callbacks"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def _load(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> str:
    """'' when these settings are taken, else what is said of them."""
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    try:
        load_settings(env_file=None)
    except SettingsError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("values", "words", "name"), REFUSED)
def test_what_travels_in_the_clear_is_refused_or_named(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], words: str, name: str
) -> None:
    """The words say what goes where and what to do; ALLOW_INSECURE lets this one through, and no other."""
    said = _load(monkeypatch, values)
    assert words in said
    assert f"name {name} in ALLOW_INSECURE" in said
    others = ",".join({"kafka", "postgres", "sinch", "callbacks"} - {name})
    assert words in _load(monkeypatch, {**values, "ALLOW_INSECURE": others})
    assert _load(monkeypatch, {**values, "ALLOW_INSECURE": name}) == ""


@pytest.mark.parametrize("values", [
    {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092,localhost:9093,[::1]:9094"},
    {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "KAFKA_SECURITY_PROTOCOL": "SSL"},
    {"DATABASE_URL": "postgresql://u:p@127.0.0.1:5432/d"}, {"DATABASE_URL": "postgresql://u:p@[::1]/d"},
    {"DATABASE_URL": "postgresql://u:p@db.example/d?sslmode=verify-full"}, {"DATABASE_URL": "postgresql://u:p@a,b/d?sslmode=require"},
    {"DATABASE_URL": "postgresql:///d?host=/var/run/postgresql"}, {"SINCH_BASE_URL": "http://127.0.0.1:3010"},
    {"SINCH_BASE_URL": "https://eu.sms.api.sinch.com"}, {"BASE_URL": "http://webhook-gateway:3001"},
])  # fmt: skip
def test_what_stays_here_or_is_encrypted_is_taken(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    """Loopback, sockets, TLS, and a simulator's callbacks need no word."""
    assert _load(monkeypatch, values) == ""


def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ALLOW_INSECURE does not know allows nothing by mistake."""
    assert "has kakfa; known are kafka, postgres, sinch, callbacks" in _load(monkeypatch, {"ALLOW_INSECURE": "kakfa"})


@pytest.mark.parametrize("reached", [{"HOST": "0.0.0.0"}, {"BASE_URL": "https://sms.example"}, ACCOUNT])
@pytest.mark.parametrize(("name", "short"), [
    ("WEBHOOK_TOKEN", "x"), ("WEBHOOK_TOKEN", f"{LONG},fifteen letters"), ("SINCH_WEBHOOK_SECRET", "secret"),
    ("WEBHOOK_BASIC_AUTH", f"{LONG}:short"), ("PRIVACY_KEY", "fifteen letters"),
])  # fmt: skip
def test_what_strangers_may_guess_is_long(
    monkeypatch: pytest.MonkeyPatch, reached: dict[str, str], name: str, short: str
) -> None:
    """A short token is refused wherever others reach us, or an account sends; it is not shown."""
    said = _load(monkeypatch, {**reached, name: short})
    assert f"{name}=••• has" in said or f"{name}=••• must have at least 16" in said
    assert short not in said.replace(LONG, "")
    monkeypatch.setenv(name, f"user:{LONG}" if name == "WEBHOOK_BASIC_AUTH" else LONG)
    assert _load(monkeypatch, reached) == ""


def test_on_loopback_a_short_token_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody else comes, to try things out."""
    assert _load(monkeypatch, {"WEBHOOK_TOKEN": "x", "SINCH_WEBHOOK_SECRET": "y"}) == ""
