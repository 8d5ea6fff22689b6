"""Each container is given the secrets of its own work and no other (FAULTS I6)."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
COMPOSE = (ROOT / "docker-compose.yml").read_text()

NEEDED = {
    "kafka": {"kafka_jaas"},
    "postgres": {"postgres_password"},
    "migrate": {"database_url", *(f"database_url_{role}" for role in ("campaign", "dispatcher", "projector", "reader", "replay"))},
    "topics": {
        f"kafka_password_{user}"
        for user in ("admin", "campaign", "webhook_gateway", "dispatcher", "projector", "replay", "operator")
    },
    "campaign": {"kafka_password_campaign", "database_url_campaign", "api_keys", "privacy_key"},
    "webhook-gateway": {
        "kafka_password_webhook_gateway", "privacy_key", "webhook_token", "sinch_webhook_secret", "webhook_basic_auth",
    },
    "dispatcher": {"kafka_password_dispatcher", "database_url_dispatcher", "sinch_api_token", "privacy_key", "webhook_token"},
    "projector": {"kafka_password_projector", "database_url_projector"},
    "operator": {"kafka_password_operator", "database_url", "sinch_api_token", "privacy_key"},
    "simulator": {"sinch_api_token", "sinch_webhook_secret"},
}  # fmt: skip


def _services() -> dict[str, str]:
    blocks = re.split(r"\n  (?=\S)", COMPOSE.split("\nservices:\n")[1].split("\nvolumes:\n")[0])
    return {block.strip().partition(":")[0]: block for block in blocks}


def _given(block: str) -> set[str]:
    """What stands in a service's `secrets:`, in either form of YAML's lists."""
    found = re.search(r"\n    secrets: \[(.*?)]|\n    secrets:\n((?:      - \w+\n?)+)", block)
    return set(re.findall(r"\w+", found[1] or found[2])) if found else set()


def test_each_container_holds_what_it_needs() -> None:
    """The table above is what stands in docker-compose.yml; every file that a setting names is there."""
    services = _services()
    assert {name: _given(block) for name, block in services.items()} == NEEDED
    for name, block in services.items():
        assert set(re.findall(r"_FILE: /run/secrets/(\w+)", block)) <= NEEDED[name], name


def test_every_secret_is_made_by_the_script(tmp_path: Path) -> None:
    """What containers are given is declared, made by secrets.sh, and made once: a second run changes nothing."""
    declared = set(re.findall(r"\n  (\w+): \{file:", COMPOSE.split("\nsecrets:")[1]))
    assert declared == set().union(*NEEDED.values())
    for _ in range(2):
        subprocess.run([ROOT / "infra/images/secrets.sh", tmp_path], check=True, capture_output=True)
        made = {path.name: path.read_text() for path in tmp_path.iterdir()}
        assert declared == set(made)
        assert len(made["kafka_password_admin"]) == 48
    assert made["kafka_password_admin"] in made["kafka_jaas"]


def test_no_secret_stands_in_an_environment() -> None:
    """Secrets come as files: an environment is shown by `docker inspect`."""
    named = re.findall(r"\n      (\w*(?:TOKEN|SECRET|PASSWORD|KEYS?|AUTH|DATABASE_URL))(?:_FILE)?: (\S+)", COMPOSE)
    assert {value for _, value in named if not value.startswith("/run/secrets/")} == set()
