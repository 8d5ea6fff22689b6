"""Kafka's own jars: fetched once from Maven's central repository, kept in a cache, compared with our checksums.

jgo writes a lock file but does not hold later runs to it (PITFALLS), so `jars.sha256` is compared at every start.
"""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import structlog
from jgo.env import Environment, EnvironmentBuilder, LinkStrategy
from jgo.maven import MavenContext

from infra.kafka.errors import JarsUnavailable

log = structlog.get_logger(__name__)

KAFKA_VERSION = "4.3.1"
ENDPOINT = "+".join(
    (
        f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
        f"org.apache.kafka:kafka-tools:{KAFKA_VERSION}",  # the console tools
        "org.slf4j:slf4j-simple:1.7.36",  # or the broker would die without a word
    )
)
CHECKSUMS = Path(__file__).with_name("jars.sha256")
CACHE_VARIABLE = "HELIOGRAPH_CACHE"


def cache_directory() -> Path:
    """Where downloads are kept between clones: `HELIOGRAPH_CACHE`, or `~/.cache/heliograph`."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "heliograph")


async def class_path(cache: Path | None = None) -> str:
    """The class path of Kafka, its jars fetched if need be and compared. Half a minute the first time."""
    return await asyncio.to_thread(_class_path, cache or cache_directory())


def _class_path(cache: Path) -> str:
    cache.mkdir(parents=True, exist_ok=True)
    expected = read_checksums(CHECKSUMS)
    with (cache / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first starts at once would write into each other's files
        jars = _fetch(cache, update=False)
        if expected.keys() - {jar.name for jar in jars}:  # an interrupted fetch
            jars = _fetch(cache, update=True)
    compare(jars, expected)
    return os.pathsep.join(str(jar) for jar in sorted(jars))


def _fetch(cache: Path, *, update: bool) -> list[Path]:
    context = MavenContext(repo_cache=cache / "maven")
    builder = EnvironmentBuilder(context=context, cache_dir=cache / "jgo", link_strategy=LinkStrategy.HARD)
    if update or not (cache / "jgo").exists():
        log.info("kafka_jars_fetched", version=KAFKA_VERSION, into=str(cache))
    try:
        environment: Environment = builder.from_endpoint(ENDPOINT, update=update)
    except Exception as error:  # jgo raises whatever its HTTP client and its parser raise
        raise JarsUnavailable(
            f"The jars of Kafka {KAFKA_VERSION} cannot be had: {error!r}. They come from Maven's central repository; "
            f"check the network, or copy a filled cache directory to {cache}, or set KAFKA_BOOTSTRAP_SERVERS."
        ) from error
    return [*environment.class_path_jars, *environment.module_path_jars]


def read_checksums(file: Path) -> dict[str, str]:
    """Jar name to SHA-256, from a file as `sha256sum` writes it."""
    pairs = (line.split() for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return {name: digest for digest, name in pairs}


def compare(jars: list[Path], expected: Mapping[str, str]) -> None:
    """Raise JarsUnavailable, naming the jar, unless exactly the expected jars are there, each with its checksum."""
    found = {jar.name: jar for jar in jars}
    if wrong := sorted(found.keys() ^ expected.keys()):
        raise JarsUnavailable(
            f"Kafka's jars are not the ones we know, these are missing or too many: {', '.join(wrong)}"
        )
    for name, jar in found.items():
        if hashlib.sha256(jar.read_bytes()).hexdigest() != expected[name]:
            raise JarsUnavailable(f"{jar} is not the jar we know: its SHA-256 differs. Delete {jar} and start again.")
