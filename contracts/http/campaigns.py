"""Bodies of the campaign API: requests and answers (DESIGN §8)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SkipValidation,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

MAX_RECIPIENTS = 1_000_000
MAX_MESSAGE_CHARACTERS = 2_000  # CONTRACT §1.1: `body`, before placeholders are filled in
MAX_NAME_CHARACTERS = 200
MAX_SENDER_CHARACTERS = 20  # a number with + and separators, a short code, or up to 11 letters; Sinch has the last word
MAX_PARAMETER_KEY_CHARACTERS = 16  # CONTRACT §1.1
MAX_PARAMETER_VALUE_CHARACTERS = 160  # CONTRACT §1.1
MAX_PARAMETERS = 100  # of one recipient; keeps it well inside a record of the log
MAX_PERSON_NAME_CHARACTERS = 200
HIGHEST_PRIORITY = 9
MAX_RETRIES = 10
MAX_RETRY_DELAY_SECONDS = 3 * 24 * 3600  # Sinch keeps no message longer (CONTRACT §1.1, `expire_at`)

SENT = "Campaign accepted for delivery."

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time", "examples": ["2026-03-01T12:00:00.000Z"]})]
"""UTC, milliseconds, always in this form."""

GivenMoment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""ISO 8601 with or without offset; without one it is UTC. Read in services/campaign/options.py.

Without an example: one that is sent as it stands would be refused as soon as it has passed.
"""

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL's text cannot hold the character NUL, and no message needs it."""

NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""A name is one line, and nothing that a terminal would obey; a message keeps its line breaks."""

ParameterKey = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$", max_length=MAX_PARAMETER_KEY_CHARACTERS, min_length=1)
]
ParameterValue = Annotated[str, StringConstraints(max_length=MAX_PARAMETER_VALUE_CHARACTERS, pattern=NO_NUL)]
PersonName = Annotated[str, StringConstraints(max_length=MAX_PERSON_NAME_CHARACTERS, pattern=NO_NUL)]


Phone = Annotated[str, Field(json_schema_extra={"format": "phone", "minLength": 4}, examples=["+15551231234"])]
"""As people write it, with `+` or `00`. Read in services/campaign/phones.py."""


class Recipient(BaseModel):
    """One recipient with what is known of the person, and the values of the message's placeholders."""

    model_config = ConfigDict(extra="forbid")

    phone: Phone = Field(description="As in `recipients`.")
    first_name: PersonName | None = None
    last_name: PersonName | None = None
    parameters: dict[ParameterKey, ParameterValue] | None = Field(
        default=None,
        max_length=MAX_PARAMETERS,
        description="Value of each `${key}` in the message.",
        examples=[{"name": "Ada"}],
    )


RetryDelay = Annotated[int, Field(strict=True, ge=1, le=MAX_RETRY_DELAY_SECONDS)]


class Retry(BaseModel):
    """When failures that may pass are sent again."""

    model_config = ConfigDict(extra="forbid")

    delays: list[RetryDelay] = Field(
        max_length=MAX_RETRIES,
        description="Seconds from a reported failure to the next attempt, one entry an attempt; empty: none.",
        examples=[[60, 600]],
    )


class Pages(ABC):
    """Recipients that are read page by page, because there are very many."""

    @abstractmethod
    def pages(self) -> Iterator[list[Any]]:
        """All entries in their order, some thousands at a time."""


def _list_or_pages(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    return value if isinstance(value, Pages) else check(value)


class SendRequest(BaseModel):
    """A campaign to be sent, at once or at a given time."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"recipients": ["+15551231234", "+15551256344"], "message": "Hello!"}]},
    )

    recipients: Annotated[
        list[SkipValidation[Phone | Recipient]],
        Field(min_length=1, max_length=MAX_RECIPIENTS),
        WrapValidator(_list_or_pages),  # their number is checked where they are read
    ] = Field(
        description="Numbers with `+` or `00` and their country code (or those of `default_region` as they are written "
        "there), or objects. Each number gets one message."
    )  # checked one by one in services/campaign/recipients.py, so that every wrong one is named
    message: str = Field(
        max_length=MAX_MESSAGE_CHARACTERS,
        pattern=NO_NUL,
        description="The text; `${key}` is filled from parameters, so each recipient needs a value, or there is one for all.",
        json_schema_extra={"minLength": 1, "pattern": r"^[^\x00]*[^\x00\s][^\x00]*$"},
    )
    name: Annotated[str, StringConstraints(max_length=MAX_NAME_CHARACTERS, pattern=NO_CONTROL)] | None = Field(
        default=None, description="What you call the campaign."
    )
    sender: (
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_SENDER_CHARACTERS, pattern=NO_CONTROL)] | None
    ) = Field(
        default=None,
        alias="from",
        description="A number of at most 15 digits, a short code, or a name of at most 11 characters; else SINCH_NUMBER.",
        json_schema_extra={"format": "sender"},
    )
    send_at: GivenMoment | None = Field(
        default=None,
        description="Not before this time, at most a year ahead. One that has passed, by a day at most, means at once. "
        "Without an offset it is UTC.",
    )
    expire_at: GivenMoment | None = Field(
        default=None,
        description="Nothing is sent, nor delivered by Sinch, after this time: at most 3 days after `send_at` or now.",
    )
    priority: Annotated[int, Field(strict=True, ge=0, le=HIGHEST_PRIORITY)] = Field(
        default=0, description="0 to 9; a higher one passes others that wait."
    )
    delivery_policy: Literal["at_most_once", "at_least_once"] = Field(
        default="at_most_once",
        description="What is done with a batch of which nobody can ever know whether Sinch has it: give up, or send again.",
    )
    retry: Retry | None = Field(default=None, description="Without it no failure is sent again.")
    parameters: dict[ParameterKey, ParameterValue] | None = Field(
        default=None,
        max_length=MAX_PARAMETERS,
        description="Value of each `${key}` for the recipients that have none of their own.",
        examples=[{"name": "customer"}],
    )
    default_region: Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z]{2}$")] | None = Field(
        default=None,
        description="Country (ISO 3166, two letters) of numbers without `+` or `00`. Without it they are refused.",
        json_schema_extra={"format": "country"},
        examples=["US"],
    )


class ChunkAnswer(BaseModel):
    """One chunk of an accepted campaign: it becomes one batch at Sinch."""

    chunk: int = Field(description="Counts from 0.")
    client_reference: str = Field(description="Under which Sinch knows the batch.")
    recipients: int
    batch_id: str | None = Field(description="Sinch's id of the batch; null until Sinch's answer is known.")


class SendAnswer(BaseModel):
    """A campaign is in the log and will be sent."""

    message: str = Field(examples=[SENT])
    campaign_id: UUID
    batch_id: str | None = Field(description="Null with several chunks, and until Sinch's answer is known.")
    client_reference: str | None = Field(description="Null with several chunks: see `details`.")
    status_url: str = Field(description="Where to see what becomes of it.")
    recipients: int = Field(description="How many messages there will be.")
    duplicates: int = Field(description="Repeated numbers in the request; each gets one message.")
    details: list[ChunkAnswer]
    notes: list[str] = Field(default=[], description="How the request was read, where that may surprise.")


class CampaignAnswer(BaseModel):
    """A campaign and how far it is."""

    campaign_id: UUID
    name: str | None
    message: str
    sender: str | None = Field(alias="from", description="Null: SINCH_NUMBER.")
    status: str = Field(examples=["sending"])
    meaning: str = Field(description="The status in plain words.")
    scheduled_at: Moment | None
    requested_at: Moment
    requested: int = Field(description="Messages asked for: the sum of `counts`.")
    counts: dict[str, int] = Field(description="Messages by status.", examples=[{"delivered": 2}])
    chunks: int
    projected: bool = Field(description="False until the tables have caught up with the log: the counts are older.")
    status_url: str


class CampaignPage(BaseModel):
    """Campaigns, the newest first."""

    campaigns: list[CampaignAnswer]
    next_cursor: str | None = Field(description="Give it back as `cursor` for the next page; null on the last.")


class CodeAnswer(BaseModel):
    """Sinch's delivery code in plain words."""

    code: int
    name: str
    permanence: str
    advice: str


class MessageAnswer(BaseModel):
    """One message: one recipient of one campaign."""

    recipient: str = Field(examples=["+15551231234"])
    first_name: str | None
    last_name: str | None
    status: str = Field(examples=["delivered"])
    meaning: str = Field(description="The status in plain words.")
    final: bool = Field(description="True when nothing more is expected.")
    provider_status: str | None = Field(description="Sinch's own word.")
    code: CodeAnswer | None
    parts: int | None = Field(description="SMS parts that it took.")
    chunk: int
    attempt: int | None
    client_reference: str | None
    batch_id: str | None
    reported_at: Moment | None
    finalized_at: Moment | None


class MessagePage(BaseModel):
    """Messages of a campaign, by number."""

    messages: list[MessageAnswer]
    projected: bool = Field(description="False until the tables have caught up with the log: messages are missing.")
    next_cursor: str | None = Field(description="Give it back as `cursor` for the next page; null on the last.")


class BannerAnswer(BaseModel):
    """What this is."""

    name: str
    version: str
    message: str
    links: dict[str, str]
