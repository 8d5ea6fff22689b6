"""The addresses that answers point to."""

from typing import NamedTuple
from uuid import UUID


class Addresses(NamedTuple):
    """Absolute where BASE_URL says how we are reached, else paths."""

    base_url: str | None = None

    def campaign(self, campaign_id: UUID) -> str:
        """Where a campaign's status is."""
        return f"{self.base_url or ''}/api/campaigns/{campaign_id}"
