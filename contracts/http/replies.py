"""Bodies of `GET /api/replies` and `POST /api/replies/{inbound_id}/settle`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.http.campaigns import NO_NUL, Moment
from contracts.http.controls import MAX_REASON_CHARACTERS


class ReplyAnswer(BaseModel):
    """A reply that waits for a person; nothing is sent to its number meanwhile."""

    inbound_id: str = Field(description="By which it is settled.", examples=["01FC66621XXXXX119Z8PMV1QPR"])
    phone: str = Field(examples=["+15551231234"])
    to: str = Field(description="The number of ours that was written to; empty where it is not known.")
    body: str = Field(description="What was written.", examples=["Who is this?"])
    received_at: Moment
    words: str = Field(description="What of it makes it probable.", examples=["WHO IS THIS"])


class ReplyPage(BaseModel):
    """The oldest first."""

    replies: list[ReplyAnswer]
    more: bool = Field(description="Whether there are more than these.")


class SettleRequest(BaseModel):
    """What a person who read it says."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"opted_out": False, "reason": "asked for the opening hours"}]}
    )

    opted_out: bool = Field(description="true: nothing more is sent to the number. false: it may be sent to.")
    reason: Annotated[
        str, StringConstraints(min_length=1, max_length=MAX_REASON_CHARACTERS, pattern=NO_NUL, strip_whitespace=True)
    ] = Field(description="How you know. It stands in the log.")


class SettleAnswer(BaseModel):
    """It is in the log."""

    message: str = Field(description="The same in words.")
    inbound_id: str
    phone: str = Field(examples=["+15551231234"])
    opted_out: bool
