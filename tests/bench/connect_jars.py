"""The jars of Kafka Connect's JDBC sink. Connect itself is among Kafka's own jars, which we have."""

import fcntl
from pathlib import Path

from jgo.env import Environment, EnvironmentBuilder, LinkStrategy
from jgo.maven import MavenContext

from infra.kafka.errors import JarsUnavailable
from infra.kafka.jars import cache_directory, compare, read_checksums

ENDPOINT = "io.debezium:debezium-connector-jdbc:3.5.0.Final+org.postgresql:postgresql:42.7.14"
"""3.6.0 needs a library that Maven's central repository does not have."""
CHECKSUMS = Path(__file__).with_name("connect.sha256")
BROUGHT_BY_CONNECT = ("kafka-clients-", "connect-", "slf4j-api-", "jackson-core-", "jackson-databind-", "jackson-annot")
"""Jars that the worker has too. Two of Jackson at once do not go together."""


def plugins(home: Path) -> Path:
    """A directory as `plugin.path` wants it, below `home`; the jars are fetched once into the cache where Kafka's are.

    JarsUnavailable: they cannot be had, or are not the ones we know.
    """
    expected, cache = read_checksums(CHECKSUMS), cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        jars = _fetch(cache, update=False)
        if expected.keys() - {jar.name for jar in jars}:  # an interrupted fetch
            jars = _fetch(cache, update=True)
    compare(jars, expected)
    plugin = home / "plugins" / "jdbc"
    plugin.mkdir(parents=True)
    for jar in jars:
        if not jar.name.startswith(BROUGHT_BY_CONNECT):
            (plugin / jar.name).symlink_to(jar)
    return plugin.parent


def _fetch(cache: Path, *, update: bool) -> list[Path]:
    context = MavenContext(repo_cache=cache / "maven")
    builder = EnvironmentBuilder(context=context, cache_dir=cache / "jgo", link_strategy=LinkStrategy.HARD)
    try:
        environment: Environment = builder.from_endpoint(ENDPOINT, update=update)
    except Exception as error:  # jgo raises whatever its HTTP client and its parser raise
        raise JarsUnavailable(f"the jars of the JDBC sink cannot be had: {error!r}") from error
    return [*environment.class_path_jars, *environment.module_path_jars]
