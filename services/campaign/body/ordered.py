"""Many names in pages, in one order for all requests, so that they do not lock each other out."""

from collections import defaultdict
from collections.abc import Collection

from services.campaign.body.pauses import Pauses

A_PAGE = 5_000
AT_A_TIME = 1_000
_LAST_DIGITS = 2


def _order(phone: str) -> str:
    return phone[-_LAST_DIGITS:] + phone


async def in_pages(phones: Collection[str], pauses: Pauses) -> list[list[str]]:
    """By their last digits, then by number. To sort a million at once would hold everybody up for a second."""
    if len(phones) <= A_PAGE:
        return [sorted(phones, key=_order)] if phones else []
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
