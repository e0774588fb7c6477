"""What a settlement is in tables: the rows of each, and the steps that write many of them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msa.envelope import Submission
from sandbox_mta.mta.ports import Attempt, Settlement
from sandbox_mta.mta.status import check
from sandbox_mta.store.statements import Insert, Row, Steps, Update, marks
from sandbox_mta.store.submission_rows import Intake, Stored, clean, insert
from sandbox_mta.store.times import to_microseconds

MAX_EXCHANGER = 255  # characters, as wide as the columns
MAX_RULE = 100
MAX_REASON = 40

_COLUMNS = (
    "state",
    "ready",
    "due_at",
    "attempts",
    "reply_code",
    "reply_enhanced",
    "reply_text",
    "exchanger",
    "reason",
)
_ATTEMPT = (
    "INSERT INTO attempts (recipient, n, position, exchanger, address, preference, stage,"
    " reply_code, reply_enhanced, reply_text, started_at, ended_at, decided_by)"
)
_STATUS = "INSERT INTO statuses (recipient, n, state, attempt, at, recorded_at)"


class LeaseLost(Exception):
    """One settlement of several comes too late; each item must be tried alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledRecipient:
    """A settlement, ready to be written."""

    number: int
    epoch: int
    due_at: int | None  # microseconds of the clock; None: it waits for nothing
    row: Row  # the values of _COLUMNS, then number and epoch
    attempts: tuple[Row, ...]
    status: Row
    settlement: Settlement  # what it was made of, for those who are told
    at: int  # microseconds of the clock
    recorded_at: int  # microseconds of real time


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A settlement, or several that share a report; they are written together or not at all."""

    recipients: tuple[SettledRecipient, ...]
    report: Intake | None

    @property
    def first(self) -> SettledRecipient:
        return self.recipients[0]


def settled(
    settlements: Sequence[Settlement], now: int, intake: Callable[[Submission], Intake]
) -> Settled:
    """Make the rows of settlements at a time of the clock; `intake` prepares their report.

    There are several only when they share it. Raises `IllegalTransition` when the state of one
    can't follow on the one before.
    """
    report = settlements[0].report
    return Settled(
        recipients=tuple(_recipient(each, now) for each in settlements),
        report=None if report is None else intake(report),
    )


def _recipient(settlement: Settlement, now: int) -> SettledRecipient:
    recipient, reply = settlement.recipient, settlement.reply
    check(recipient.state, settlement.state)
    last = settlement.attempts[-1] if settlement.attempts else None
    at = now if last is None else to_microseconds(last.ended_at)
    attempts = recipient.attempts if last is None else last.n
    due_at = None if settlement.due_at is None else to_microseconds(settlement.due_at)
    recorded_at = time.time_ns() // 1000
    return SettledRecipient(
        number=recipient.number,
        epoch=recipient.epoch,
        due_at=due_at,
        row=(
            settlement.state.value,
            0 if due_at is None else 1,
            at if due_at is None else due_at,
            attempts,
            reply.code,
            reply.enhanced,
            clean(reply.text),
            None if last is None else last.exchanger[:MAX_EXCHANGER],
            settlement.reason[:MAX_REASON],
            recipient.number,
            recipient.epoch,
        ),
        attempts=tuple(_attempt(recipient.number, attempt) for attempt in settlement.attempts),
        status=(
            recipient.number,
            recipient.epoch,
            settlement.state.value,
            0 if last is None else last.n,
            at,
            recorded_at,
        ),
        settlement=settlement,
        at=at,
        recorded_at=recorded_at,
    )


def _attempt(number: int, attempt: Attempt) -> Row:
    return (
        number,
        attempt.n,
        attempt.position,
        attempt.exchanger[:MAX_EXCHANGER],
        attempt.address,
        attempt.preference,
        attempt.stage,
        attempt.reply.code,
        attempt.reply.enhanced,
        clean(attempt.reply.text),
        to_microseconds(attempt.started_at),
        to_microseconds(attempt.ended_at),
        attempt.decided_by[:MAX_RULE],
    )


def settle(items: Sequence[Settled]) -> Steps[Sequence[Stored | bool]]:
    """Write settlements, and say of each what its report is stored as, or True, or False when lost.

    A single item whose leases were all lost writes nothing. Raises `LeaseLost` when one of several
    items, or part of an item, lost its lease.
    """
    each = [recipient for item in items for recipient in item.recipients]
    found = yield Update(
        "recipients",
        _COLUMNS,
        keys=("number", "lease_epoch"),
        where="lease_owner IS NOT NULL",  # or a lease could settle twice
        always="lease_owner = NULL, lease_until = NULL",
        rows=[recipient.row for recipient in each],
    )
    if found.count != len(each):
        if len(items) == 1 and not found.count:
            return [False]
        raise LeaseLost
    attempts = [row for recipient in each for row in recipient.attempts]
    if attempts:
        yield Insert(_ATTEMPT, f"({marks(attempts[0])})", attempts)
    yield Insert(_STATUS, "(?, ?, ?, ?, ?, ?)", [recipient.status for recipient in each])
    reports = [item.report for item in items if item.report is not None]
    stored = iter((yield from insert(reports)) if reports else ())
    return [True if item.report is None else next(stored) for item in items]
