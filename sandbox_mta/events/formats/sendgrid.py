"""SendGrid's event webhook: an array of events, one for each recipient.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event. Its own signature
(ECDSA, with a key that SendGrid keeps) is not made.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox_mta.events.event import EventType, StatusEvent
from sandbox_mta.events.formats.shape import Body, House, as_json, enhanced, reply_text

_EVENTS: Mapping[EventType, str] = {
    EventType.RECEIVED: "processed",
    EventType.REJECTED: "dropped",
    EventType.DEFERRED: "deferred",
    EventType.DELIVERED: "delivered",
    EventType.BOUNCED: "bounce",
    EventType.EXPIRED: "bounce",
    EventType.SUPPRESSED: "dropped",
}


def bodies(event: StatusEvent, house: House) -> Sequence[Body]:
    """Write an event as SendGrid does; it says nothing of reports, and relays nothing."""
    del house
    if event.type not in _EVENTS:
        return ()
    return [
        as_json(
            [_one(event, n, forward_path) for n, forward_path in enumerate(event.forward_paths)]
        )
    ]


def _one(event: StatusEvent, n: int, forward_path: str) -> dict[str, Any]:
    return {
        "email": forward_path,
        "timestamp": int(event.at.timestamp()),
        "smtp-id": event.message_id,
        "event": _EVENTS[event.type],
        "sg_event_id": event.id if event.position is not None else f"{event.id}-{n}",
        "sg_message_id": event.submission_id,
        **_details(event),
        **({"ip": event.route.address} if event.route and event.route.address else {}),
    }


def _details(event: StatusEvent) -> dict[str, Any]:
    text = reply_text(event)
    match _EVENTS[event.type]:
        case "deferred":
            return {"response": text, "attempt": str(event.attempt)}
        case "delivered":
            return {"response": text}
        case "dropped":
            return {"reason": text, "status": enhanced(event)}
        case "bounce":
            # What was put off until the end is a block: the address may be good.
            kind = "blocked" if event.type is EventType.EXPIRED else "bounce"
            return {"reason": text, "status": enhanced(event), "type": kind}
    return {}
