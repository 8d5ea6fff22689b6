"""Message parts of a campaign: what the provider will count."""

from hypothesis import given
from hypothesis import strategies as st

from infra.process.world import SystemClock
from infra.sinch.wire.parts import expand, parts
from services.campaign.access.message_parts import MessageParts

TEXTS = st.text(alphabet=st.sampled_from("ab Äé€^{}|ж漢😀\n"), max_size=200) | st.text(max_size=60)
KEYS = st.sampled_from(["a", "b", "name"])
BODIES = st.lists(TEXTS | KEYS.map(lambda key: f"${{{key}}}"), max_size=6).map("".join)
VALUES = st.dictionaries(KEYS, TEXTS, max_size=3)


@given(BODIES, VALUES, VALUES)
def test_the_count_is_the_providers(body: str, own: dict[str, str], defaults: dict[str, str]) -> None:
    """Whatever the encoding, whoever has a value, also where nobody has one: as the filled-in text counts."""
    known = {key: {"default": value} for key, value in defaults.items()}
    for key, value in own.items():
        known.setdefault(key, {})["15551231234"] = value
    filled = expand(body, known, "15551231234").text
    assert MessageParts(body, defaults).of(own) == parts(filled).count


async def test_fifteen_million_by_one_request_are_seen() -> None:
    """A thousand characters of Unicode are fifteen parts, for each recipient."""
    recipients: dict[str, dict[str, str]] = {str(number): {} for number in range(15_550_000_000, 15_550_001_000)}
    counted = await MessageParts("ж" * 1_000, {}).of_all(recipients, SystemClock())
    assert counted == 15 * 1_000


async def test_each_recipients_own_values_count() -> None:
    """A long name makes a second part; who has none gets the default."""
    recipients: dict[str, dict[str, str]] = {"1": {"name": "A"}, "2": {"name": "A" * 100}, "3": {}}
    assert await MessageParts("x" * 100 + "${name}", {"name": "B" * 60}).of_all(recipients, SystemClock()) == 1 + 2 + 1
