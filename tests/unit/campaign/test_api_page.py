"""docs/api.md says what the code says."""

import re
from pathlib import Path

from contracts.statuses import CAMPAIGN_STATUSES
from infra.http.door import Refusal

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
CODE = re.compile(r"\bcode: ?=? ?\"([a-z_]+)\"|\bcode ?= ?\"([a-z_]+)\"")


def test_every_error_code_is_explained() -> None:
    """Each `code` that a problem document of the service can have stands in the page's table."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "services" / "campaign").rglob("*.py")]
    codes = {first or second for source in sources for first, second in CODE.findall(source)}
    codes |= {refusal.code for refusal in Refusal}
    assert len(codes) > 10
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()


def test_every_campaign_status_is_explained() -> None:
    """In the very words that the API uses."""
    for status, meaning in CAMPAIGN_STATUSES.items():
        assert f"| `{status}` | {meaning} |" in PAGE
