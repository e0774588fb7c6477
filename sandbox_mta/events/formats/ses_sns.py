"""Amazon SES event publishing, as Amazon SNS posts it to an HTTP subscription.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html. Only
Amazon can sign for SNS, so there is no Signature: a receiver must be told not to check it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sandbox_mta.events.event import EventType, StatusEvent
from sandbox_mta.events.formats.shape import (
    Body,
    House,
    enhanced,
    is_full,
    milliseconds,
    reply_text,
)

ACCOUNT = "000000000000"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:sandbox-mta"

# SES's words for reasons of ours; any other is General.
_BOUNCES = {"message-too-big": "MessageTooLarge"}
_DELAYS = {"connect-timeout": "TransientCommunicationFailure"}


def bodies(event: StatusEvent, house: House) -> Sequence[Body]:
    """Write an event as SES does; SES says nothing of reports, and relays nothing."""
    if event.type not in _EVENTS:
        return ()
    name, key, content = _EVENTS[event.type]
    message = {"eventType": name, "mail": _mail(event), key: content(event, house)}
    notification = {
        "Type": "Notification",
        "MessageId": event.id,
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": json.dumps(message, ensure_ascii=False),
        "Timestamp": milliseconds(event.at),
    }
    headers = {
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": event.id,
        "x-amz-sns-topic-arn": TOPIC,
    }
    octets = json.dumps(notification, ensure_ascii=False).encode()
    return [Body(octets=octets, content_type="text/plain; charset=UTF-8", headers=headers)]


def _mail(event: StatusEvent) -> dict[str, Any]:
    fields = {"From": event.author, "Subject": event.subject, "Message-ID": event.message_id}
    return {
        "timestamp": milliseconds(event.accepted_at),
        "source": event.reverse_path,
        "sendingAccountId": ACCOUNT,
        "messageId": event.submission_id,
        "destination": list(event.forward_paths),
        "headersTruncated": False,
        "headers": [{"name": name, "value": text} for name, text in fields.items() if text],
        "commonHeaders": {
            "from": [event.author],
            "to": list(event.forward_paths),
            "messageId": event.message_id,
            "subject": event.subject,
        },
        "tags": {},
    }


def _send(event: StatusEvent, house: House) -> dict[str, Any]:
    del event, house
    return {}


def _reject(event: StatusEvent, house: House) -> dict[str, Any]:
    del house
    return {"reason": reply_text(event)}


def _delivery(event: StatusEvent, house: House) -> dict[str, Any]:
    took = max(event.at - event.accepted_at, timedelta(0))
    return {
        "timestamp": milliseconds(event.at),
        "processingTimeMillis": took // timedelta(milliseconds=1),
        "recipients": [event.forward_path],
        "smtpResponse": reply_text(event),
        "reportingMTA": house.hostname,
        **_remote(event),
    }


def _delay(event: StatusEvent, house: House) -> dict[str, Any]:
    return {
        "timestamp": milliseconds(event.at),
        "delayType": _word(event, _DELAYS),
        "delayedRecipients": [_recipient(event)],
        "reportingMTA": house.hostname,
    }


def _bounced(event: StatusEvent, house: House) -> dict[str, Any]:
    return _bounce(event, house, "Permanent", _word(event, _BOUNCES))


def _expired(event: StatusEvent, house: House) -> dict[str, Any]:
    return _bounce(event, house, "Transient", _word(event, _BOUNCES))


def _suppressed(event: StatusEvent, house: House) -> dict[str, Any]:
    return _bounce(event, house, "Permanent", "OnAccountSuppressionList")


def _bounce(event: StatusEvent, house: House, type: str, subtype: str) -> dict[str, Any]:
    return {
        "bounceType": type,
        "bounceSubType": subtype,
        "bouncedRecipients": [{**_recipient(event), "action": "failed"}],
        "timestamp": milliseconds(event.at),
        "feedbackId": event.id,
        "reportingMTA": f"dns; {house.hostname}",
        **_remote(event),
    }


def _word(event: StatusEvent, words: Mapping[str, str]) -> str:
    return "MailboxFull" if is_full(event) else words.get(event.reason, "General")


def _recipient(event: StatusEvent) -> dict[str, str]:
    return {
        "emailAddress": event.forward_path,
        "status": enhanced(event),
        "diagnosticCode": f"smtp; {reply_text(event)}",
    }


def _remote(event: StatusEvent) -> dict[str, str]:
    return {"remoteMtaIp": event.route.address} if event.route and event.route.address else {}


_EVENTS: Mapping[EventType, tuple[str, str, Callable[[StatusEvent, House], dict[str, Any]]]] = {
    EventType.RECEIVED: ("Send", "send", _send),
    EventType.REJECTED: ("Reject", "reject", _reject),
    EventType.DELIVERED: ("Delivery", "delivery", _delivery),
    EventType.DEFERRED: ("DeliveryDelay", "deliveryDelay", _delay),
    EventType.BOUNCED: ("Bounce", "bounce", _bounced),
    EventType.EXPIRED: ("Bounce", "bounce", _expired),
    EventType.SUPPRESSED: ("Bounce", "bounce", _suppressed),
}
