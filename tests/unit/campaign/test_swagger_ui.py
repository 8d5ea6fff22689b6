"""The files of Swagger UI that we keep."""

from hashlib import sha256
from importlib.resources import files

from services.campaign import swagger_ui

FOLDER = files(swagger_ui)


def test_the_files_are_those_that_were_looked_at() -> None:
    """Each has its hash, and there is none without; what is served to browsers does not change unseen."""
    lines = FOLDER.joinpath("files.sha256").read_text().splitlines()
    named = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    ours = {"__init__.py", "__pycache__", "files.sha256"}
    there = {file.name: sha256(file.read_bytes()).hexdigest() for file in FOLDER.iterdir() if file.name not in ours}
    assert there == named
    assert {"LICENSE", "NOTICE"} < set(named)
