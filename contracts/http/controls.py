"""Bodies of the calls that decide about what was accepted: pause, resume, cancel, and opt-outs (DESIGN §8)."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.http.campaigns import NO_NUL, Moment

MAX_REASON_CHARACTERS = 500


class ControlRequest(BaseModel):
    """Why. The body may be left out altogether."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "wrong price in the text"}]})

    reason: Annotated[str, StringConstraints(max_length=MAX_REASON_CHARACTERS, pattern=NO_NUL)] = Field(
        default="", description="For the record; it stands in the log."
    )


class ControlAnswer(BaseModel):
    """The decision is in the log and will be carried out."""

    message: str = Field(examples=["Nothing more of it is given to Sinch until it is resumed."])
    campaign_id: UUID
    status: str = Field(description="What the campaign becomes by it.", examples=["paused"])
    meaning: str = Field(description="The status in plain words.")
    status_url: str


class OptOutAnswer(BaseModel):
    """Whether a number may be sent to."""

    message: str = Field(description="The same in words.")
    phone: str = Field(examples=["+15551231234"])
    opted_out: bool
    opted_out_at: Moment | None = Field(description="Since when; null where it has not opted out.")
