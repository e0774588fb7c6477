"""`sandbox-mta produce`: one event into Kafka, by hand."""

import json
import logging
import uuid

from bridge.consumer import KafkaError
from bridge.consumer import produce as produce_records
from bridge.event import NewRecord
from sandbox_mta.app import kafka
from sandbox_mta.app.trouble import Trouble
from sandbox_mta.settings import Settings

SOURCE = "/sandbox-mta/produce"


async def produce(  # an option of the command each
    settings: Settings,
    topic: str,
    octets: bytes,
    *,
    type: str | None,  # CloudEvents' word
    to: str | None,
    key: str | None,
) -> str:
    """Produce one event and return where it stands, as topic/partition@offset.

    With a type it is a CloudEvent in binary mode, else the octets are sent as they are. Raises
    `Trouble`.
    """
    if kafka.bootstrap(settings) is None:
        raise Trouble("Kafka is off; name one with --kafka")
    record = NewRecord(
        _with_recipient(octets, to) if to else octets,
        key.encode() if key is not None else None,
        _headers(type) if type else (),
    )
    # Its client repeats at error what we say in one line.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        [place] = await produce_records(kafka.options(settings), topic, [record])
    except (KafkaError, TimeoutError, OSError):
        raise Trouble(
            f"no Kafka answers at {kafka.bootstrap(settings)}; start a sandbox with "
            "`sandbox-mta serve`, or name another with --kafka"
        ) from None
    return str(place)


def _with_recipient(octets: bytes, to: str) -> bytes:
    try:
        data = json.loads(octets)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise Trouble("--to puts the recipient into the data, so that must be a JSON object")
    return json.dumps({**data, "to": to}, ensure_ascii=False).encode()


def _headers(event_type: str) -> tuple[tuple[str, bytes], ...]:
    # https://github.com/cloudevents/spec, Kafka binding, binary content mode
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", str(uuid.uuid4()).encode()),
        ("ce_source", SOURCE.encode()),
        ("ce_type", event_type.encode()),
        ("content-type", b"application/json"),
    )
