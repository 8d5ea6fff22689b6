"""Sinch's error codes that we know, and what each is about. A code that is not here decides nothing.

"The REST API reserves the right to introduce new error codes" (Sinch's own Java SDK, `ApiError`).
Sources, as in docs/sinch-contract.md §3: G21 its REST guide, O21 its OpenAPI, XJ its Java SDK.
"""

from enum import Enum


class About(Enum):
    """What a refusal with a known code is about."""

    BATCH = "batch"
    """This batch, as it is, will never be taken."""
    ACCOUNT = "account"
    """The account: no other batch would be taken either."""
    TOO_LATE = "too late"
    """What was to be changed has gone out already."""


KNOWN: dict[str, About] = {
    "syntax_invalid_parameter_format": About.BATCH,  # 400, G21 and O21: a field's format, such as a number's
    "syntax_constraint_violation": About.BATCH,  # 400, G21 and XJ: a field is missing, too many elements
    "unknown_group": About.BATCH,  # 403, G21 and O21: what was taken for a group's id
    "illegal_number_type": About.BATCH,  # 403, G21, which writes it as in the next line
    "llegal_number_type": About.BATCH,
    "blocked_account": About.ACCOUNT,  # 403, G21
    "missing_callback_url": About.ACCOUNT,  # 403, G21 and O21: reports are wanted and there is no address for them
    "batch_already_dispatched": About.TOO_LATE,  # 403, G21
    "conflict_send_at": About.TOO_LATE,  # 403, XJ: "when deleting a message that has already been sent out"
}
"""Left out on purpose: `syntax_invalid_json` (400, G21). What we send is JSON, so something on the way broke it."""

CULPRIT_MAY_BE_ONE = frozenset(
    {
        "syntax_invalid_parameter_format",
        "syntax_constraint_violation",
        "unknown_group",
        "illegal_number_type",
        "llegal_number_type",
    }
)
"""Codes of a batch that may be about one of its numbers: what is left of it may be taken."""
