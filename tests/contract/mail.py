"""Submissions and settlements for the contract's tests, with what a test doesn't care about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from msa.envelope import Client, Envelope, Recipient, Submission
from msa.identifier import new_id
from msa.lint.finding import Finding, Severity
from msa.reply import Reply
from sandbox_mta.mta.ports import Attempt, QueuedRecipient, Settlement
from sandbox_mta.mta.status import State

CONTENT = b"From: Ada <ada@example.org>\r\nSubject: Hello\r\n\r\nGood morning.\r\n"
DELIVERED = Reply(250, "0.0", "Ok: delivered")
DEFERRED = Reply(451, "4.1", "Try again later")
BOUNCED = Reply(550, "1.1", "No such user")


def submission(
    content: bytes = CONTENT, *, recipients: tuple[Recipient, ...] | int = 1, **fields: Any
) -> Submission:
    """Make a submission; a number of recipients makes r0@, r1@, ..."""
    if isinstance(recipients, int):
        recipients = tuple(Recipient(f"r{n}@customer.example") for n in range(recipients))
    envelope = Envelope(
        reverse_path=fields.pop("reverse_path", "app@shop.example"),
        recipients=recipients,
        **{name: fields.pop(name) for name in ("ret", "envid", "smtputf8") if name in fields},
    )
    made: dict[str, Any] = {
        "id": new_id(),
        "accepted_at": datetime(2026, 11, 24, 12, tzinfo=UTC),
        "client": Client(address="127.0.0.1", helo="client.example"),
    }
    return Submission(envelope=envelope, content=content, **{**made, **fields})


def finding(code: str = "HDR001", **fields: Any) -> Finding:
    made: dict[str, Any] = {
        "name": "date-missing",
        "severity": Severity.ERROR,
        "text": "there is no Date field",
        "part": "",
        "offset": None,
        "line": None,
        "column": None,
        "evidence": "",
        "reference": "RFC 5322 section 3.6",
        "fix": "Add a Date field",
    }
    return Finding(code=code, **{**made, **fields})


def settlement(
    recipient: QueuedRecipient, state: State = State.DELIVERED, **fields: Any
) -> Settlement:
    """Settle a recipient with one attempt that led to a state."""
    replies = {State.DELIVERED: DELIVERED, State.DEFERRED: DEFERRED}
    reply = replies.get(state, BOUNCED)
    started_at = recipient.queued_at + timedelta(seconds=1)
    attempt = Attempt(
        n=recipient.attempts + 1,
        position=0,
        exchanger="mx.customer.example",
        address="192.0.2.1",
        preference=10,
        stage="rcpt",
        reply=reply,
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=2),
        decided_by="default",
    )
    made: dict[str, Any] = {"reply": reply, "attempts": (attempt,), "reason": ""}
    return Settlement(recipient=recipient, state=state, **{**made, **fields})
