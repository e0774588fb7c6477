"""The wire format: requests from octets, responses to octets; the only door to aiokafka's codec.

Fields go by the names aiokafka's schemas give them, so a handler serves every version of a request:
what a version lacks is absent from the request, and left out of the response. Only versions
without tagged fields are spoken. What a peer sends is bounded before anything is allocated for it,
and whatever is wrong with it is raised as `Malformed`.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NoReturn

from aiokafka.protocol import admin, commit, coordination, fetch, group, metadata, offset, produce
from aiokafka.protocol import transaction as txn
from aiokafka.protocol.api import RequestHeader_v1
from aiokafka.protocol.types import Array, Int32, Schema

from bridge.broker.codes import Api, Code

Fields = Mapping[str, Any]

MAX_ELEMENTS = 100_000  # array elements in one request; a batch counts as one
MAX_FIELD_OCTETS = 32_767  # a string's length is an int16

# One entry per request and version; versions whose layout equals an earlier one share its schema.
_REQUESTS: Mapping[Api, Mapping[int, Any]] = {
    Api.PRODUCE: {v: getattr(produce, f"ProduceRequest_v{v}") for v in range(3, 8)},
    Api.FETCH: {v: getattr(fetch, f"FetchRequest_v{v}") for v in range(4, 12)},
    Api.LIST_OFFSETS: {v: getattr(offset, f"OffsetRequest_v{v}") for v in range(1, 4)},
    Api.METADATA: {v: getattr(metadata, f"MetadataRequest_v{v}") for v in range(1, 6)},
    Api.OFFSET_COMMIT: {2: commit.OffsetCommitRequest_v2, 3: commit.OffsetCommitRequest_v3},
    Api.OFFSET_FETCH: {v: getattr(commit, f"OffsetFetchRequest_v{v}") for v in range(1, 4)},
    Api.FIND_COORDINATOR: {
        0: coordination.FindCoordinatorRequest_v0,
        1: coordination.FindCoordinatorRequest_v1,
    },
    Api.JOIN_GROUP: {
        2: group.JoinGroupRequest_v2,
        3: group.JoinGroupRequest_v2,
        4: group.JoinGroupRequest_v2,
        5: group.JoinGroupRequest_v5,
    },
    Api.HEARTBEAT: {0: group.HeartbeatRequest_v0, 1: group.HeartbeatRequest_v1},
    Api.LEAVE_GROUP: {0: group.LeaveGroupRequest_v0, 1: group.LeaveGroupRequest_v1},
    Api.SYNC_GROUP: {
        1: group.SyncGroupRequest_v1,
        2: group.SyncGroupRequest_v1,
        3: group.SyncGroupRequest_v3,
    },
    Api.DESCRIBE_GROUPS: {v: getattr(admin, f"DescribeGroupsRequest_v{v}") for v in range(3)},
    Api.LIST_GROUPS: {0: admin.ListGroupsRequest_v0, 1: admin.ListGroupsRequest_v1},
    Api.API_VERSIONS: {v: getattr(admin, f"ApiVersionRequest_v{v}") for v in range(3)},
    Api.CREATE_TOPICS: {
        1: admin.CreateTopicsRequest_v1,
        2: admin.CreateTopicsRequest_v2,
        3: admin.CreateTopicsRequest_v3,
        4: admin.CreateTopicsRequest_v3,  # -1 stands for the broker's defaults
    },
    Api.DELETE_TOPICS: {v: getattr(admin, f"DeleteTopicsRequest_v{v}") for v in range(4)},
    Api.DELETE_RECORDS: {0: admin.DeleteRecordsRequest_v0, 1: admin.DeleteRecordsRequest_v1},
    Api.INIT_PRODUCER_ID: {0: txn.InitProducerIdRequestStruct},
    Api.ADD_PARTITIONS_TO_TXN: {0: txn.AddPartitionsToTxnRequestStruct},
    Api.ADD_OFFSETS_TO_TXN: {0: txn.AddOffsetsToTxnRequestStruct},
    Api.END_TXN: {0: txn.EndTxnRequestStruct},
    Api.TXN_OFFSET_COMMIT: {0: txn.TxnOffsetCommitRequestStruct},
    Api.DESCRIBE_CONFIGS: {v: getattr(admin, f"DescribeConfigsRequest_v{v}") for v in range(1, 3)},
    Api.ALTER_CONFIGS: {0: admin.AlterConfigsRequest_v0, 1: admin.AlterConfigsRequest_v1},
    Api.CREATE_PARTITIONS: {
        0: admin.CreatePartitionsRequest_v0,
        1: admin.CreatePartitionsRequest_v1,
    },
    Api.DELETE_GROUPS: {0: admin.DeleteGroupsRequest_v0, 1: admin.DeleteGroupsRequest_v1},
}

# Fields that may be null; a null anywhere else is malformed, so no handler meets one.
_NULLABLE: Mapping[Api, frozenset[str]] = {
    Api.PRODUCE: frozenset({"transactional_id"}),
    Api.METADATA: frozenset({"topics"}),
    Api.FETCH: frozenset({"rack_id"}),
    Api.OFFSET_COMMIT: frozenset({"metadata"}),
    Api.OFFSET_FETCH: frozenset({"topics"}),
    Api.JOIN_GROUP: frozenset({"group_instance_id"}),
    Api.SYNC_GROUP: frozenset({"group_instance_id"}),
    Api.CREATE_TOPICS: frozenset({"config_value"}),
    Api.INIT_PRODUCER_ID: frozenset({"transactional_id"}),
    Api.TXN_OFFSET_COMMIT: frozenset({"metadata"}),
    Api.DESCRIBE_CONFIGS: frozenset({"config_names"}),
    Api.ALTER_CONFIGS: frozenset({"config_value"}),
    Api.CREATE_PARTITIONS: frozenset({"assignment"}),
}

VERSIONS: Mapping[Api, tuple[int, int]] = {
    api: (min(versions), max(versions)) for api, versions in _REQUESTS.items()
}


class Malformed(Exception):
    """The peer sent something that is no request of ours; its connection is closed."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with its fields by name."""

    api: Api
    version: int
    correlation_id: int
    client_id: str
    fields: Fields


def decode_request(frame: bytes) -> Request:
    """Read one request without its length prefix; raise `Malformed` for anything else."""
    data = BytesIO(frame)
    try:
        key, version, correlation_id, client_id = RequestHeader_v1.SCHEMA.decode(data)
        if key == Api.API_VERSIONS and version not in _REQUESTS[Api.API_VERSIONS]:
            # KIP-511: answered in version 0 whatever was asked, so that the client can fall back.
            return Request(Api.API_VERSIONS, -1, correlation_id, client_id or "", {})
        api, schema = _schema_of(key, version)
        fields = _Reader(data, _NULLABLE.get(api, frozenset())).read(schema)
    except (ValueError, OverflowError, struct.error) as error:
        raise Malformed(f"undecodable request: {type(error).__name__}") from None
    return Request(api, version, correlation_id, client_id or "", fields)


def encode_response(request: Request, fields: Fields) -> bytes:
    """Write a response with its length prefix."""
    version = 0 if request.version == -1 else request.version
    out: list[bytes] = []
    _write(_REQUESTS[request.api][version].RESPONSE_TYPE.SCHEMA, fields, out)
    length = 4 + sum(map(len, out))
    return b"".join((struct.pack(">ii", length, request.correlation_id), *out))


def api_versions(request: Request) -> Fields:
    """Answer which requests are spoken, in which versions."""
    return {
        "error_code": Code.UNSUPPORTED_VERSION if request.version == -1 else Code.NONE,
        "api_versions": [
            {"api_key": api, "min_version": low, "max_version": high}
            for api, (low, high) in VERSIONS.items()
        ],
        "throttle_time_ms": 0,
    }


def _schema_of(key: int, version: int) -> tuple[Api, Schema]:
    try:
        api = Api(key)
        return api, _REQUESTS[api][version].SCHEMA
    except (ValueError, KeyError):
        raise Malformed(f"request {key} version {version} is not spoken here") from None


class _Reader:
    """Reads fields after a schema; the elements of all arrays together are bounded."""

    def __init__(self, data: BytesIO, nullable: frozenset[str]) -> None:
        self._data = data
        self._nullable = nullable
        self._elements = 0

    def read(self, kind: Any) -> Any:
        if isinstance(kind, Schema):
            return {
                name: self._read_named(name, field)
                for name, field in zip(kind.names, kind.fields, strict=True)
            }
        if isinstance(kind, Array):
            return self._read_array(kind)
        return kind.decode(self._data)

    def _read_named(self, name: str, kind: Any) -> Any:
        value = self.read(kind)
        if value is None and name not in self._nullable:
            _refuse(f"{name} is null")
        return value

    def _read_array(self, kind: Array) -> list[Any] | None:
        length = Int32.decode(self._data)
        if length == -1:
            return None
        self._elements += length
        if length < 0 or self._elements > MAX_ELEMENTS:
            _refuse(f"an array of {length} elements")
        values = [self.read(kind.array_of) for _ in range(length)]
        if None in values:
            _refuse("an array holds null")
        return values


def _refuse(what: str) -> NoReturn:
    raise Malformed(what)


def _write(kind: Any, value: Any, out: list[bytes]) -> None:
    # Into one list, joined once: a Fetch response carries megabytes.
    if isinstance(kind, Schema):
        for name, field in zip(kind.names, kind.fields, strict=True):
            _write(field, value[name], out)
    elif isinstance(kind, Array):
        out.append(Int32.encode(-1 if value is None else len(value)))
        for element in value or ():
            _write(kind.array_of, element, out)
    else:
        out.append(kind.encode(value))
