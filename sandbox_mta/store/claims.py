"""Recipients that are handed out: in memory right after they were stored, or claimed by SQL."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from msa.envelope import Envelope, Kind, Recipient
from sandbox_mta.mta.ports import QueuedRecipient
from sandbox_mta.mta.status import State
from sandbox_mta.store.statements import Statement, Steps, marks
from sandbox_mta.store.submission_rows import Intake, Lease, recipient_number
from sandbox_mta.store.times import to_datetime

DUE = "FROM recipients WHERE ready = 1 AND due_at <= ? ORDER BY due_at, number LIMIT ?"
_TAKE = (
    "UPDATE recipients SET ready = 0, lease_owner = ?, lease_until = ?,"
    " lease_epoch = lease_epoch + 1 WHERE number IN"
)
_CLAIMED = """\
SELECT r.number, r.lease_epoch, s.id, s.kind, s.reverse_path, s.ret, s.envid, s.smtputf8,
  s.size_octets, r.forward_path, r.notify, r.orcpt, r.state, r.attempts, r.queued_at,
  s.asks_outcome
FROM recipients r JOIN submissions s ON s.number = r.number >> 10
WHERE r.number IN ({marks}) ORDER BY r.due_at, r.number"""


class Handed(NamedTuple):
    """One recipient handed over in memory."""

    number: int
    recipient: Recipient
    submission_id: str
    kind: Kind
    envelope: Envelope
    size_octets: int
    queued_at: int  # microseconds of the clock
    asks: bool

    def queued(self) -> QueuedRecipient:
        envelope = self.envelope
        return QueuedRecipient(
            number=self.number,
            epoch=1,
            submission_id=self.submission_id,
            kind=self.kind,
            reverse_path=envelope.reverse_path,
            ret=envelope.ret,
            envid=envelope.envid,
            smtputf8=envelope.smtputf8,
            size_octets=self.size_octets,
            recipient=self.recipient,
            state=State.QUEUED,
            attempts=0,
            queued_at=to_datetime(self.queued_at),
            asks=self.asks,
        )


def handed(intake: Intake, number: int) -> Iterator[Handed]:
    """Yield the recipients of a submission that was stored under a number."""
    submission = intake.submission
    size = len(submission.content)
    asks = bool(intake.row[-1])  # the columns of a submission end in `asks_outcome`
    for position, recipient in enumerate(submission.envelope.recipients):
        yield Handed(
            recipient_number(number, position),
            recipient,
            submission.id,
            submission.kind,
            submission.envelope,
            size,
            intake.queued_at,
            asks,
        )


def claim(
    dialect: str, lease: Lease, due: int, limit: int
) -> Steps[tuple[list[QueuedRecipient], int | None]]:
    """Lease recipients that are due, and say when the earliest of the others is."""
    if dialect == "sqlite":
        sql = f"{_TAKE} (SELECT number {DUE}) RETURNING number"
        rows = (yield Statement(sql, (*lease, due, limit))).rows
        numbers = [number for (number,) in rows]
    else:
        # Rows that another worker is taking are passed over instead of waited for.
        sql = f"SELECT number {DUE} FOR UPDATE SKIP LOCKED"
        rows = (yield Statement(sql, (due, limit))).rows
        numbers = [number for (number,) in rows]
        if numbers:
            yield Statement(f"{_TAKE} ({marks(numbers)})", (*lease, *numbers))
    next_due = (yield Statement("SELECT MIN(due_at) FROM recipients WHERE ready = 1")).rows[0][0]
    if not numbers:
        return [], next_due
    claimed = yield Statement(_CLAIMED.format(marks=marks(numbers)), tuple(numbers))
    return [_queued(row) for row in claimed.rows], next_due


def _queued(row: tuple[Any, ...]) -> QueuedRecipient:
    number, epoch, id, kind, reverse_path, ret, envid, smtputf8, size, *rest = row
    forward_path, notify, orcpt, state, attempts, queued_at, asks = rest
    return QueuedRecipient(
        number=number,
        epoch=epoch,
        submission_id=id,
        kind=Kind(kind),
        reverse_path=reverse_path,
        ret=ret,
        envid=envid,
        smtputf8=bool(smtputf8),
        size_octets=size,
        recipient=Recipient(
            forward_path, None if notify is None else tuple(notify.split(",")), orcpt
        ),
        state=State(state),
        attempts=attempts,
        queued_at=to_datetime(queued_at),
        asks=bool(asks),
    )
