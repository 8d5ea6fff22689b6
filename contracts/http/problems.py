"""Problem documents (RFC 9457): the one form of every error answer."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a request."""

    pointer: Annotated[str, Field(description="JSON pointer (RFC 6901) into the body, or the name of a parameter.")]
    detail: Annotated[str, Field(description="What is wrong with it.")]
    value: Annotated[Any, Field(description="What was given there, as it was given.")] = None


class Problem(BaseModel):
    """Why a request was not done, and what the client can do next.

    Beside these members a problem may say more: `campaign_id` and `status_url` where a campaign was recorded.
    """

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="about:blank", description="`about:blank`: `status` and `code` say what kind it is.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong and what to do next, for people.")
    code: str = Field(description="What is wrong, for programs. Does not change between versions.")
    message: str = Field(description="The same as `detail`.")
    errors: list[Fault] = Field(default_factory=list, description="The faults that were found, 100 at most.")
    error_count: int = Field(default=0, description="How many faults there are; `errors` has the first 100.")
