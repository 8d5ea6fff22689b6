"""Many names in pages, in one order for all requests, so that they do not lock each other out."""

from collections import defaultdict
from collections.abc import Iterable

from services.campaign.body.pauses import Pauses

A_PAGE = 5_000
AT_A_TIME = 1_000
_LAST_DIGITS = 3


async def in_pages(phones: Iterable[str], pauses: Pauses) -> list[list[str]]:
    """By their last digits, then by number. To sort a million at once would hold everybody up for a second."""
    buckets: defaultdict[str, list[str]] = defaultdict(list)
    for number, phone in enumerate(phones):
        buckets[phone[-_LAST_DIGITS:]].append(phone)
        if number % AT_A_TIME == 0:
            await pauses.when_due()
    pages: list[list[str]] = []
    for ending in sorted(buckets):
        bucket = sorted(buckets[ending])
        if not pages or len(pages[-1]) + len(bucket) > A_PAGE:
            pages.append([])
        pages[-1] += bucket
        await pauses.when_due()
    return pages
