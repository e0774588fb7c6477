"""What the list of messages shows: rows, grouped by day, filters and pages; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from msa.envelope import Kind
from msa.lint.finding import Severity
from sandbox_mta.store.stored import Position, Summary
from sandbox_mta.web.api import instant
from sandbox_mta.web.facts import Facts
from sandbox_mta.web.pages.place import Place, link
from sandbox_mta.web.pages.states import count_states, mark_of

PAGE_ROWS = 50
MAX_MARKS = 4  # status shapes in a row

# The chips above the list: a word of the query, its name, and its shape.
FILTERS = (
    ("", "All", ""),
    ("state:bounced", "Bounced", "bad"),
    ("state:deferred", "Deferred", "warn"),
    ("state:rejected", "Refused", "bad"),
    ("kind:dsn", "Reports", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One message of the list."""

    id: str
    href: str
    who: str
    more: int
    time: str
    instant: str
    subject: str
    snippet: str
    is_unread: bool
    is_current: bool
    marks: tuple[str, ...]
    states: str
    lint: int
    files: str  # how many are attached; "" for none
    tag: str


@dataclass(frozen=True, slots=True)
class Chip:
    href: str
    name: str
    mark: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The list as a page shows it."""

    days: tuple[tuple[str, tuple[Row, ...]], ...]
    chips: tuple[Chip, ...]
    total_text: str
    range_text: str
    newest: str  # link to the first page; "" on it
    older: str  # link to the next page; "" on the last
    previous_row: str  # links to the rows beside the open one; "" without one
    next_row: str
    newest_id: str  # of the messages counted; "" when there is none

    @property
    def rows(self) -> int:
        return sum(len(rows) for _, rows in self.days)


def listing(
    summaries: Sequence[Summary],
    facts: Mapping[str, Facts],
    position: Position,
    *,
    place: Place,
    opened: tuple[str, str],
    today: date,
) -> Listing:
    """Lay out one page of the list; `summaries` has one row more than a page if there is more.

    `opened` are the id and the tab of the message beside it; "" for none.
    """
    shown = summaries[:PAGE_ROWS]
    is_last = len(summaries) <= PAGE_ROWS
    rows = [_row(summary, facts[summary.id], place, opened) for summary in shown]
    previous_row, next_row = _neighbours(rows)
    days = groupby(zip(shown, rows, strict=True), key=lambda pair: pair[0].arrived_at.date())
    return Listing(
        days=tuple((_day(day, today), tuple(row for _, row in group)) for day, group in days),
        chips=tuple(
            Chip(link("/inbox", q=words), name, mark, is_current=place.q == words)
            for words, name, mark in FILTERS
        ),
        total_text=_count_text(position.total),
        range_text=_range_text(len(shown), position.total, place, is_last=is_last),
        newest=link("/inbox", q=place.q) if place.before else "",
        older="" if is_last else link("/inbox", q=place.q, before=shown[-1].number),
        previous_row=previous_row,
        next_row=next_row,
        newest_id="" if place.before or place.q or not shown else shown[0].id,
    )


def _neighbours(rows: Sequence[Row]) -> tuple[str, str]:
    at = next((index for index, row in enumerate(rows) if row.is_current), None)
    if at is None:
        return "", ""
    return (
        rows[at - 1].href if at else "",
        rows[at + 1].href if at + 1 < len(rows) else "",
    )


def _day(day: date, today: date) -> str:
    return "Today" if day == today else f"{day:%A}, {day.day} {day:%B %Y}"


def _range_text(shown: int, total: int, place: Place, *, is_last: bool) -> str:
    if place.before is None and not place.q:
        return f"1 to {shown} of {total:,}" if shown else ""
    if place.before is None and is_last:
        return f"{shown} found"
    return _count_text(shown) + " on this page"


def _count_text(count: int) -> str:
    return f"{count:,} message" + ("" if count == 1 else "s")


def _row(summary: Summary, facts: Facts, place: Place, opened: tuple[str, str]) -> Row:
    states = [state.value for state, count in summary.states.items() for _ in range(count)]
    first = next(iter(summary.forward_paths), "")
    current, tab = opened
    return Row(
        id=summary.id,
        href=place.link(f"/m/{summary.id}/{tab or 'preview'}"),
        who=facts.name_of(first) or first or "(no recipient)",
        more=max(0, summary.recipients - 1),
        time=f"{summary.arrived_at:%H:%M:%S}",
        instant=instant(summary.arrived_at),
        subject=summary.subject,
        snippet=facts.snippet,
        is_unread=not summary.is_read,
        is_current=summary.id == current,
        marks=_marks(states),
        states=_states(states),
        lint=_problems(summary.severities),
        files=_files(facts),
        tag=_tag(summary),
    )


def _marks(states: Sequence[str]) -> tuple[str, ...]:
    counted = count_states(states)
    if len(states) > MAX_MARKS:
        return tuple(dict.fromkeys(mark for mark, _ in counted))
    ordered = list(dict.fromkeys(mark for mark, _ in counted))
    return tuple(sorted((mark_of(state) for state in states), key=ordered.index))


def _states(states: Sequence[str]) -> str:
    if len(states) == 1:
        return states[0]
    if len(set(states)) == 1:
        return f"all {len(states)} {states[0]}"
    return ", ".join(text for _, text in count_states(states))


def _problems(severities: Mapping[Severity, int]) -> int:
    return severities.get(Severity.ERROR, 0) + severities.get(Severity.WARNING, 0)


def _files(facts: Facts) -> str:
    if not facts.attachments:
        return ""
    return f"{facts.attachments}" + ("" if facts.is_whole else "+")


def _tag(summary: Summary) -> str:
    if summary.event:
        return summary.event.template
    return "delivery report" if summary.kind is Kind.DSN else ""
