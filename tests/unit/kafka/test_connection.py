"""A connection gives aiokafka what it needs and keeps secrets to itself."""

import ssl

from infra.kafka.connection import KafkaConnection


def test_plaintext_needs_no_credentials() -> None:
    """A plain connection passes the servers and the protocol, nothing else."""
    assert KafkaConnection("a:1,b:2").client_arguments() == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "PLAINTEXT",
    }


def test_sasl_credentials_are_passed() -> None:
    """User and password reach aiokafka under its own names."""
    arguments = KafkaConnection(
        "a:1", security_protocol="SASL_PLAINTEXT", sasl_mechanism="SCRAM-SHA-512", sasl_username="u", sasl_password="p"
    ).client_arguments()
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("u", "p")


def test_tls_checks_the_broker() -> None:
    """With TLS the broker's certificate and name are verified."""
    context = KafkaConnection("a:1", security_protocol="SSL").client_arguments()["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_password_is_not_shown() -> None:
    """A connection that gets into a log line does not take its password along."""
    assert "hush" not in repr(KafkaConnection("a:1", sasl_password="hush"))


def test_the_prefix_goes_on_and_comes_off() -> None:
    """Topic names and groups carry the prefix on the broker only."""
    connection = KafkaConnection("a:1", topic_prefix="staging.")
    assert connection.topic("consent") == "staging.consent"
    assert connection.plain("staging.consent") == "consent"
    assert connection.group("projector") == "staging.projector"
