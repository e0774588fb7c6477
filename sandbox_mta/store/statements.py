"""What a writer is asked to do, without saying on which database: steps and their results.

A piece of writing is a generator: it yields one step after the other, gets each step's `Result`
back, and returns what its caller wants to know. The same generator runs on SQLite, in the writer's
thread, and on MySQL, on the event loop:

    def forget(number: int) -> Steps[bool]:
        result = yield Statement("DELETE FROM submissions WHERE number = ?", (number,))
        return result.count == 1

    gone = await writer.command(partial(forget, 7))

It runs inside a transaction that others may share. It must do nothing but yield steps and compute,
since it is run again from its start when that transaction fails. `?` stands for a value and must
not occur in the text otherwise.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

Value: TypeAlias = int | str | bytes | None
Row: TypeAlias = tuple[Value, ...]
T = TypeVar("T")


class Statement(NamedTuple):
    """One statement of any kind."""

    sql: str
    values: Row = ()


class Insert(NamedTuple):
    """Many rows for one table, in as few statements as the database allows."""

    into: str  # "INSERT INTO statuses (recipient, n, state)"
    row: str  # "(?, 0, 'queued')"
    rows: Sequence[Row]


class InsertNumbered(NamedTuple):
    """Like `Insert`, for a table that numbers its rows; `Result.numbers` tells the numbers.

    The column `number` comes first in `columns`, and is in no row.
    """

    table: str
    columns: tuple[str, ...]
    rows: Sequence[Row]


class Update(NamedTuple):
    """One row each, found by integer keys; `Result.count` says how many were found.

    A row holds the values of `columns`, then those of `keys`. At least one column must change in
    every row that is found, or MySQL doesn't count it. What all rows have in common is text:
    `where` is a condition besides the keys, `always` sets further columns ("lease_owner = NULL").
    """

    table: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    where: str
    always: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Result:
    """What a step came to."""

    rows: Sequence[tuple[Any, ...]] = ()  # what a query found
    count: int = 0  # rows that were inserted, changed or deleted
    numbers: Sequence[int] = ()  # of an InsertNumbered, in the order of its rows


Step: TypeAlias = Statement | Insert | InsertNumbered | Update
Steps: TypeAlias = Generator[Step, Result, T]


def marks(values: Iterable[object]) -> str:
    """Return as many question marks as there are values, for `IN (...)`."""
    return ", ".join("?" for _ in values)
