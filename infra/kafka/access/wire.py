"""The five requests about users and rights, as Kafka's protocol has them; aiokafka has the last three one by one only.

https://kafka.apache.org/protocol: DescribeUserScramCredentials (50),
AlterUserScramCredentials (51), DescribeAcls (29), CreateAcls (30), DeleteAcls (31).
"""

from collections.abc import Sequence
from typing import Any

from aiokafka.protocol.admin import CreateAclsRequest_v1, DeleteAclsRequest_v1, DescribeAclsRequest_v1
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

SHA_256 = 1
ANY, ALLOW = 1, 3


class _DescribeUsersAnswer(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 50
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", CompactString("utf-8")),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                (
                    "credentials",
                    CompactArray(("mechanism", Int8), ("iterations", Int32), ("tags", TaggedFields)),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeUsers(RequestStruct):  # type: ignore[misc]
    API_KEY = 50
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _DescribeUsersAnswer
    SCHEMA = Schema(
        ("users", CompactArray(("name", CompactString("utf-8")), ("tags", TaggedFields))), ("tags", TaggedFields)
    )


class DescribeUsers(Request[_DescribeUsers]):  # type: ignore[misc]
    """All users that come by SCRAM, and by which mechanisms."""

    API_KEY = 50

    def build(self, request_struct_class: type[_DescribeUsers]) -> Any:  # noqa: D102 - aiokafka's
        return request_struct_class(None, {})


class _AlterUsersAnswer(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterUsers(RequestStruct):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _AlterUsersAnswer
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class AlterUsers(Request[_AlterUsers]):  # type: ignore[misc]
    """Users made, or given another password: (name, mechanism, iterations, salt, salted password, {})."""

    API_KEY = 51

    def __init__(self, upserts: Sequence[tuple[str, int, int, bytes, bytes, dict[int, bytes]]]) -> None:
        self._upserts = list(upserts)

    def build(self, request_struct_class: type[_AlterUsers]) -> Any:  # noqa: D102 - aiokafka's
        return request_struct_class([], self._upserts, {})


class DescribeRights(Request[DescribeAclsRequest_v1]):  # type: ignore[misc]
    """The rights of one principal, whatever they are about."""

    API_KEY = 29

    def __init__(self, principal: str) -> None:
        self._principal = principal

    def build(self, request_struct_class: type[DescribeAclsRequest_v1]) -> Any:  # noqa: D102 - aiokafka's
        return request_struct_class(ANY, None, ANY, self._principal, None, ANY, ANY)


class CreateRights(Request[CreateAclsRequest_v1]):  # type: ignore[misc]
    """Rights given: (kind, name, pattern, principal, host, operation, permission)."""

    API_KEY = 30

    def __init__(self, acls: Sequence[tuple[int, str, int, str, str, int, int]]) -> None:
        self._acls = list(acls)

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> Any:  # noqa: D102 - aiokafka's
        return request_struct_class(self._acls)


class DeleteRights(Request[DeleteAclsRequest_v1]):  # type: ignore[misc]
    """Rights taken away: as they were given."""

    API_KEY = 31

    def __init__(self, acls: Sequence[tuple[int, str, int, str, str, int, int]]) -> None:
        self._acls = list(acls)

    def build(self, request_struct_class: type[DeleteAclsRequest_v1]) -> Any:  # noqa: D102 - aiokafka's
        return request_struct_class(self._acls)
