"""What clears messages away, in transactions that mail can come in between."""

from collections.abc import Iterable, Iterator, Sequence

from sandbox_mta.store.reading import AnyRow
from sandbox_mta.store.search import POSITIONS
from sandbox_mta.store.statements import Statement, Steps, marks

# Of one transaction: mail that comes in meanwhile waits for no more than this.
BATCH_MESSAGES = 200
BATCH_OCTETS = 32_000_000

_OF_RECIPIENTS = {"attempts": "recipient", "statuses": "recipient", "recipients": "number"}
_OF_SUBMISSION = ("findings", "fixes", "contents", "transcripts")


def bounded(rows: Sequence[AnyRow]) -> Iterator[Sequence[int]]:
    """Cut rows of number and size into batches of at most `BATCH_OCTETS`, or one message."""
    batch: list[int] = []
    octets = 0
    for row in rows:
        if batch and octets + row.size_octets > BATCH_OCTETS:
            yield batch
            batch, octets = [], 0
        batch.append(row.number)
        octets += row.size_octets
    if batch:
        yield batch


def mark(numbers: Sequence[int], read_at: int | None) -> Steps[int]:
    """Mark messages as read at a time, or as unread; return how many were changed."""
    stands = "IS NULL" if read_at is not None else "IS NOT NULL"
    result = yield Statement(
        f"UPDATE submissions SET read_at = ? WHERE read_at {stands}"
        f" AND number IN ({marks(numbers)})",
        (read_at, *numbers),
    )
    return result.count


def delete(numbers: Sequence[int]) -> Steps[int]:
    """Delete messages with all that belongs to them; return how many there were."""
    deleted = 0
    for some in _ranges(numbers):
        of_recipients = (some[0] * POSITIONS, (some[1] + 1) * POSITIONS - 1)
        for table, key in _OF_RECIPIENTS.items():
            yield Statement(f"DELETE FROM {table} WHERE {key} BETWEEN ? AND ?", of_recipients)
        for table in _OF_SUBMISSION:
            yield Statement(f"DELETE FROM {table} WHERE submission BETWEEN ? AND ?", some)
        result = yield Statement("DELETE FROM submissions WHERE number BETWEEN ? AND ?", some)
        deleted += result.count
    return deleted


def _ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Join numbers that follow each other, so that most batches are one range."""
    joined: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if joined and joined[-1][1] == number - 1:
            joined[-1] = (joined[-1][0], number)
        else:
            joined.append((number, number))
    return joined
