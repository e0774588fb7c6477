"""What was fixed, as lines taken out and lines put in; pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from msa.fix.edit import BODY, Edit, Fixed, Suppressed, encode
from sandbox_mta.store.stored import StoredMessage

SHOWN_LINES = 12  # on each side of a change
SHOWN_CHARACTERS = 200  # of a line
SHOWN_OCTETS = 4_096  # of a range; the rest is there to download


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One edit for show: whole lines, the one before them as context."""

    name: str
    part: str
    reference: str
    text: str
    context: str
    taken_out: tuple[str, ...]
    put_in: tuple[str, ...]
    is_cut: bool  # more lines are changed than are shown
    line: int  # of the submitted content, from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixes:
    """The page of a message's fixes."""

    state: str  # "pending", "refused", "off" or "done"
    changes: tuple[Change, ...]
    suppressed: tuple[Suppressed, ...]


def fixes(message: StoredMessage, content: bytes) -> Fixes:
    """Lay out what was fixed in a message, and what was left alone."""
    fixed = message.fixed or Fixed()
    state = "done" if message.fixed is not None else "off"
    if message.accepted_at is None:
        state = "refused"
    elif not message.is_linted:
        state = "pending"
    return Fixes(
        state=state,
        changes=tuple(changes(content, fixed.edits)),
        suppressed=fixed.suppressed,
    )


def changes(content: bytes, edits: Iterable[Edit]) -> Iterator[Change]:
    """Show edits, given in the order of their octets."""
    line, counted = 1, 0
    for edit in edits:
        line += content.count(b"\n", counted, edit.start)
        counted = edit.start
        yield _change(content, edit, line)


def _change(content: bytes, edit: Edit, line: int) -> Change:
    start = content.rfind(b"\n", 0, edit.start) + 1
    end = _line_end(content, edit)
    before = content[start : min(edit.start, start + SHOWN_OCTETS)]
    after = content[edit.end : end]
    context = content.rfind(b"\n", 0, max(0, start - 1)) + 1
    taken, is_cut = _lines(before + content[edit.start : edit.end][:SHOWN_OCTETS] + after)
    put_in, is_cut_too = _lines(before + _beginning(content, edit) + after)
    return Change(
        name="Body" if edit.name == BODY else edit.name,
        part=edit.part,
        reference=edit.reference,
        text=edit.text[:1].upper() + edit.text[1:] + ".",
        context=_shown(content[context : min(start, context + SHOWN_OCTETS)]),
        taken_out=taken,
        put_in=put_in,
        is_cut=is_cut or is_cut_too or edit.end - edit.start > SHOWN_OCTETS,
        line=line,
    )


def _line_end(content: bytes, edit: Edit) -> int:
    """Return where the last line that an edit touches ends."""
    if edit.end == 0 or content[edit.end - 1] == 0x0A:
        return edit.end
    end = content.find(b"\n", edit.end, edit.end + SHOWN_OCTETS)
    return end + 1 if end >= 0 else edit.end


def _beginning(content: bytes, edit: Edit) -> bytes:
    """Return the beginning of what is put in, without encoding all of a large body."""
    if not edit.encoding:
        return edit.octets[:SHOWN_OCTETS]
    return encode(content[edit.start : edit.end][:SHOWN_OCTETS], edit.encoding)


def _lines(octets: bytes) -> tuple[tuple[str, ...], bool]:
    lines = octets.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return tuple(map(_shown, lines[:SHOWN_LINES])), len(lines) > SHOWN_LINES


def _shown(line: bytes) -> str:
    text = line.rstrip(b"\r\n").decode("utf-8", "replace")
    text = "".join(each if each.isprintable() or each == "\t" else "\ufffd" for each in text)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
