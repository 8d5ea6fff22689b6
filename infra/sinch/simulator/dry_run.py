"""What a dry run answers: parts and encodings, as if the batch were sent."""

from itertools import islice
from typing import Any

from infra.sinch.simulator.requests import Draft
from infra.sinch.simulator.texts import Texts


def dry_run_reply(draft: Draft, shown: int | None) -> dict[str, Any]:
    """Counts, and details of the first `shown` numbers; None: no details."""
    texts = Texts(draft.fields)
    numbers = list(map(str, draft.to))
    each = [texts.parts(number) for number in numbers]
    reply: dict[str, Any] = {
        "number_of_recipients": len(numbers),
        "number_of_messages": sum(parts.count for parts in each),
    }
    if shown is not None:
        reply["per_recipient"] = [
            {
                "recipient": number,
                "number_of_parts": parts.count,
                "body": texts.text(number).text,
                "encoding": parts.encoding,
            }
            for number, parts in islice(zip(numbers, each, strict=True), shown)
        ]
    return reply
