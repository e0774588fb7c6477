"""Mailgun's webhook: one request for each recipient, signed in its body.

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads. The
signature is HMAC-SHA256 over timestamp and token, in hexadecimal; the setting's secret is the
webhook signing key.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox_mta.events.event import EventType, StatusEvent
from sandbox_mta.events.formats.shape import Body, House, as_json, reply_text

SUPPRESSED = 605  # Mailgun's own code: not delivered to an address that bounced before

# event, log level, severity and reason
_EVENTS: Mapping[EventType, tuple[str, str, str, str]] = {
    EventType.RECEIVED: ("accepted", "info", "", ""),
    EventType.REJECTED: ("rejected", "warn", "", ""),
    EventType.DEFERRED: ("failed", "warn", "temporary", "generic"),
    EventType.DELIVERED: ("delivered", "info", "", ""),
    EventType.BOUNCED: ("failed", "error", "permanent", "bounce"),
    EventType.EXPIRED: ("failed", "error", "permanent", "old"),
    EventType.SUPPRESSED: ("failed", "error", "permanent", "suppress-bounce"),
}


def bodies(event: StatusEvent, house: House) -> Sequence[Body]:
    """Write an event as Mailgun does; it says nothing of reports, and relays nothing."""
    if event.type not in _EVENTS:
        return ()
    return [
        as_json(
            {
                "signature": _signature(event, n, house),
                "event-data": _data(event, n, forward_path),
            }
        )
        for n, forward_path in enumerate(event.forward_paths)
    ]


def _signature(event: StatusEvent, n: int, house: House) -> dict[str, str]:
    # Receivers keep tokens against replays: the same event must have the same one again.
    token = hashlib.sha256(f"{event.id}.{n}".encode()).hexdigest()[:50]
    timestamp = str(house.signed_at)
    signed = hmac.new(house.secret, f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"token": token, "timestamp": timestamp, "signature": signed if house.secret else ""}


def _data(event: StatusEvent, n: int, forward_path: str) -> dict[str, Any]:
    name, level, severity, reason = _EVENTS[event.type]
    data: dict[str, Any] = {
        "id": event.id if event.position is not None else f"{event.id}-{n}",
        "timestamp": event.at.timestamp(),
        "log-level": level,
        "event": name,
        "flags": {"is-authenticated": False, "is-routed": False, "is-test-mode": False},
        "envelope": {
            "sender": event.reverse_path,
            "targets": forward_path,
            "transport": "smtp",
        },
        "message": {
            "headers": {
                "from": event.author,
                "to": forward_path,
                "message-id": event.message_id.strip("<>"),
                "subject": event.subject,
            }
        },
        "recipient": forward_path,
        "recipient-domain": forward_path.rpartition("@")[2],
        "tags": [],
        "user-variables": {},
    }
    if severity:
        data |= {"severity": severity, "reason": reason}
    if name == "rejected":
        data["reject"] = {"reason": reply_text(event), "description": ""}
    elif event.reply is not None:
        data["delivery-status"] = _status(event)
    return data


def _status(event: StatusEvent) -> dict[str, Any]:
    reply, route = event.reply, event.route
    status: dict[str, Any] = {
        "attempt-no": event.attempt,
        "code": SUPPRESSED if event.type is EventType.SUPPRESSED else reply and reply.code,
        "message": reply_text(event),
        "description": "",
    }
    if route is not None and route.exchanger:
        status["mx-host"] = route.exchanger
    if event.next_attempt_at is not None:
        status["retry-seconds"] = int((event.next_attempt_at - event.at).total_seconds())
    return status
