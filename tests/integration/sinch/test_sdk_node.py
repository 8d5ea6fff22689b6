"""Sinch's own Node SDK (npm's @sinch/sms) against the simulator; skipped, with its reason, where it cannot be had."""

import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from infra.sinch.simulator.fixture import SimulatedSinch
from tests.integration.sinch.catcher import Catcher

# sdk-client asks for sdk-core's version and does not depend on it, so it is named here.
PACKAGES = ["@sinch/sms@1.4.0", "@sinch/sdk-core@1.4.0"]
INSTALL = 180.0  # seconds
SCRIPT = Path(__file__).with_name("sdk_node.mjs")
HOME = Path(os.environ.get("HELIOGRAPH_HOME", ".heliograph")).resolve() / "npm"


@pytest.fixture(scope="module")
def sdk() -> Path:
    """Where the package is; fetched once and kept beside the embedded servers."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no Node on this machine")
    if not HOME.joinpath("node_modules/@sinch/sdk-core").is_dir():
        HOME.mkdir(parents=True, exist_ok=True)
        try:
            command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
            subprocess.run(command, cwd=HOME, check=True, capture_output=True, timeout=INSTALL)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"{PACKAGES[0]} cannot be fetched: {type(error).__name__}")
    return HOME


def test_the_node_sdk_works_without_complaint(sdk: Path, sinch_simulator: SimulatedSinch, catcher: Catcher) -> None:
    """Send, list, get, update, replace, dry run, cancel, feedback, reports, inbounds; then a callback and its signature."""
    node = shutil.which("node")
    assert node is not None
    process = subprocess.Popen(
        [node, str(SCRIPT), sinch_simulator.url, catcher.url],
        env=os.environ | {"SDK_HOME": str(sdk)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            pytest.fail(process.communicate(timeout=30)[1].decode())
        batch_id = msgspec.json.decode(line)["batch_id"].encode()
        caught = catcher.wait(lambda caught: batch_id in caught.body)
        headers = {name.lower(): value for name, value in caught.headers.items()}
        answer = msgspec.json.encode({"headers": headers, "body": caught.body.decode()})
        out, errors = process.communicate(answer, timeout=30)
    finally:
        process.kill()
    assert out == b"done\n", errors.decode()
