"""What happened, as rows of the outbox, written in the transaction in which it happened."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from msa.envelope import Kind
from msa.message.summary import summarise
from sandbox_mta.events.event import EventType, Route, StatusEvent, dumps, event_id, type_of
from sandbox_mta.events.outbox import Channel
from sandbox_mta.mta.ports import Attempt
from sandbox_mta.store.settlement_rows import Settled, SettledRecipient
from sandbox_mta.store.statements import Insert, Row, Statement, Steps, marks
from sandbox_mta.store.submission_rows import Intake, Stored, clean, recipient_number
from sandbox_mta.store.times import to_datetime, to_microseconds

POSITION_BITS = 10
_ROW = (
    "INSERT INTO status_outbox (channel, id, type, submission, `at`, data, due_at, tries)",
    "(?, ?, ?, ?, ?, ?, ?, 0)",
)


class _Head(NamedTuple):
    author: str
    subject: str
    message_id: str
    accepted_at: int


def tell_settled(
    channels: Collection[Channel], items: Sequence[Settled], outcomes: Sequence[Stored | bool]
) -> Steps[None]:
    """Write the events of settlements; those that were lost have none, nor do reports."""
    settled = [
        (item, outcome)
        for item, outcome in zip(items, outcomes, strict=True)
        if outcome is not False and item.first.settlement.recipient.kind is Kind.MAIL
    ]
    if settled:
        numbers = {item.first.number >> POSITION_BITS for item, _ in settled}
        heads = yield from _heads(sorted(numbers))
        yield from _insert(channels, _of_settlements(settled, heads))


def tell_stored(
    channels: Collection[Channel], items: Sequence[Intake], outcomes: Sequence[Stored]
) -> Steps[None]:
    """Write the events of submissions that were stored; a repeat has none, nor has a report."""
    fresh = [
        (stored.number, _of_submission(item))
        for item, stored in zip(items, outcomes, strict=True)
        if stored.number and item.submission.kind is Kind.MAIL
    ]
    yield from _insert(channels, fresh)


def _insert(
    channels: Collection[Channel], events: Iterable[tuple[int, StatusEvent]]
) -> Steps[None]:
    rows: list[Row] = []
    for number, event in events:
        at, due_at = to_microseconds(event.at), to_microseconds(event.recorded_at)
        data = clean(dumps(event))
        rows += [
            (channel.value, event.id, event.type.value, number, at, data, due_at)
            for channel in channels
        ]
    if rows:
        yield Insert(*_ROW, rows)


def _heads(numbers: Sequence[int]) -> Steps[Mapping[int, _Head]]:
    found = yield Statement(
        "SELECT number, author, subject, message_id, accepted_at FROM submissions"
        f" WHERE number IN ({marks(numbers)})",
        tuple(numbers),
    )
    return {row[0]: _Head(*row[1:]) for row in found.rows}


def _of_settlements(
    settled: Iterable[tuple[Settled, Stored | bool]], heads: Mapping[int, _Head]
) -> Iterator[tuple[int, StatusEvent]]:
    for item, outcome in settled:
        number = item.first.number >> POSITION_BITS
        head = heads.get(number)
        if head is None:  # a message may be deleted while it is delivered
            continue
        for one in item.recipients:
            type = type_of(one.settlement.state)
            if type is None:
                continue
            event = _of_settlement(one, type, head)
            yield number, event
            if isinstance(outcome, Stored):
                id = event_id(event.submission_id, event.position, EventType.REPORTED, one.epoch)
                yield (
                    number,
                    replace(event, id=id, type=EventType.REPORTED, report_id=outcome.id),
                )


def _of_settlement(one: SettledRecipient, type: EventType, head: _Head) -> StatusEvent:
    settlement = one.settlement
    recipient = settlement.recipient
    position = one.number - recipient_number(one.number >> POSITION_BITS, 0)
    last = settlement.attempts[-1] if settlement.attempts else None
    return StatusEvent(
        id=event_id(recipient.submission_id, position, type, one.epoch),
        type=type,
        at=to_datetime(one.at),
        recorded_at=to_datetime(one.recorded_at),
        submission_id=recipient.submission_id,
        reverse_path=recipient.reverse_path,
        forward_paths=(recipient.recipient.forward_path,),
        accepted_at=to_datetime(head.accepted_at),
        message_id=head.message_id,
        author=head.author,
        subject=head.subject,
        position=position,
        state=settlement.state,
        previous_state=recipient.state,
        attempt=0 if last is None else last.n,
        next_attempt_at=settlement.due_at,
        reason=settlement.reason,
        reply=settlement.reply,
        route=None if last is None else _route(last),
    )


def _route(last: Attempt) -> Route:
    return Route(
        exchanger=last.exchanger,
        address=last.address,
        preference=last.preference,
        stage=last.stage,
        decided_by=last.decided_by,
    )


def _of_submission(item: Intake) -> StatusEvent:
    submission, summary = item.submission, summarise(item.submission.content)
    type = EventType.RECEIVED if item.refusal is None else EventType.REJECTED
    return StatusEvent(
        id=event_id(submission.id, None, type, 0),
        type=type,
        at=to_datetime(item.queued_at),
        recorded_at=submission.accepted_at,
        submission_id=submission.id,
        reverse_path=submission.envelope.reverse_path,
        forward_paths=tuple(each.forward_path for each in submission.envelope.recipients),
        accepted_at=submission.accepted_at,
        message_id=summary.message_id,
        author=summary.author,
        subject=summary.subject,
        reply=item.refusal,
    )
