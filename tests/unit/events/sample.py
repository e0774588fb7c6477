"""Status events for tests, with what a test doesn't care about."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from msa.reply import Reply
from sandbox_mta.events.event import EventType, Route, StatusEvent, type_of
from sandbox_mta.mta.status import State

ID = "0fYk2mQpX8sT4vB6nC1dZa"
REPLIES = {
    State.DELIVERED: Reply(250, "0.0", "Ok: delivered"),
    State.DEFERRED: Reply(452, "2.2", "The mailbox is full"),
    State.BOUNCED: Reply(550, "1.1", "No such user"),
    State.EXPIRED: Reply(452, "2.2", "The mailbox is full"),
    State.SUPPRESSED: Reply(550, "7.1", "The recipient is on the suppression list"),
}


def event(state: State = State.BOUNCED, **fields: Any) -> StatusEvent:
    """Make the event of a recipient that reached a state at its second attempt."""
    made: dict[str, Any] = {
        "id": "5b3f8f0e-64b1-5e3a-9c37-b3c9f1f3a001",
        "type": type_of(state),
        "at": datetime(2030, 1, 1, 0, 20, tzinfo=UTC),
        "recorded_at": datetime(2026, 11, 24, 3, 18, 5, 120000, tzinfo=UTC),
        "submission_id": ID,
        "reverse_path": "noreply@shop.example",
        "forward_paths": ("ada@customer.example",),
        "accepted_at": datetime(2026, 11, 24, 3, 18, 4, 500000, tzinfo=UTC),
        "message_id": "<m1@shop.example>",
        "author": "Shop <noreply@shop.example>",
        "subject": "Your order",
        "position": 0,
        "state": state,
        "previous_state": State.DEFERRED,
        "attempt": 2,
        "next_attempt_at": datetime(2030, 1, 1, 0, 40, tzinfo=UTC)
        if state is State.DEFERRED
        else None,
        "reason": {
            State.BOUNCED: "user-unknown",
            State.DELIVERED: "",
            State.EXPIRED: "expired",
        }.get(state, "mailbox-full"),
        "reply": REPLIES[state],
        "route": Route(
            exchanger="mx.customer.example",
            address="192.0.2.1",
            preference=10,
            stage="rcpt",
            decided_by="magic:bounce",
        ),
    }
    return StatusEvent(**{**made, **fields})


def message_event(type: EventType = EventType.RECEIVED, reply: Reply | None = None) -> StatusEvent:
    """Make an event about a message as a whole."""
    return replace(
        event(),
        type=type,
        forward_paths=("ada@customer.example", "bob@customer.example"),
        position=None,
        state=None,
        previous_state=None,
        attempt=0,
        reason="",
        reply=reply,
        route=None,
    )
