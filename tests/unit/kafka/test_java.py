"""Which Java is new enough."""

import pytest

from infra.kafka.java import major_version


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_292"', 8),
        ('openjdk version "21-ea" 2023-09-19', 21),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
    ],
)
def test_the_major_version_is_read(said: str, major: int | None) -> None:
    """What `java -version` says, of old and new Javas, and of none."""
    assert major_version(said) == major
