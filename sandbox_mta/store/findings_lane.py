"""What the lint worker found and fixed, on its way into the database."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from msa.lint.finding import Finding, Severity
from sandbox_mta.store.fix_rows import insert_fixes
from sandbox_mta.store.statements import Insert, Statement, Steps, marks
from sandbox_mta.store.submission_rows import FINDING, clean
from sandbox_mta.store.writer import Lane

log = logging.getLogger(__name__)

Fields = Sequence[Any]  # of a finding, in the order of the dataclass
Found = tuple[int, Sequence[Fields], Sequence[Fields] | None]  # number, findings, fixes


class FindingsLane(Lane[Found, bool]):
    """Results that wait for a commit to ride with."""

    rides = True

    def __init__(self, pump: Callable[[], None]) -> None:
        super().__init__()
        self._pump = pump

    def write(self, items: Sequence[Found]) -> Steps[Sequence[bool]]:
        """Write the findings of submissions that are there and not linted by somebody else."""
        found = {number: findings for number, findings, _ in items}
        fixes = {number: some for number, _, some in items if some is not None}
        numbers = tuple(found)
        where = f"number IN ({marks(numbers)}) AND linted_at IS NULL"
        pending = (yield Statement(f"SELECT number FROM submissions WHERE {where}", numbers)).rows
        if pending:
            now = time.time_ns() // 1000
            yield Statement(f"UPDATE submissions SET linted_at = ? WHERE {where}", (now, *numbers))
            fixed = tuple(number for (number,) in pending if number in fixes)
            if fixed:
                where = f"number IN ({marks(fixed)})"
                yield Statement(f"UPDATE submissions SET fixed_at = ? WHERE {where}", (now, *fixed))
            yield from insert_fixes([(number, fixes[number]) for number in fixed])
        rows = [
            (number, n, *map(_storable, fields))
            for (number,) in pending
            for n, fields in enumerate(found[number])
        ]
        if rows:
            yield Insert(FINDING, f"({marks(rows[0])})", rows)
        return [True] * len(items)

    def written(self, items: Sequence[Found], outcomes: Sequence[bool]) -> None:
        self._pump()

    def failed(self, item: Found, error: Exception) -> None:
        log.error("the findings of submission %d can't be stored", item[0], exc_info=error)
        self._pump()


def _storable(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value


def read_finding(fields: Fields) -> Finding:
    """Make a finding of its fields."""
    finding = Finding(**dict(zip(Finding.__slots__, fields, strict=True)))
    return replace(finding, severity=Severity(finding.severity))
