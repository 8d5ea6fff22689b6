"""JSON Schema → OpenAPI 3.0."""

from typing import Any

import pytest

from services.campaign.openapi import to_openapi_30


@pytest.mark.parametrize(
    ("schema", "translated"),
    [
        ({"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}], "title": "T"},
         {"type": "string", "maxLength": 3, "title": "T", "nullable": True}),
        ({"anyOf": [{"$ref": "#/x"}, {"type": "null"}]}, {"allOf": [{"$ref": "#/x"}], "nullable": True}),
        ({"anyOf": [{"type": "string"}, {"$ref": "#/x"}]}, {"anyOf": [{"type": "string"}, {"$ref": "#/x"}]}),
        ({"const": 1}, {"enum": [1]}),
        ({"default": None}, {}),
        ({"examples": ["a", "b"]}, {"example": "a"}),
        ({"type": "object", "patternProperties": {"^a$": {"type": "string"}}},
         {"type": "object", "additionalProperties": {"type": "string"}}),
        ({"properties": {"a": {"const": 1}}}, {"properties": {"a": {"enum": [1]}}}),
    ],
)  # fmt: skip
def test_each_difference_is_translated(schema: dict[str, Any], translated: dict[str, Any]) -> None:
    """What OpenAPI 3.0 says differently is said its way, and no constraint is lost."""
    to_openapi_30(schema)
    assert schema == translated


def test_twice_is_the_same() -> None:
    """aiohttp-pydantic translates inner schemas a second time."""
    schema = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    to_openapi_30(schema)
    once = dict(schema)
    to_openapi_30(schema)
    assert schema == once
