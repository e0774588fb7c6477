"""Envelopes: what a record says, whichever form it came in."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from bridge.event import Event, EventRef, Reason, Record, Tombstone, Unusable
from bridge.formats import MAX_VALUE_OCTETS, identify, read_event

Make = Callable[..., Record]

CLOUD = {"specversion": "1.0", "id": "e-1", "source": "/shop", "type": "user.created"}
BINARY = {"ce_specversion": "1.0", "ce_id": "e-1", "ce_source": "/shop", "ce_type": "user.created"}


def event_of(record: Record) -> Event:
    event = read_event(record)
    assert isinstance(event, Event), event
    return event


def fault_of(record: Record) -> tuple[Reason, str]:
    fault = read_event(record)
    assert isinstance(fault, Unusable), fault
    return fault.reason, fault.detail


def test_a_structured_event_is_read(record: Make) -> None:
    value = {**CLOUD, "subject": "u1", "traceparent": "00-ab", "data": {"email": "a@example.org"}}

    event = event_of(record(value, content_type="application/CloudEvents+json; charset=utf-8"))

    assert (event.id, event.source, event.type, event.subject) == (
        "e-1",
        "/shop",
        "user.created",
        "u1",
    )
    assert event.data == {"email": "a@example.org"}
    assert event.extensions == {"traceparent": "00-ab"}
    assert event.envelope == "cloudevents-structured"


def test_a_structured_event_is_recognised_without_its_header(record: Make) -> None:
    assert event_of(record({**CLOUD, "data": {"a": 1}})).envelope == "cloudevents-structured"


def test_data_in_base64_is_json_too(record: Make) -> None:
    data = base64.b64encode(b'{"a": 1}').decode()

    assert event_of(record({**CLOUD, "data_base64": data})).data == {"a": 1}


def test_a_binary_event_is_read(record: Make) -> None:
    event = event_of(record({"a": 1}, **BINARY, ce_tenant="t1", content_type="application/json"))

    assert (event.id, event.type, event.envelope) == ("e-1", "user.created", "cloudevents-binary")
    assert event.extensions == {"tenant": "t1"}
    assert event.data == {"a": 1}


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_a_binary_event_names_the_header_that_is_missing(record: Make, name: str) -> None:
    headers = {key: value for key, value in BINARY.items() if key != f"ce_{name}"}

    assert fault_of(record({}, **headers)) == (Reason.ENVELOPE, f"header ce_{name} missing")


def test_the_last_of_a_repeated_header_counts() -> None:
    headers = (*((name, value.encode()) for name, value in BINARY.items()), ("ce_id", b"e-2"))

    assert event_of(Record(EventRef("t", 0, 0, 0), None, b"{}", headers)).id == "e-2"


def test_plain_json_needs_only_a_type(record: Make) -> None:
    event = event_of(record({"event": "welcome", "email": "a@example.org", "event_id": 17}))

    assert (event.type, event.id, event.envelope) == ("welcome", "17", "json")
    assert event.data["email"] == "a@example.org"


def test_plain_json_lifts_its_data(record: Make) -> None:
    event = event_of(record({"type": "welcome", "to": "a@example.org", "data": {"name": "Ada"}}))

    assert event.data["name"] == "Ada"
    assert event.data["to"] == "a@example.org"


@pytest.mark.parametrize("as_text", [True, False])
def test_the_original_form_is_read(record: Make, as_text: bool) -> None:
    content: Any = {"type": "welcome", "to": "a@example.org", "name": "Ada"}
    content = json.dumps(content) if as_text else content

    event = event_of(record({"uuid": "u-1", "content": content, "timestamp": "2026-11-24"}))

    assert (event.type, event.id, event.time) == ("welcome", "u-1", "2026-11-24")
    assert event.data["to"] == "a@example.org"
    assert event.envelope == "original"


def test_the_original_form_with_prose_has_no_type(record: Make) -> None:
    event = event_of(record({"uuid": "u-1", "content": "Hello", "timestamp": 5}))

    assert event.type == ""
    assert event.data == {"content": "Hello"}


def test_a_record_without_a_value_is_a_tombstone(record: Make) -> None:
    assert isinstance(read_event(record(None, **BINARY)), Tombstone)


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (b"\xff\xfe", Reason.DECODE, "not UTF-8 at octet 0"),
        (b"{", Reason.DECODE, "not JSON: Expecting property name"),
        (b'{"a": NaN}', Reason.DECODE, "not JSON: NaN is no JSON"),
        (b"[" * 5000, Reason.DECODE, "JSON deeper than 64 levels"),
        (b'{"type":' + b"[" * 70 + b"]" * 70 + b"}", Reason.DECODE, "JSON deeper than 64 levels"),
        (b'{"type": "x", "name": "\\ud83d"}', Reason.DECODE, "half of a surrogate pair"),
        (b"9" * 5000, Reason.DECODE, "not JSON"),
        (b" " * (MAX_VALUE_OCTETS + 1), Reason.DECODE, "a value of more than 1048576 octets"),
        (b"\x00\x00\x00\x00\x05{}", Reason.DECODE, "as records of a schema registry do"),
        (b"[1]", Reason.ENVELOPE, "a list, not an object"),
        (b'"text"', Reason.ENVELOPE, "a text, not an object"),
        (b'{"id": "' + b"x" * 201 + b'"}', Reason.ENVELOPE, '"id" of more than 200 characters'),
    ],
)
def test_octets_that_say_nothing_are_told_apart(
    record: Make, value: bytes, reason: Reason, detail: str
) -> None:
    found = fault_of(record(value))

    assert found[0] is reason
    assert detail in found[1]
    assert "\n" not in found[1]


@pytest.mark.parametrize(
    ("document", "headers", "detail"),
    [
        ({}, {"content_type": "application/cloudevents-batch+json"}, "is not read"),
        ({}, {"content_type": "application/cloudevents+avro"}, "is not read"),
        ({"id": "1"}, {"content_type": "application/cloudevents+json"}, '"specversion" missing'),
        ({**CLOUD, "specversion": "0.3"}, {}, "specversion 0.3, not 1.0"),
        ({**CLOUD, "data": [1]}, {}, "the data is a list; templates need an object"),
        ({**CLOUD, "data_base64": "%"}, {}, "data_base64 is no base64"),
        ({}, {**BINARY, "content_type": "text/plain"}, "data of type text/plain; JSON is needed"),
        ({}, {**BINARY, "ce_id": b"\xff"}, "header ce_id is not UTF-8"),
    ],
)
def test_an_envelope_that_is_wrong_says_how(
    record: Make, document: Any, headers: dict[str, Any], detail: str
) -> None:
    reason, found = fault_of(record(document, **headers))

    assert reason is Reason.ENVELOPE
    assert detail in found


def test_nesting_up_to_the_limit_is_read(record: Make) -> None:
    event_of(record(b'{"type":' + b"[" * 63 + b"]" * 63 + b"}"))


def test_the_same_source_and_id_are_the_same_event(record: Make) -> None:
    first = identify(record({**CLOUD, "data": {"a": 1}}, offset=1))
    again = identify(record({"a": 2}, offset=9, **BINARY))
    other = identify(record({**CLOUD, "source": "/crm"}))

    assert first.identity == again.identity != other.identity
    assert (first.id, first.source, first.type) == ("e-1", "/shop", "user.created")


def test_the_id_of_a_thing_is_not_that_of_its_events(record: Make) -> None:
    created = identify(record({"type": "user.created", "id": 42}))
    deleted = identify(record({"type": "user.deleted", "id": 42}, offset=1))

    assert created.identity != deleted.identity


def test_events_without_an_id_are_told_apart_by_their_position(record: Make) -> None:
    value = {"type": "welcome", "to": "a@example.org"}

    assert identify(record(value, offset=1)).identity == identify(record(value, offset=1)).identity
    assert identify(record(value, offset=1)).identity != identify(record(value, offset=2)).identity


def test_a_topic_that_was_made_again_has_other_events() -> None:
    old = Record(EventRef("t", 0, 0, 1000), None, b"{}")
    new = Record(EventRef("t", 0, 0, 2000), None, b"{}")

    assert identify(old).identity != identify(new).identity


@pytest.mark.parametrize("value", [None, b"\xff", b"{}", b"[" * 5000])
def test_any_record_has_an_identity_that_fits_its_column(record: Make, value: bytes | None) -> None:
    assert 0 < len(identify(record(value)).identity) <= 64
