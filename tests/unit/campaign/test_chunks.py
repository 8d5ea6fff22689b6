"""How a campaign is cut."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contracts.events import CampaignRequested, decode
from services.campaign.chunks import MAX_BYTES, MAX_RECIPIENTS, Chunk, Template, cut, encoded

TEMPLATE = Template(UUID(int=7), "2026-03-01T12:00:00.000Z", "anonymous", "Hello ${name}")
MANY = {str(15_550_000_000 + n): dict[str, str]() for n in range(2_500)}


def _values(size: int) -> dict[str, dict[str, str]]:
    return {number: {f"k{n}": "\u2603" * size for n in range(9)} for number in MANY}


def test_a_thousand_recipients_fit_one_chunk() -> None:
    """1,000 is Sinch's limit for a batch, and ours for a chunk."""
    assert [len(chunk.recipients) for chunk in cut(TEMPLATE, MANY)] == [1_000, 1_000, 500]


def test_nobody_is_lost_or_moved() -> None:
    """All chunks together are the recipients, in their order."""
    assert [number for chunk in cut(TEMPLATE, MANY) for number in chunk.recipients] == list(MANY)


def test_long_parameters_make_more_chunks() -> None:
    """No encoded chunk is above 512,000 bytes, and none is needlessly small."""
    chunks = list(cut(TEMPLATE, _values(100)))
    sizes = [len(encoded(TEMPLATE, n, len(chunks), chunk)) for n, chunk in enumerate(chunks)]
    assert max(sizes) <= MAX_BYTES
    assert min(sizes[:-1]) > MAX_BYTES * 0.9


def test_parameters_are_in_sinchs_form() -> None:
    """Placeholder → number → value, for those who have one."""
    (chunk,) = cut(TEMPLATE, {"15551231234": {"name": "Ada"}, "15551256344": {}})
    assert chunk.parameters == {"name": {"15551231234": "Ada"}}


def test_the_same_chunk_has_the_same_event_id() -> None:
    """A chunk published twice is recognisable, byte for byte."""
    chunk = Chunk(["15551231234"], {})
    assert encoded(TEMPLATE, 3, 4, chunk) == encoded(TEMPLATE, 3, 4, chunk)


def test_chunks_differ_in_their_event_id() -> None:
    """Two chunks of a campaign are two facts, even with equal recipients."""
    chunk = Chunk(["15551231234"], {})
    assert TEMPLATE.event(0, 2, chunk).event_id != TEMPLATE.event(1, 2, chunk).event_id


def test_the_record_says_everything() -> None:
    """What is in the log is enough to send the chunk."""
    event = decode(encoded(TEMPLATE, 0, 1, Chunk(["15551231234"], {})))
    assert isinstance(event, CampaignRequested)
    assert (event.campaign_id, event.body, event.recipients) == (str(UUID(int=7)), "Hello ${name}", ["15551231234"])


@given(
    st.dictionaries(
        st.integers(10**9, 10**14).map(str),
        st.dictionaries(st.text("abc", min_size=1), st.text(st.characters(codec="utf-8"), max_size=160), max_size=3),
        min_size=1,
    )
)
def test_any_recipients_survive_the_cut(recipients: dict[str, dict[str, str]]) -> None:
    """Whatever the parameters, putting the chunks together again gives what went in."""
    back: dict[str, dict[str, str]] = {}
    for chunk in cut(TEMPLATE, recipients):
        assert 0 < len(chunk.recipients) <= MAX_RECIPIENTS
        for number in chunk.recipients:
            back[number] = {key: values[number] for key, values in chunk.parameters.items() if number in values}
    assert back == recipients
