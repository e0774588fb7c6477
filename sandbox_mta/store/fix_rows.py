"""Fixes on their way from the lint worker into the table `fixes`, and back out of it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msa.fix.edit import Edit, Fixed, Suppressed
from sandbox_mta.store.statements import Insert, Row, Steps, marks

MAX_NAME = 100  # characters of a field's name; it has no bound of its own
MAX_TEXT = 300  # characters of a sentence, which may quote a name

_FIX = (
    "INSERT INTO fixes (submission, n, name, part, reference, text, `offset`, size_octets,"
    " octets, encoding, reason)"
)

Fields = Sequence[Any]  # of a fix, in the order of the columns, octets as Latin-1: fit for JSON


def fix_fields(fixed: Fixed) -> list[Fields]:
    """Return the fields of what was fixed, then of what was suppressed."""
    return [*map(_edit_fields, fixed.edits), *map(_suppressed_fields, fixed.suppressed)]


def _edit_fields(edit: Edit) -> Fields:
    where = (edit.start, edit.end - edit.start, edit.octets.decode("latin-1"), edit.encoding)
    return (edit.name[:MAX_NAME], edit.part, edit.reference, edit.text[:MAX_TEXT], *where, "")


def _suppressed_fields(one: Suppressed) -> Fields:
    said = (one.name[:MAX_NAME], one.part, one.reference, one.text[:MAX_TEXT])
    return (*said, None, None, None, "", one.reason[:MAX_TEXT])


def read_fixed(rows: Iterable[Fields]) -> Fixed:
    """Make what `fix_fields` took apart; octets may be Latin-1 text or octets."""
    edits: list[Edit] = []
    suppressed: list[Suppressed] = []
    for name, part, reference, text, offset, size, octets, encoding, reason in rows:
        said = {"name": name, "part": part, "reference": reference, "text": text}
        if offset is None:
            suppressed.append(Suppressed(**said, reason=reason))
        else:
            written = octets.encode("latin-1") if isinstance(octets, str) else bytes(octets)
            place = {"start": offset, "end": offset + size, "octets": written}
            edits.append(Edit(**said, **place, encoding=encoding))
    return Fixed(tuple(edits), tuple(suppressed))


def insert_fixes(found: Iterable[tuple[int, Sequence[Fields]]]) -> Steps[None]:
    """Write the fixes of submissions, given by their numbers."""
    rows = [row for number, fixes in found for row in _rows(number, fixes)]
    if rows:
        yield Insert(_FIX, f"({marks(rows[0])})", rows)


def _rows(number: int, fixes: Sequence[Fields]) -> Iterator[Row]:
    for n, (name, part, reference, text, offset, size, octets, encoding, reason) in enumerate(
        fixes
    ):
        written = None if octets is None else octets.encode("latin-1")
        said = (name, part, reference, text)
        yield (number, n, *said, offset, size, written, encoding, reason)
