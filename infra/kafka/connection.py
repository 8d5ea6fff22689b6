"""How to reach Kafka: one value, made from the settings, given to everything that talks to the broker."""

import ssl
from dataclasses import dataclass, field
from typing import Any

from aiokafka.helpers import create_ssl_context
from pydantic import SecretStr

from infra.process.settings import Settings


@dataclass(frozen=True)
class KafkaConnection:
    """Where the brokers are, how to prove who we are, and the prefix that keeps installations apart.

    `security_protocol` is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; `sasl_mechanism` PLAIN, SCRAM-SHA-256 or
    SCRAM-SHA-512. Without `ssl_cafile` the machine's own authorities are trusted.
    """

    bootstrap_servers: str
    topic_prefix: str = ""
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None

    def topic(self, name: str) -> str:
        """The topic's name on the broker."""
        return self.topic_prefix + name

    def plain(self, topic: str) -> str:
        """The topic's name in `contracts/topics.py`, from its name on the broker."""
        return topic.removeprefix(self.topic_prefix)

    def group(self, service: str) -> str:
        """The consumer group of a service (DESIGN §4: `<prefix><service>`)."""
        return self.topic_prefix + service

    def client_arguments(self) -> dict[str, Any]:
        """The keyword arguments that every aiokafka client takes."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.startswith("SASL"):
            arguments["sasl_mechanism"] = self.sasl_mechanism or "PLAIN"
            arguments["sasl_plain_username"] = self.sasl_username
            arguments["sasl_plain_password"] = self.sasl_password
        if self.security_protocol.endswith("SSL"):
            arguments["ssl_context"] = self._ssl_context()
        return arguments

    def as_settings(self) -> dict[str, Any]:
        """The settings that lead to this connection, by their names in `Settings`."""
        return {
            "kafka_bootstrap_servers": self.bootstrap_servers,
            "kafka_topic_prefix": self.topic_prefix,
            "kafka_security_protocol": self.security_protocol,
            **({"kafka_sasl_mechanism": self.sasl_mechanism} if self.sasl_mechanism else {}),
            **({"kafka_sasl_username": self.sasl_username} if self.sasl_username else {}),
            **({"kafka_sasl_password": SecretStr(self.sasl_password)} if self.sasl_password else {}),
        }

    def as_environment(self) -> dict[str, str]:
        """The same for a program that is started."""
        values = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in self.as_settings().items()
        }
        return {name.upper(): value for name, value in values.items()}

    def _ssl_context(self) -> ssl.SSLContext:
        context: ssl.SSLContext = create_ssl_context(
            cafile=self.ssl_cafile, certfile=self.ssl_certfile, keyfile=self.ssl_keyfile
        )
        return context


def connection_from(settings: Settings) -> KafkaConnection:
    """The connection that the settings ask for. KAFKA_BOOTSTRAP_SERVERS must be set (`run` sets it for its children)."""
    if settings.kafka_bootstrap_servers is None:
        raise ValueError("KAFKA_BOOTSTRAP_SERVERS is not set")
    password = settings.kafka_sasl_password
    files = (settings.kafka_ssl_cafile, settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile)
    cafile, certfile, keyfile = (None if path is None else str(path) for path in files)
    return KafkaConnection(
        settings.kafka_bootstrap_servers,
        settings.kafka_topic_prefix,
        settings.kafka_security_protocol,
        settings.kafka_sasl_mechanism,
        settings.kafka_sasl_username,
        None if password is None else password.get_secret_value(),
        cafile,
        certfile,
        keyfile,
    )
