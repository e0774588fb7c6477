"""Each provider's shape, whole."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from msa.reply import Reply
from sandbox_mta.events.event import EventType, StatusEvent
from sandbox_mta.events.formats import FORMATS, ses_sns
from sandbox_mta.events.formats.shape import Body, House
from sandbox_mta.mta.status import State
from tests.unit.events.sample import ID, event, message_event

HOUSE = House(hostname="sandbox.test", secret=b"signing key", signed_at=1_795_000_000)
EVENT_ID = event().id
UUID = "16065eec-f898-f33a-58cc-e4389b4a24d2"
REJECTED = message_event(EventType.REJECTED, Reply(550, "6.0", "Date is missing"))


def bodies(format: str, given: StatusEvent) -> list[Body]:
    return list(FORMATS[format](given, HOUSE))


def told(format: str, given: StatusEvent) -> Any:
    [body] = bodies(format, given)
    return json.loads(body.octets)


def ses(given: StatusEvent) -> Any:
    return json.loads(told("ses-sns", given)["Message"])


MAIL = {
    "timestamp": "2026-11-24T03:18:04.500Z",
    "source": "noreply@shop.example",
    "sendingAccountId": "000000000000",
    "messageId": ID,
    "destination": ["ada@customer.example"],
    "headersTruncated": False,
    "headers": [
        {"name": "From", "value": "Shop <noreply@shop.example>"},
        {"name": "Subject", "value": "Your order"},
        {"name": "Message-ID", "value": "<m1@shop.example>"},
    ],
    "commonHeaders": {
        "from": ["Shop <noreply@shop.example>"],
        "to": ["ada@customer.example"],
        "messageId": "<m1@shop.example>",
        "subject": "Your order",
    },
    "tags": {},
}


def test_ses_is_wrapped_as_sns_posts_it() -> None:
    [body] = bodies("ses-sns", event())
    notification = json.loads(body.octets)

    assert body.content_type == "text/plain; charset=UTF-8"
    assert body.headers == {
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": EVENT_ID,
        "x-amz-sns-topic-arn": ses_sns.TOPIC,
    }
    assert {name: text for name, text in notification.items() if name != "Message"} == {
        "Type": "Notification",
        "MessageId": EVENT_ID,
        "TopicArn": ses_sns.TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Timestamp": "2030-01-01T00:20:00.000Z",
    }


def test_a_bounce_at_ses() -> None:
    assert ses(event()) == {
        "eventType": "Bounce",
        "mail": MAIL,
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [
                {
                    "emailAddress": "ada@customer.example",
                    "status": "5.1.1",
                    "diagnosticCode": "smtp; 550 5.1.1 No such user",
                    "action": "failed",
                }
            ],
            "timestamp": "2030-01-01T00:20:00.000Z",
            "feedbackId": EVENT_ID,
            "reportingMTA": "dns; sandbox.test",
            "remoteMtaIp": "192.0.2.1",
        },
    }


def test_a_delay_at_ses() -> None:
    assert ses(event(State.DEFERRED)) == {
        "eventType": "DeliveryDelay",
        "mail": MAIL,
        "deliveryDelay": {
            "timestamp": "2030-01-01T00:20:00.000Z",
            "delayType": "MailboxFull",
            "delayedRecipients": [
                {
                    "emailAddress": "ada@customer.example",
                    "status": "4.2.2",
                    "diagnosticCode": "smtp; 452 4.2.2 The mailbox is full",
                }
            ],
            "reportingMTA": "sandbox.test",
        },
    }


def test_a_delivery_at_ses() -> None:
    assert ses(event(State.DELIVERED)) == {
        "eventType": "Delivery",
        "mail": MAIL,
        "delivery": {
            "timestamp": "2030-01-01T00:20:00.000Z",
            "processingTimeMillis": 97_966_915_500,
            "recipients": ["ada@customer.example"],
            "smtpResponse": "250 2.0.0 Ok: delivered",
            "reportingMTA": "sandbox.test",
            "remoteMtaIp": "192.0.2.1",
        },
    }


@pytest.mark.parametrize(
    ("given", "kind", "subtype"),
    [
        (event(State.EXPIRED), "Transient", "MailboxFull"),
        (event(State.SUPPRESSED), "Permanent", "OnAccountSuppressionList"),
        (event(reason="message-too-big"), "Permanent", "MessageTooLarge"),
    ],
)
def test_ses_tells_bounces_apart(given: StatusEvent, kind: str, subtype: str) -> None:
    bounce = ses(given)["bounce"]

    assert (bounce["bounceType"], bounce["bounceSubType"]) == (kind, subtype)


def test_a_send_and_a_reject_at_ses() -> None:
    sent, rejected = ses(message_event()), ses(REJECTED)

    assert (sent["eventType"], sent["send"]) == ("Send", {})
    assert sent["mail"]["destination"] == ["ada@customer.example", "bob@customer.example"]
    assert rejected["reject"] == {"reason": "550 5.6.0 Date is missing"}


SENDGRID = {
    "email": "ada@customer.example",
    "timestamp": 1_893_457_200,
    "smtp-id": "<m1@shop.example>",
    "sg_event_id": EVENT_ID,
    "sg_message_id": ID,
    "ip": "192.0.2.1",
}


@pytest.mark.parametrize(
    ("state", "details"),
    [
        (
            State.DEFERRED,
            {"event": "deferred", "response": "452 4.2.2 The mailbox is full", "attempt": "2"},
        ),
        (State.DELIVERED, {"event": "delivered", "response": "250 2.0.0 Ok: delivered"}),
        (
            State.BOUNCED,
            {
                "event": "bounce",
                "reason": "550 5.1.1 No such user",
                "status": "5.1.1",
                "type": "bounce",
            },
        ),
        (
            State.EXPIRED,
            {
                "event": "bounce",
                "reason": "452 4.2.2 The mailbox is full",
                "status": "4.2.2",
                "type": "blocked",
            },
        ),
        (
            State.SUPPRESSED,
            {
                "event": "dropped",
                "reason": "550 5.7.1 The recipient is on the suppression list",
                "status": "5.7.1",
            },
        ),
    ],
)
def test_a_recipient_at_sendgrid(state: State, details: dict[str, str]) -> None:
    assert told("sendgrid", event(state)) == [{**SENDGRID, **details}]


def test_a_message_at_sendgrid_is_one_event_a_recipient() -> None:
    first, second = told("sendgrid", message_event())

    assert (first["email"], first["event"]) == ("ada@customer.example", "processed")
    assert (second["email"], second["sg_event_id"]) == ("bob@customer.example", f"{EVENT_ID}-1")


def test_a_deferral_at_mailgun() -> None:
    given = told("mailgun", event(State.DEFERRED))
    token = given["signature"]["token"]

    signed = hmac.new(b"signing key", f"1795000000{token}".encode(), hashlib.sha256).hexdigest()
    assert given == {
        "signature": {"token": token, "timestamp": "1795000000", "signature": signed},
        "event-data": {
            "id": EVENT_ID,
            "timestamp": 1_893_457_200.0,
            "log-level": "warn",
            "event": "failed",
            "severity": "temporary",
            "reason": "generic",
            "flags": {"is-authenticated": False, "is-routed": False, "is-test-mode": False},
            "envelope": {
                "sender": "noreply@shop.example",
                "targets": "ada@customer.example",
                "transport": "smtp",
            },
            "message": {
                "headers": {
                    "from": "Shop <noreply@shop.example>",
                    "to": "ada@customer.example",
                    "message-id": "m1@shop.example",
                    "subject": "Your order",
                }
            },
            "recipient": "ada@customer.example",
            "recipient-domain": "customer.example",
            "tags": [],
            "user-variables": {},
            "delivery-status": {
                "attempt-no": 2,
                "code": 452,
                "message": "452 4.2.2 The mailbox is full",
                "description": "",
                "mx-host": "mx.customer.example",
                "retry-seconds": 1200,
            },
        },
    }


@pytest.mark.parametrize(
    ("state", "severity", "reason", "code"),
    [
        (State.BOUNCED, "permanent", "bounce", 550),
        (State.EXPIRED, "permanent", "old", 452),
        (State.SUPPRESSED, "permanent", "suppress-bounce", 605),
    ],
)
def test_mailgun_tells_failures_apart(state: State, severity: str, reason: str, code: int) -> None:
    data = told("mailgun", event(state))["event-data"]

    assert (data["event"], data["severity"], data["reason"]) == ("failed", severity, reason)
    assert data["delivery-status"]["code"] == code


def test_a_message_at_mailgun_is_one_request_a_recipient_and_its_token_stays() -> None:
    first, second = [json.loads(body.octets) for body in bodies("mailgun", message_event())]
    again = [json.loads(body.octets) for body in bodies("mailgun", message_event())]

    assert [first["event-data"]["event"], second["event-data"]["event"]] == ["accepted"] * 2
    assert second["event-data"]["recipient"] == "bob@customer.example"
    assert first["signature"]["token"] != second["signature"]["token"]
    assert again == [first, second]


def test_a_refused_message_at_mailgun() -> None:
    data = json.loads(bodies("mailgun", REJECTED)[0].octets)["event-data"]

    assert data["event"] == "rejected"
    assert data["reject"] == {"reason": "550 5.6.0 Date is missing", "description": ""}


def test_a_bounce_at_postmark() -> None:
    assert told("postmark", event()) == {
        "RecordType": "Bounce",
        "ServerID": 1,
        "MessageStream": "outbound",
        "MessageID": UUID,
        "Tag": "",
        "Metadata": {},
        "ID": 1605256658438933,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Name": "Hard bounce",
        "Description": "The server refused it for good.",
        "Details": "smtp;550 5.1.1 No such user",
        "Email": "ada@customer.example",
        "From": "noreply@shop.example",
        "BouncedAt": "2030-01-01T00:20:00.000Z",
        "DumpAvailable": False,
        "Inactive": True,
        "CanActivate": True,
        "Subject": "Your order",
    }


def test_what_expired_at_postmark_is_a_soft_bounce() -> None:
    given = told("postmark", event(State.EXPIRED))

    assert (given["Type"], given["TypeCode"], given["Inactive"]) == ("SoftBounce", 4096, False)


def test_a_delivery_at_postmark() -> None:
    assert told("postmark", event(State.DELIVERED)) == {
        "RecordType": "Delivery",
        "ServerID": 1,
        "MessageStream": "outbound",
        "MessageID": UUID,
        "Tag": "",
        "Metadata": {},
        "Recipient": "ada@customer.example",
        "DeliveredAt": "2030-01-01T00:20:00.000Z",
        "Details": "250 2.0.0 Ok: delivered",
    }


def test_a_bounce_at_resend() -> None:
    assert told("resend", event()) == {
        "type": "email.bounced",
        "created_at": "2030-01-01T00:20:00.000Z",
        "data": {
            "created_at": "2026-11-24T03:18:04.500Z",
            "email_id": UUID,
            "from": "Shop <noreply@shop.example>",
            "to": ["ada@customer.example"],
            "subject": "Your order",
            "bounce": {
                "message": "550 5.1.1 No such user",
                "subType": "General",
                "type": "Permanent",
            },
        },
    }


@pytest.mark.parametrize(
    ("given", "type", "details"),
    [
        (message_event(), "email.sent", {}),
        (REJECTED, "email.failed", {"failed": {"reason": "550 5.6.0 Date is missing"}}),
        (event(State.DEFERRED), "email.delivery_delayed", {}),
        (event(State.DELIVERED), "email.delivered", {}),
        (
            event(State.EXPIRED),
            "email.bounced",
            {
                "bounce": {
                    "message": "452 4.2.2 The mailbox is full",
                    "subType": "MailboxFull",
                    "type": "Transient",
                }
            },
        ),
        (
            event(State.SUPPRESSED),
            "email.suppressed",
            {
                "suppressed": {
                    "message": "550 5.7.1 The recipient is on the suppression list",
                    "type": "OnAccountSuppressionList",
                }
            },
        ),
    ],
)
def test_an_event_at_resend(given: StatusEvent, type: str, details: dict[str, Any]) -> None:
    whole = told("resend", given)
    common = {"created_at", "email_id", "from", "to", "subject"}

    assert whole["type"] == type
    assert {name: x for name, x in whole["data"].items() if name not in common} == details


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "cloudevents"])
@pytest.mark.parametrize(
    "silent",
    [
        lambda: event(type=EventType.REPORTED, report_id=ID),
        lambda: event(State.DELIVERED, type=EventType.RELAYED),
    ],
)
def test_no_provider_tells_of_reports_and_relays(
    format: str, silent: Callable[[], StatusEvent]
) -> None:
    assert bodies(format, silent()) == []


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "cloudevents"])
def test_a_reply_on_several_lines_is_told_on_one(format: str) -> None:
    given = event(reply=Reply(550, "1.1", "No such user\nLook at https://example.org/"))

    [body] = bodies(format, given)

    assert b"No such user Look at" in body.octets
