"""An event as a CloudEvent 1.0 (https://github.com/cloudevents/spec).

`time` is that of the sandbox's clock; `recorded_at` in the data is real.
"""

import json

from sandbox_mta.events.event import StatusEvent, dumps, rfc3339

# A name under .test belongs to nobody (RFC 6761), so that no other type is ever the same.
TYPE = "test.sandbox.{}.v1"


def attributes(event: StatusEvent, hostname: str) -> dict[str, str]:
    """Return the context attributes; `hostname` tells one sandbox from another."""
    subject = f"messages/{event.submission_id}"
    if event.position is not None:
        subject += f"/recipients/{event.position}"
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/sandbox-mta/{hostname}",
        "type": TYPE.format(event.type),
        "subject": subject,
        "time": rfc3339(event.at),
    }


def structured(event: StatusEvent, hostname: str) -> bytes:
    """Write attributes and data as one JSON object (structured content mode)."""
    whole = {
        **attributes(event, hostname),
        "datacontenttype": "application/json",
        "data": event.data(),
    }
    return json.dumps(whole, ensure_ascii=False).encode()


def binary(event: StatusEvent, hostname: str) -> tuple[list[tuple[str, bytes]], bytes]:
    """Return Kafka headers and value (binary content mode of the Kafka binding)."""
    headers = [(f"ce_{name}", text.encode()) for name, text in attributes(event, hostname).items()]
    return [*headers, ("content-type", b"application/json")], dumps(event).encode()
