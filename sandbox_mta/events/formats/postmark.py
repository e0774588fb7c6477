"""Postmark's delivery and bounce webhooks.

https://postmarkapp.com/developer/webhooks/bounce-webhook and delivery-webhook. Postmark signs
nothing; it sends the user and password of the URL.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox_mta.events.event import EventType, StatusEvent
from sandbox_mta.events.formats.shape import Body, House, as_json, as_uuid, milliseconds, reply_text

SERVER = 1  # which of the account's servers; a sandbox is one

# Type, TypeCode, Name, Description, and whether the address is no longer sent to.
_BOUNCES: Mapping[EventType, tuple[str, int, str, str, bool]] = {
    EventType.BOUNCED: ("HardBounce", 1, "Hard bounce", "The server refused it for good.", True),
    EventType.EXPIRED: (
        "SoftBounce",
        4096,
        "Soft bounce",
        "The server put it off too long.",
        False,
    ),
}


def bodies(event: StatusEvent, house: House) -> Sequence[Body]:
    """Write an event as Postmark does, which has a webhook for deliveries and for bounces."""
    del house
    if event.type is EventType.DELIVERED:
        return [as_json(_delivery(event))]
    if event.type in _BOUNCES:
        return [as_json(_bounce(event))]
    return ()


def _common(event: StatusEvent, record_type: str) -> dict[str, Any]:
    return {
        "RecordType": record_type,
        "ServerID": SERVER,
        "MessageStream": "outbound",
        "MessageID": as_uuid(event.submission_id),
        "Tag": "",
        "Metadata": {},
    }


def _delivery(event: StatusEvent) -> dict[str, Any]:
    return {
        **_common(event, "Delivery"),
        "Recipient": event.forward_path,
        "DeliveredAt": milliseconds(event.at),
        "Details": reply_text(event),
    }


def _bounce(event: StatusEvent) -> dict[str, Any]:
    type, code, name, description, is_inactive = _BOUNCES[event.type]
    return {
        **_common(event, "Bounce"),
        "ID": uuid.UUID(event.id).int >> 76,  # 52 bits: JavaScript reads no more exactly
        "Type": type,
        "TypeCode": code,
        "Name": name,
        "Description": description,
        "Details": f"smtp;{reply_text(event)}",
        "Email": event.forward_path,
        "From": event.reverse_path,
        "BouncedAt": milliseconds(event.at),
        "DumpAvailable": False,
        "Inactive": is_inactive,
        "CanActivate": is_inactive,
        "Subject": event.subject,
    }
