"""Resend's webhook, which Svix delivers: signed as Standard Webhooks are, in `svix-` fields.

https://resend.com/docs/webhooks/event-types.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox_mta.events.event import EventType, StatusEvent
from sandbox_mta.events.formats.shape import (
    Body,
    House,
    as_json,
    as_uuid,
    is_full,
    milliseconds,
    reply_text,
)

_EVENTS: Mapping[EventType, str] = {
    EventType.RECEIVED: "email.sent",
    EventType.REJECTED: "email.failed",
    EventType.DEFERRED: "email.delivery_delayed",
    EventType.DELIVERED: "email.delivered",
    EventType.BOUNCED: "email.bounced",
    EventType.EXPIRED: "email.bounced",
    EventType.SUPPRESSED: "email.suppressed",
}


def bodies(event: StatusEvent, house: House) -> Sequence[Body]:
    """Write an event as Resend does; it says nothing of reports, and relays nothing."""
    del house
    if event.type not in _EVENTS:
        return ()
    data = {
        "created_at": milliseconds(event.accepted_at),
        "email_id": as_uuid(event.submission_id),
        "from": event.author,
        "to": list(event.forward_paths),
        "subject": event.subject,
        **_details(event),
    }
    whole = {"type": _EVENTS[event.type], "created_at": milliseconds(event.at), "data": data}
    return [as_json(whole)]


def _details(event: StatusEvent) -> dict[str, Any]:
    text = reply_text(event)
    match event.type:
        case EventType.REJECTED:
            return {"failed": {"reason": text}}
        case EventType.SUPPRESSED:
            return {"suppressed": {"message": text, "type": "OnAccountSuppressionList"}}
        case EventType.BOUNCED:
            kind = "MailboxFull" if is_full(event) else "General"
            return {"bounce": {"message": text, "subType": kind, "type": "Permanent"}}
        case EventType.EXPIRED:
            kind = "MailboxFull" if is_full(event) else "General"
            return {"bounce": {"message": text, "subType": kind, "type": "Transient"}}
    return {}
