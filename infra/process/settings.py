"""Every setting, read once at start from the environment and `.env`; wrong ones are all reported at once.

The description of a field is its documentation: the table in docs/ and `.env.example` are held to this class.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.consent import DEFAULT_LANGUAGES
from infra.process.access import is_loopback, may_stand_open
from infra.process.checks.insecure import insecure_problems
from infra.process.secret_files import SUFFIX, secrets_from_files
from infra.process.settings_errors import Problem, SettingsError, problems_of
from infra.process.settings_types import (
    Dsn,
    Insecure,
    Keys,
    Languages,
    Port,
    Prefix,
    Region,
    Regions,
    Seconds,
    Secrets,
    Text,
    Texts,
    Url,
)

PUBLIC_TOKEN = "simulator"  # noqa: S105  the simulator's plan and token unless told otherwise: no secret
MIN_SECRET_LENGTH = 6  # a shorter one would blot out half the log: it is kept out by its key only


class Settings(BaseSettings):
    """What an operator decides. An empty value is the same as none; secrets never show in logs or errors."""

    model_config = SettingsConfigDict(
        extra="ignore", env_ignore_empty=True, frozen=True, env_file_encoding="utf-8", hide_input_in_errors=True
    )

    sinch_service_plan_id: str | None = Field(
        None,
        description="Sinch service plan, never a project's id: Sinch answers 401 on the SMS API to the access keys of "
        "projects made after 2026-04-15, while a service plan with its API token works, old or new. "
        "Without it and the token, `run` starts the simulator instead.",
    )
    sinch_api_token: SecretStr | None = Field(
        None, description="API token of the service plan; a project's access key does not do."
    )
    sinch_base_url: Url = Field("https://us.sms.api.sinch.com", description="Sinch's address in the plan's region.")
    sinch_number: str | None = Field(None, description="Sender: a number, short code or name. Unset: the plan's own.")
    sinch_mps: float = Field(30, gt=0, le=10_000_000, description="Messages a second that the plan allows.")
    sinch_mps_counts: Literal["recipients", "parts"] = Field(
        "recipients", description="What SINCH_MPS counts. Sinch's pages say messages: recipients."
    )
    sinch_http_timeout: Seconds = Field(10, description="Seconds until a call to Sinch counts as unanswered.")

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. Other than loopback makes a key of the API mandatory; so does a Sinch account.",
    )
    port: Port = Field(3000, description="Port of the public API.")
    base_url: Url | None = Field(None, description="Public address of this service, for Sinch's callbacks.")
    allowed_hosts: Texts = Field(
        (),
        description="Further names, by commas, under which this may be asked while no keys are set, and whose pages "
        "may ask. Loopback's and BASE_URL's always may.",
    )
    webhook_port: Port | None = Field(None, description="Port of the webhook gateway where it runs apart.")
    simulator_port: Port | None = Field(None, description="Port of the simulator. Unset: 3010, or a free one.")
    metrics_port: Port = Field(
        0,
        description="Port of health and metrics beside the published one, which shows neither metrics nor details once there are keys. 0: none.",
    )

    api_keys: Keys = Field(
        (),
        description="Keys of the API that may do everything, `name:secret` or "
        "secrets of 16 characters or more, by commas. `heliograph keys` makes better ones.",
    )
    api_requests_per_minute: int = Field(
        6_000,
        ge=1,
        le=10_000_000,
        description="Requests a minute that a key of the API may make at each replica, unless it has a limit of its own.",
    )
    parts_per_request: int = Field(
        2_000_000,
        ge=1,
        le=2**31 - 1,
        description="Message parts that one request may send, unless its key has a limit of its own.",
    )
    parts_per_day: int | None = Field(
        None,
        ge=1,
        le=2**53,
        description="Message parts that a key may send from 0:00 to 24:00 UTC, unless it has a limit of its own. "
        "Unset: any number.",
    )
    allowed_countries: Regions = Field(
        (),
        description="Countries (ISO 3166, two letters) that may be sent to, by commas, unless a key has its own. Unset: all.",
    )
    webhook_token: Secrets = Field((), description="Tokens that a callback's address must carry, by commas.")
    sinch_webhook_secret: Secrets = Field((), description="Secrets that sign Sinch's callbacks, by commas.")
    webhook_basic_auth: Secrets = Field((), description="`user:password` that Sinch's callbacks show, by commas.")
    webhook_freshness: float = Field(
        0,
        ge=0,
        le=864_000,
        description="Seconds that a callback's signature may be old. 0: any age (docs/webhooks.md).",
    )
    consent_languages: Languages = Field(
        DEFAULT_LANGUAGES,
        description="Languages whose words opt in and ask for help, by commas. Words that opt out count in all of them.",
    )
    consent_opt_out_words: Texts = Field((), description="Further words that opt a number out, by commas.")
    consent_opt_in_words: Texts = Field((), description="Further words that opt a number in (such as YES), by commas.")
    consent_hold_probable: bool = Field(
        True, description="Send nothing to a number whose reply is probably an opt-out, until a person has read it."
    )
    consent_opt_out_confirmation: Text | None = Field(
        None, description="Text sent once to a number whose reply opts it out. Unset: nothing is sent."
    )
    consent_opt_in_confirmation: Text | None = Field(
        None, description="Text sent once to a number whose reply opts it in. Unset: nothing is sent."
    )
    privacy_key: SecretStr | None = Field(
        None, min_length=16, description="Key of the pseudonyms of numbers. Keep it: another one breaks opt-outs."
    )

    default_region: Region | None = Field(
        None,
        description="Country (ISO 3166, two letters) of numbers that clients give without + or 00. "
        "Unset: they are refused, unless a request has its own `default_region`.",
    )
    max_body_bytes: int = Field(
        64 * 1024 * 1024, ge=1024, le=1024**3, description="Bytes that the body of an API request may have."
    )

    kafka_bootstrap_servers: str | None = Field(None, description="Kafka. Unset: `run` starts one of its own.")
    kafka_port: Port | None = Field(None, description="Port of the Kafka that `run` starts. Unset: a free one.")
    kafka_topic_prefix: Prefix = Field("", description="Put before every topic's and group's name.")
    kafka_replication: int | None = Field(
        None, ge=1, le=10, description="Copies of every topic. Unset: 3, and 1 on the Kafka that `run` starts."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How Kafka is spoken to."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="How we prove who we are to Kafka."
    )
    kafka_sasl_username: str | None = Field(None, description="Our name at Kafka.")
    kafka_sasl_password: SecretStr | None = Field(None, description="Our password at Kafka.")
    kafka_ssl_cafile: Path | None = Field(None, description="Authorities to trust (PEM). Unset: the machine's.")
    kafka_ssl_certfile: Path | None = Field(None, description="Our certificate for Kafka (PEM).")
    kafka_ssl_keyfile: Path | None = Field(None, description="Its key (PEM).")

    database_url: Dsn | None = Field(None, description="PostgreSQL. Unset: `run` starts one of its own.")
    postgres_port: Port | None = Field(None, description="Port of the PostgreSQL that `run` starts. Unset: a free one.")

    dispatch_deadline: Seconds = Field(5, description="Seconds from claiming a batch until its first byte must leave.")
    dispatch_margin: Seconds = Field(
        2, description="Seconds more that a silent sender is waited for: scheduling, and clocks that drift."
    )
    follow_up_gather: float = Field(
        5, ge=0, le=3600, description="Seconds that a failure to be sent again waits for others of its chunk."
    )
    pull_margin: float = Field(
        600, ge=0, le=86_400, description="Seconds after a batch expired until its missing reports are fetched."
    )
    pull_after_silence: float = Field(
        21_600,
        ge=0,
        le=259_200,
        description="Seconds after Sinch accepted a batch until reports that are missing are fetched. "
        "0: only after it expired.",
    )
    dispatch_in_flight: int = Field(16, ge=1, le=1000, description="Batches on their way to Sinch at once.")
    in_doubt_settle: Seconds = Field(60, description="Seconds over which an in-doubt batch is looked for at Sinch.")
    reader_lag: Seconds = Field(
        10, description="Seconds that the reader of opt-outs may be behind before nothing is sent any more."
    )
    in_doubt_looks: int = Field(3, ge=1, le=100, description="Looks that must all find nothing before a new attempt.")
    sinch_max_retry_after: float = Field(
        300, ge=1, le=86_400, description="Seconds that a Retry-After of Sinch's is obeyed at most."
    )
    sinch_max_clock_skew: float = Field(
        3600,
        gt=0,
        le=3600,
        description="Seconds between Sinch's clock, the database's and ours beyond which doubts are not decided.",
    )

    allow_insecure: Insecure = Field(
        (),
        description="Connections that may go without TLS to other machines, by commas: kafka, postgres, sinch, callbacks. "
        "For a private network only.",
    )
    heliograph_home: Path = Field(Path(".heliograph"), description="Where `run` keeps data, logs and run.json.")
    replica: str = Field(
        "0", pattern=r"^[A-Za-z0-9._-]{1,60}$", description="Name of this replica, of its own within a service."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: console on a terminal, else json."
    )

    @property
    def has_sinch_credentials(self) -> bool:
        """Whether there is a Sinch account to send through."""
        return self.sinch_service_plan_id is not None and self.sinch_api_token is not None

    @property
    def has_real_account(self) -> bool:
        """Whether messages cost money and reach people: the account is not the simulator's."""
        token, host = self.sinch_api_token, urlsplit(self.sinch_base_url).hostname or ""
        return token is not None and token.get_secret_value() != PUBLIC_TOKEN and not is_loopback(host)

    @property
    def may_stand_open(self) -> bool:
        """Whether API and callbacks may do without keys and token: nobody else can reach us, and nothing is sent."""
        return may_stand_open(self.host, self.base_url) and not self.has_real_account

    def secret_values(self) -> list[str]:
        """Every secret, so that logging can keep each from coming out."""
        several = (*(key.secret for key in self.api_keys), *self.webhook_token, *self.sinch_webhook_secret,
                   *self.webhook_basic_auth)  # fmt: skip
        single = (self.sinch_api_token, self.privacy_key, self.kafka_sasl_password, self.database_url)
        found = [*several, *(secret for secret in single if secret is not None)]
        values = (secret.get_secret_value() for secret in found)
        return [value for value in values if len(value) >= MIN_SECRET_LENGTH and value != PUBLIC_TOKEN]


MAY_STAND_OPEN = ("WEBHOOK_TOKEN",)
PAIRS = (
    ("sinch_service_plan_id", "sinch_api_token"),
    ("kafka_ssl_certfile", "kafka_ssl_keyfile"),
    ("kafka_sasl_username", "kafka_sasl_password"),
)


def load_settings(needs: Collection[str] = (), env_file: Path | None = Path(".env")) -> Settings:
    """Read and check all settings. Raises SettingsError, which lists every wrong one.

    `needs` names settings (as in the environment) that must be there; WEBHOOK_TOKEN only counts where open access is not
    allowed. What the environment says goes before what `env_file` says; `<NAME>_FILE` gives a secret.
    """
    secrets, problems = secrets_from_files(env_file)
    try:
        settings = _read(env_file, secrets)
    except ValidationError as error:
        wrong = problems_of(error, Settings, env_file)
        settings = _read(env_file, secrets | _defaults({problem.name for problem in wrong}))
        problems += wrong
    reported = {problem.name.removesuffix(SUFFIX) for problem in problems}
    problems += [problem for problem in _cross_checks(settings, needs) if problem.name not in reported]
    if problems:
        raise SettingsError(problems)
    return settings


def _read(env_file: Path | None, given: dict[str, Any]) -> Settings:
    arguments: dict[str, Any] = {"_env_file": env_file, **given}
    return Settings(**arguments)


def _defaults(names: set[str]) -> dict[str, Any]:
    """Defaults for the settings that are wrong, so that the rest can still be checked against each other."""
    return {name.lower(): Settings.model_fields[name.lower()].default for name in names}


def _cross_checks(settings: Settings, needs: Collection[str]) -> list[Problem]:
    account = settings.has_real_account
    why = {
        name: ": a Sinch account is set, and any page or program here could send" for name in MAY_STAND_OPEN if account
    }
    problems = [Problem(name, None, f"is needed here{why.get(name, '')}") for name in needs if _missing(settings, name)]
    for one, other in PAIRS:
        first, second = getattr(settings, one), getattr(settings, other)
        if (first is None) != (second is None):
            missing, there = (one, other) if first is None else (other, one)
            problems.append(Problem(missing.upper(), None, f"is needed as well when {there.upper()} is set"))
    if settings.kafka_security_protocol.startswith("SASL") and settings.kafka_sasl_username is None:
        problems.append(Problem("KAFKA_SASL_USERNAME", None, "is needed with KAFKA_SECURITY_PROTOCOL=SASL_…"))
    for name in ("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile"):
        path: Path | None = getattr(settings, name)
        if path is not None and not path.is_file():
            problems.append(Problem(name.upper(), str(path), "is not a file"))
    return [*problems, *insecure_problems(settings)]


def _missing(settings: Settings, name: str) -> bool:
    if name in MAY_STAND_OPEN and settings.may_stand_open:
        return False
    return not getattr(settings, name.lower())
