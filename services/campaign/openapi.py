"""JSON Schema as pydantic writes it → the dialect of OpenAPI 3.0.

aiohttp-pydantic writes OpenAPI 3.0, which is also what our Swagger UI reads, but its own translation loses every
constraint of an optional field and fails on an optional model.
"""

from typing import Any

NULL = {"type": "null"}


def to_openapi_30(schema: Any) -> None:
    """Translate a schema in place, at every depth. Doing it twice changes nothing."""
    if isinstance(schema, list):
        for item in schema:
            to_openapi_30(item)
    if not isinstance(schema, dict):
        return
    for value in schema.values():
        to_openapi_30(value)
    _make_nullable(schema)
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if schema.get("default", ...) is None:
        del schema["default"]
    if isinstance(examples := schema.get("examples"), list) and examples:
        schema["example"] = schema.pop("examples")[0]
    if isinstance(patterns := schema.pop("patternProperties", None), dict):
        schema["additionalProperties"] = next(iter(patterns.values()))
    schema.pop("propertyNames", None)


def _make_nullable(schema: dict[str, Any]) -> None:
    """`anyOf` with a null among its options → `nullable`."""
    options = schema.get("anyOf", [])
    if NULL not in options:
        return
    rest = [option for option in options if option != NULL]
    del schema["anyOf"]
    schema["nullable"] = True
    if len(rest) > 1:
        schema["anyOf"] = rest
    elif "$ref" in rest[0]:
        schema["allOf"] = rest
    else:
        schema.update({**rest[0], **schema})
