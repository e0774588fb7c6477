"""Reading a record, whichever envelope it came in; pure, and total over any octets.

The forms, in the order they are tried: a tombstone; CloudEvents 1.0 structured and binary (its
Kafka protocol binding, section 3); a CloudEvents object without the header; the original
`{"uuid", "content", "timestamp"}`; plain JSON with a type, an id and data of its own.
"""

import base64
import binascii
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from bridge.event import Event, EventRef, Reason, Record, Tombstone, Unusable
from bridge.ports import Identified

MAX_VALUE_OCTETS = 1 << 20  # Kafka's own default for a record; a mail's data is far smaller
MAX_DEPTH = 64  # levels of JSON; templates walk data, and so does our error text
MAX_WORD = 200  # characters of an id, source or type; longer ones are refused as no envelope
_TYPE_KEYS = ("type", "event", "eventType", "event_type")
_ID_KEYS = ("id", "uuid", "event_id", "eventId")
_DATA_KEYS = ("data", "payload")
_REQUIRED = ("specversion", "id", "source", "type")  # CloudEvents 1.0, section 3.1
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class _Unreadable(Exception):
    """The record is not what it claims; caught in `read_event`, and nowhere else."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read_event(record: Record) -> Event | Tombstone | Unusable:
    """Read one record."""
    if record.value is None:
        return Tombstone(record.ref)
    try:
        return _read(record, record.value)
    except _Unreadable as error:
        return Unusable(record.ref, error.reason, error.detail)


def identify(record: Record) -> Identified:
    """Say which event a record is, as far as it can be read; never raises.

    CloudEvents with equal source and id are the same event. In other envelopes an id is often
    that of the thing (`"id": 42` of a user), so there the topic and the type count as well.
    Without an id the position counts, with the timestamp and a checksum, since the offsets of a
    topic that was deleted and made again start anew.
    """
    event = read_event(record)
    if not isinstance(event, Event):
        return Identified(record=record, identity=_identity_of_position(record))
    if not event.id:
        identity = _identity_of_position(record)
    elif event.envelope.startswith("cloudevents"):
        identity = _hash("event", event.source, event.id)
    else:
        identity = _hash("plain", record.ref.topic, event.source, event.type, event.id)
    return Identified(
        record=record, identity=identity, id=event.id, source=event.source, type=event.type
    )


def _identity_of_position(record: Record) -> str:
    ref = record.ref
    checksum = zlib.crc32(record.value or b"")
    return _hash(
        "position", ref.topic, *map(str, (ref.partition, ref.offset, ref.timestamp_ms, checksum))
    )


def _hash(*words: str) -> str:
    # The lengths keep ("ab", "c") and ("a", "bc") apart.
    text = "".join(f"{len(word)}:{word}" for word in words)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _read(record: Record, value: bytes) -> Event:
    if len(value) > MAX_VALUE_OCTETS:
        raise _Unreadable(Reason.DECODE, f"a value of more than {MAX_VALUE_OCTETS} octets")
    headers = dict(record.headers)  # a repeated header: the last one counts
    media_type = _header(headers, "content-type").partition(";")[0].strip().lower()
    if media_type.startswith("application/cloudevents"):
        if media_type != "application/cloudevents+json":
            raise _Unreadable(Reason.ENVELOPE, f"{media_type} is not read, only its +json form")
        return _structured(record.ref, _object(value))
    if any(f"ce_{name}" in headers for name in _REQUIRED):
        return _binary(record.ref, headers, media_type, value)
    document = _object(value)
    if all(isinstance(document.get(name), str) for name in _REQUIRED):
        return _structured(record.ref, document)
    if "uuid" in document and "content" in document:
        return _original(record.ref, document)
    return _plain(record.ref, document)


def _structured(ref: EventRef, document: Mapping[str, Any]) -> Event:
    for name in _REQUIRED:
        if not isinstance(document.get(name), str) or not document[name]:
            raise _Unreadable(Reason.ENVELOPE, f'attribute "{name}" missing, or no text')
    attributes = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in document.items()
        if name not in ("data", "data_base64") and isinstance(value, str | int | bool)
    }
    if "data_base64" in document:
        data = _json(_base64(document["data_base64"]))
    else:
        data = document.get("data")
    return _cloud_event(ref, attributes, data, "cloudevents-structured")


def _binary(ref: EventRef, headers: Mapping[str, bytes], media_type: str, value: bytes) -> Event:
    attributes = {
        name.removeprefix("ce_"): _header(headers, name) for name in headers if name[:3] == "ce_"
    }
    for name in _REQUIRED:
        if not attributes.get(name):
            raise _Unreadable(Reason.ENVELOPE, f"header ce_{name} missing")
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise _Unreadable(Reason.ENVELOPE, f"data of type {media_type[:80]}; JSON is needed")
    return _cloud_event(ref, attributes, _json(value) if value else None, "cloudevents-binary")


def _cloud_event(ref: EventRef, attributes: dict[str, str], data: Any, envelope: str) -> Event:
    if attributes["specversion"] != "1.0":
        raise _Unreadable(Reason.ENVELOPE, f"specversion {attributes['specversion'][:20]}, not 1.0")
    own = {name: attributes.pop(name) for name in _REQUIRED}
    return Event(
        ref=ref,
        id=_word("id", own["id"]),
        source=_word("source", own["source"]),
        type=_word("type", own["type"]),
        subject=attributes.pop("subject", ""),
        time=attributes.pop("time", ""),
        data=_data(data),
        extensions=attributes,
        envelope=envelope,
    )


def _original(ref: EventRef, document: Mapping[str, Any]) -> Event:
    content = document["content"]
    if isinstance(content, str):
        content = _content(content)
    if not isinstance(content, dict):
        content = {"content": content}
    return Event(
        ref=ref,
        id=_scalar(document, ("uuid",)),
        source="",
        type=_scalar(content, _TYPE_KEYS),
        time=_scalar(document, ("timestamp",)),
        data=_merged(content),
        envelope="original",
    )


def _content(text: str) -> Any:
    """Read JSON in a text; one that is no JSON is a text for the topic's default template."""
    if not text.lstrip().startswith("{"):
        return text
    return _json(text.encode("utf-8", "surrogatepass"))


def _plain(ref: EventRef, document: Mapping[str, Any]) -> Event:
    return Event(
        ref=ref,
        id=_scalar(document, _ID_KEYS),
        source=_scalar(document, ("source",)),
        type=_scalar(document, _TYPE_KEYS),
        time=_scalar(document, ("time", "timestamp")),
        data=_merged(document),
    )


def _merged(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Lift an object under "data" or "payload": templates see its fields, and those around it."""
    for key in _DATA_KEYS:
        inner = document.get(key)
        if isinstance(inner, dict):
            return {**document, **inner}
    return document


def _data(data: Any) -> Mapping[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise _Unreadable(Reason.ENVELOPE, f"the data is {_kind(data)}; templates need an object")
    return data


def _scalar(document: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = document.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            return _word(name, str(value))
    return ""


def _word(name: str, text: str) -> str:
    if len(text) > MAX_WORD:
        raise _Unreadable(Reason.ENVELOPE, f'"{name}" of more than {MAX_WORD} characters')
    return text


def _header(headers: Mapping[str, bytes], name: str) -> str:
    value = headers.get(name)
    try:
        return (value or b"").decode()
    except UnicodeDecodeError:
        raise _Unreadable(Reason.ENVELOPE, f"header {name[:80]} is not UTF-8") from None


def _base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise _Unreadable(Reason.ENVELOPE, "data_base64 is no base64") from None


def _object(value: bytes) -> dict[str, Any]:
    document = _json(value)
    if not isinstance(document, dict):
        raise _Unreadable(Reason.ENVELOPE, f"{_kind(document)}, not an object")
    return document


def _json(value: bytes) -> Any:
    try:
        document = json.loads(value.decode("utf-8-sig"), parse_constant=_refuse_constant)
        if _SURROGATE.search(value):
            json.dumps(document, ensure_ascii=False).encode()  # half a pair can't be mailed
    except UnicodeDecodeError as error:
        raise _Unreadable(Reason.DECODE, f"not UTF-8 at octet {error.start}") from None
    except UnicodeEncodeError:
        raise _Unreadable(Reason.DECODE, "half of a surrogate pair in a text") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        hint = _magic(value)
        raise _Unreadable(Reason.DECODE, f"not JSON: {error.msg}, {where}{hint}") from None
    except RecursionError:
        raise _Unreadable(Reason.DECODE, f"JSON deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise _Unreadable(Reason.DECODE, f"not JSON: {str(error)[:80]}") from None
    if value.count(b"[") + value.count(b"{") > MAX_DEPTH and _is_deep(document):
        raise _Unreadable(Reason.DECODE, f"JSON deeper than {MAX_DEPTH} levels")
    return document


def _magic(value: bytes) -> str:
    """Name the commonest mistake: a producer that frames for a schema registry."""
    if value[:1] not in (b"\x00", b"\x01"):
        return ""
    return f"; it starts with {value[:8].hex(' ')}, as records of a schema registry do"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _is_deep(document: Any) -> bool:
    level = [document]
    for _ in range(MAX_DEPTH):
        containers = [item for item in level if isinstance(item, dict | list)]
        level = [
            inner
            for item in containers
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
