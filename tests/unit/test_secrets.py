"""No credential stands in the tree. Looks for the forms that real credentials have, not for randomness.

detect-secrets was tried on paper and left out: it reports every hash of the locks and of Kafka's jars and every
signature vector, and the baseline that silences them is read by nobody (docs/dependencies.md).
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_BYTES = 1_000_000

FORMS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "an AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{20}",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a Google key": r"\bAIza[A-Za-z0-9_-]{35}",
    "a Stripe key": r"\b[rs]k_live_[A-Za-z0-9]{20,}",
    "an npm or PyPI token": r"\b(?:npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,})",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "a key of our API": r"\bhg_[0-9A-Za-z]{49}\b",
    "a Sinch token": r"(?i)sinch_(?:api_token|webhook_secret)\s*[=:]\s*[\"']?(?:[0-9a-f]{32}|[A-Za-z0-9+/_-]{40,})",
    "a password in an address": r"\b[a-z][a-z0-9+]*://[^\s:/@\"'`{}<>$]+:(?!password|secret|heliograph|postgres|x@|p@|pw@)[^\s:/@\"'`{}<>$]{12,}@",
}


def _files() -> list[Path]:
    """What git knows, or would add; in a tree without git, everything but hidden directories."""
    said = subprocess.run(
        [shutil.which("git") or "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if said.returncode == 0:
        names = [name for name in said.stdout.decode().split("\0") if name]
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    parts = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [ROOT / path for path in parts if not any(part.startswith(".") for part in path.parts[:-1])]


def _found(text: str) -> list[str]:
    return [name for name, form in FORMS.items() if re.search(form, text)]


def test_no_file_holds_a_credential() -> None:
    """Private keys, tokens of the usual services, JSON web tokens, Sinch's token, passwords in addresses."""
    files = [path for path in _files() if path != Path(__file__) and path.stat().st_size < MOST_BYTES]
    assert len(files) > 100, "the scan saw next to nothing"
    found = {str(path.relative_to(ROOT)): _found(path.read_text(errors="replace")) for path in files}
    assert {name: forms for name, forms in found.items() if forms} == {}


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA PRIVATE " + "KEY-----",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a" * 36,
        "SINCH_API_TOKEN=" + "0123456789abcdef" * 2,
        "postgresql://someone:" + "correcthorsebattery@db.example.com/x",
    ],
)
def test_the_scan_sees_a_credential(text: str) -> None:
    """A scan that finds nothing anywhere would pass as well."""
    assert _found(text) != []


def test_env_is_not_kept_by_git() -> None:
    """`.env` is where an operator's secrets stand."""
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
