"""Only the jars we know are run."""

import hashlib
from pathlib import Path

import pytest

from infra.kafka import jars
from infra.kafka.errors import JarsUnavailable


def made(directory: Path, **contents: bytes) -> list[Path]:
    """Files in `directory`, `name.jar` for each keyword."""
    files = []
    for name, content in contents.items():
        files.append(directory / f"{name}.jar")
        files[-1].write_bytes(content)
    return files


def digests(files: list[Path]) -> dict[str, str]:
    """The checksums of the files as they are now."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_the_known_jars_pass(tmp_path: Path) -> None:
    """Jars with their checksums are accepted."""
    files = made(tmp_path, a=b"1", b=b"2")
    jars.compare(files, digests(files))


def test_a_tampered_jar_is_named(tmp_path: Path) -> None:
    """A jar whose bytes differ is refused by its path."""
    files = made(tmp_path, a=b"1", b=b"2")
    expected = digests(files)
    files[1].write_bytes(b"3")
    with pytest.raises(JarsUnavailable, match=r"b\.jar is not the jar we know"):
        jars.compare(files, expected)


def test_a_missing_jar_is_named(tmp_path: Path) -> None:
    """A jar that should be there and is not is named."""
    files = made(tmp_path, a=b"1", b=b"2")
    with pytest.raises(JarsUnavailable, match=r"missing or too many: b\.jar"):
        jars.compare(files[:1], digests(files))


def test_a_jar_too_many_is_named(tmp_path: Path) -> None:
    """A jar nobody knows does not get onto the class path."""
    files = made(tmp_path, a=b"1", b=b"2")
    with pytest.raises(JarsUnavailable, match=r"missing or too many: b\.jar"):
        jars.compare(files, digests(files[:1]))


def test_the_committed_checksums_name_the_broker() -> None:
    """The committed list holds the broker of the version we say, each with a whole SHA-256."""
    expected = jars.read_checksums(jars.CHECKSUMS)
    assert f"kafka_2.13-{jars.KAFKA_VERSION}.jar" in expected
    assert {len(digest) for digest in expected.values()} == {64}


async def test_jars_that_cannot_be_had_are_an_error_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network and without a cache the error says what to do."""

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr("infra.kafka.jars.EnvironmentBuilder.from_endpoint", refuse)
    with pytest.raises(JarsUnavailable, match=r"cannot be had.*no route.*set KAFKA_BOOTSTRAP_SERVERS"):
        await jars.class_path(tmp_path)


def test_the_cache_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HELIOGRAPH_CACHE says where downloads are kept."""
    monkeypatch.setenv(jars.CACHE_VARIABLE, str(tmp_path))
    assert jars.cache_directory() == tmp_path
