import json
from dataclasses import replace

import pytest

from msa.reply import Reply
from sandbox_mta.events import cloudevents
from sandbox_mta.events.event import EventType, StatusEvent, dumps, event_id, loads, type_of
from sandbox_mta.mta.status import State
from tests.unit.events.sample import ID, event, message_event

REJECTED = message_event(EventType.REJECTED, Reply(550, "6.0", "Date is missing"))


@pytest.mark.parametrize(
    "given",
    [
        event(),
        event(State.DEFERRED),
        event(type=EventType.REPORTED, report_id=ID),
        event(route=None, reply=Reply(421, "", "Bye")),
        message_event(),
        REJECTED,
    ],
    ids=lambda given: given.type,
)
def test_an_event_is_read_as_it_was_written(given: StatusEvent) -> None:
    assert loads(given.id, given.type, given.at, dumps(given)) == given


def test_a_structured_cloudevent_has_every_word_of_ours() -> None:
    assert json.loads(cloudevents.structured(event(State.DEFERRED), "sandbox.test")) == {
        "specversion": "1.0",
        "id": "5b3f8f0e-64b1-5e3a-9c37-b3c9f1f3a001",
        "source": "/sandbox-mta/sandbox.test",
        "type": "test.sandbox.recipient.deferred.v1",
        "subject": f"messages/{ID}/recipients/0",
        "time": "2030-01-01T00:20:00.000000Z",
        "datacontenttype": "application/json",
        "data": {
            "submission_id": ID,
            "message_id": "<m1@shop.example>",
            "author": "Shop <noreply@shop.example>",
            "subject": "Your order",
            "reverse_path": "noreply@shop.example",
            "forward_path": "ada@customer.example",
            "position": 0,
            "state": "deferred",
            "previous_state": "deferred",
            "action": "delayed",
            "attempt": 2,
            "next_attempt_at": "2030-01-01T00:40:00.000000Z",
            "reason": "mailbox-full",
            "reply": {"code": 452, "enhanced": "4.2.2", "text": "The mailbox is full"},
            "stage": "rcpt",
            "exchanger": "mx.customer.example",
            "address": "192.0.2.1",
            "preference": 10,
            "decided_by": "magic:bounce",
            "accepted_at": "2026-11-24T03:18:04.500000Z",
            "recorded_at": "2026-11-24T03:18:05.120000Z",
        },
    }


def test_an_event_about_a_message_names_all_its_recipients() -> None:
    told = json.loads(cloudevents.structured(REJECTED, "sandbox.test"))

    assert told["subject"] == f"messages/{ID}"
    assert told["data"]["forward_paths"] == ["ada@customer.example", "bob@customer.example"]
    assert told["data"]["reply"]["code"] == 550


def test_a_binary_cloudevent_has_its_attributes_in_the_headers_of_kafka() -> None:
    headers, value = cloudevents.binary(event(), "sandbox.test")

    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"5b3f8f0e-64b1-5e3a-9c37-b3c9f1f3a001",
        "ce_source": b"/sandbox-mta/sandbox.test",
        "ce_type": b"test.sandbox.recipient.bounced.v1",
        "ce_subject": f"messages/{ID}/recipients/0".encode(),
        "ce_time": b"2030-01-01T00:20:00.000000Z",
        "content-type": b"application/json",
    }
    assert json.loads(value) == event().data()


def test_an_id_is_the_same_for_the_same_thing_and_no_other() -> None:
    first = event_id(ID, 0, EventType.DEFERRED, 1)

    assert first == event_id(ID, 0, EventType.DEFERRED, 1)
    others = {
        event_id(ID, 1, EventType.DEFERRED, 1),
        event_id(ID, 0, EventType.DEFERRED, 2),
        event_id(ID, 0, EventType.DELIVERED, 1),
        event_id(ID[::-1], 0, EventType.DEFERRED, 1),
    }
    assert first not in others
    assert len(others) == 4


def test_nobody_is_told_of_states_on_the_way() -> None:
    told = {state for state in State if type_of(state) is not None}

    assert told == {
        *(State.DEFERRED, State.DELIVERED, State.RELAYED),
        *(State.BOUNCED, State.EXPIRED, State.SUPPRESSED),
    }


def test_text_that_is_not_ascii_stays_readable() -> None:
    assert "Grüße" in dumps(replace(event(), subject="Grüße"))
