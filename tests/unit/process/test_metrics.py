"""The metrics page."""

from typing import Any

from aiohttp.test_utils import make_mocked_request
from prometheus_client.openmetrics import parser

from infra.process import metrics


async def _page() -> str:
    response = await metrics.show_metrics(make_mocked_request("GET", "/metrics"))
    assert isinstance(response.body, bytes)
    return response.body.decode()


async def test_page_shows_a_counted_send() -> None:
    """What was counted is on the page."""
    metrics.SENDS.labels(outcome="test").inc(3)
    assert 'heliograph_sends_total{outcome="test"} 3.0\n' in await _page()


async def test_every_metric_of_ours_has_a_sentence() -> None:
    """Prometheus' own parser reads the page, and each of our figures says there what it means."""
    read: Any = parser.text_string_to_metric_families  # the library's function is untyped
    families = {family.name: family.documentation for family in read(await _page())}
    ours = {name: sentence for name, sentence in families.items() if name.startswith("heliograph_")}
    assert len(ours) > 20
    assert [name for name, sentence in ours.items() if not sentence.endswith(".")] == []
