import struct
from io import BytesIO
from typing import Any

import pytest
from aiokafka.protocol.admin import ApiVersionResponse_v0
from aiokafka.protocol.metadata import MetadataRequest_v5, MetadataResponse_v1
from aiokafka.protocol.produce import ProduceRequest_v7

from bridge.broker.codes import Api
from bridge.broker.dispatch import HANDLERS
from bridge.broker.wire import (
    MAX_ELEMENTS,
    VERSIONS,
    Malformed,
    Request,
    api_versions,
    decode_request,
    encode_response,
)


def frame(api: int, version: int, body: bytes, client_id: bytes | None = b"me") -> bytes:
    named = struct.pack(">h", -1) if client_id is None else struct.pack(">h2s", 2, client_id)
    return struct.pack(">hhi", api, version, 41) + named + body


def test_a_request_is_read_by_the_names_of_its_fields() -> None:
    body = MetadataRequest_v5(["orders"], True).encode()

    request = decode_request(frame(Api.METADATA, 5, body))

    assert request == Request(
        Api.METADATA, 5, 41, "me", {"topics": ["orders"], "allow_auto_topic_creation": True}
    )


def test_a_client_without_a_name_has_an_empty_one() -> None:
    assert decode_request(frame(Api.LIST_GROUPS, 1, b"", client_id=None)).client_id == ""


def test_a_null_is_read_where_the_protocol_has_one() -> None:
    body = MetadataRequest_v5(None, True).encode()

    assert decode_request(frame(Api.METADATA, 5, body)).fields["topics"] is None


def test_a_response_leaves_out_what_its_version_lacks() -> None:
    request = Request(Api.METADATA, 1, 41, "me", {})
    fields: dict[str, Any] = {
        "throttle_time_ms": 0,
        "brokers": [],
        "cluster_id": "c",
        "controller_id": 1,
        "topics": [],
    }

    octets = encode_response(request, fields)

    length, correlation_id = struct.unpack_from(">ii", octets)
    assert (length, correlation_id) == (len(octets) - 4, 41)
    response = MetadataResponse_v1.decode(BytesIO(octets[8:]))
    assert (response.brokers, response.controller_id, response.topics) == ([], 1, [])


def test_an_unknown_version_of_api_versions_is_answered_in_version_0() -> None:
    request = decode_request(frame(Api.API_VERSIONS, 4, b"\x07librdk\x042.6\x00"))

    octets = encode_response(request, api_versions(request))

    response = ApiVersionResponse_v0.decode(BytesIO(octets[8:]))
    assert response.error_code == 35
    assert {tuple(entry) for entry in response.api_versions} == {
        (api, low, high) for api, (low, high) in VERSIONS.items()
    }


def test_every_request_that_is_offered_has_a_handler() -> None:
    assert set(VERSIONS) - set(HANDLERS) == {Api.API_VERSIONS}


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0\3\0", id="half a header"),
        pytest.param(frame(99, 0, b""), id="no such request"),
        pytest.param(frame(Api.PRODUCE, 99, b""), id="no such version"),
        pytest.param(frame(Api.PRODUCE, -1, b""), id="negative version"),
        pytest.param(frame(Api.METADATA, 5, b"\0\0\0\1\0\5ab"), id="string beyond the frame"),
        pytest.param(frame(Api.METADATA, 5, b"\0\0\0\1\0\1\xff\1"), id="no UTF-8"),
        pytest.param(frame(Api.METADATA, 5, b"\x7f\xff\xff\xff"), id="two thousand million topics"),
        pytest.param(frame(Api.METADATA, 5, b"\xff\xff\xff\xf0\1"), id="negative length"),
        pytest.param(frame(Api.METADATA, 5, b"\0\0\0\1\xff\xff\1"), id="a topic that is null"),
        pytest.param(frame(Api.HEARTBEAT, 1, b"\xff\xff\0\0\0\1\0\1a"), id="a null group"),
        pytest.param(
            frame(Api.PRODUCE, 7, ProduceRequest_v7(None, 1, 1, [("t", [(0, None)])]).encode()),
            id="a null batch",
        ),
        pytest.param(frame(Api.DELETE_TOPICS, 1, b"\xff\xff\xff\xff\0\0\0\0"), id="a null array"),
        pytest.param(struct.pack(">hhih", Api.LIST_GROUPS, 1, 41, 2) + b"\xff\xfe", id="client id"),
    ],
)
def test_what_is_no_request_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        decode_request(octets)


def test_the_elements_of_all_arrays_together_are_bounded() -> None:
    half = [("t", [(0, b"")] * (MAX_ELEMENTS // 2))]
    body = ProduceRequest_v7(None, 1, 1, half * 2).encode()

    with pytest.raises(Malformed, match="elements"):
        decode_request(frame(Api.PRODUCE, 7, body))
