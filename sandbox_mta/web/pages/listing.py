"""What the list of messages shows: rows, grouped by day, filters and pages; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from urllib.parse import urlencode

from msa.lint.finding import Severity
from sandbox_mta.store.stored import Position, Summary
from sandbox_mta.web.api import instant
from sandbox_mta.web.pages.journey import count_states, mark_of

PAGE_ROWS = 50
MAX_MARKS = 4  # status shapes in a row

# The chips above the list: a word of the query, its name, and its shape.
FILTERS = (
    ("", "All", ""),
    ("state:bounced", "Bounced", "bad"),
    ("state:deferred", "Deferred", "warn"),
    ("kind:dsn", "Reports", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One message of the list."""

    href: str
    who: str
    more: int
    time: str
    instant: str
    subject: str
    author: str
    is_unread: bool
    is_current: bool
    marks: tuple[str, ...]
    states: str
    lint: int
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

    rows: int
    days: tuple[tuple[str, tuple[Row, ...]], ...]
    chips: tuple[Chip, ...]
    total_text: str
    range_text: str
    newer: str
    older: str


def link(path: str, **words: str | int | None) -> str:
    """Write a link, leaving out what is empty."""
    given = {name: value for name, value in words.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def listing(
    summaries: Sequence[Summary],
    position: Position,
    *,
    q: str,
    before: int | None,
    current: str,
    today: datetime,
) -> Listing:
    """Lay out one page of the list; `summaries` has one row more than a page if there is more."""
    shown = summaries[:PAGE_ROWS]
    days = groupby(shown, key=lambda summary: summary.arrived_at.date())
    is_last = len(summaries) <= PAGE_ROWS
    oldest = shown[-1].number if shown else 0
    return Listing(
        rows=len(shown),
        days=tuple(
            (
                "Today" if day == today.date() else f"{day:%A, %d %B %Y}",
                tuple(_row(summary, q=q, before=before, current=current) for summary in group),
            )
            for day, group in days
        ),
        chips=tuple(
            Chip(link("/inbox", q=words), name, mark, is_current=q == words)
            for words, name, mark in FILTERS
        ),
        total_text=_count_text(position.total),
        range_text=_count_text(len(shown)) + ("" if is_last and not before else " on this page"),
        newer=link("/inbox", q=q) if before else "",
        older="" if is_last else link("/inbox", q=q, before=oldest),
    )


def _count_text(count: int) -> str:
    return f"{count:,} message" + ("" if count == 1 else "s")


def _row(summary: Summary, *, q: str, before: int | None, current: str) -> Row:
    states = [state.value for state, count in summary.states.items() for _ in range(count)]
    counted = count_states(states)
    single = len(counted) == 1 and summary.recipients == 1
    problems = summary.severities.get(Severity.ERROR, 0) + summary.severities.get(
        Severity.WARNING, 0
    )
    paths = summary.forward_paths
    return Row(
        href=link(f"/m/{summary.id}/preview", q=q, before=before),
        who=paths[0] if paths else "(no recipient)",
        more=max(0, summary.recipients - 1),
        time=f"{summary.arrived_at:%H:%M:%S}",
        instant=instant(summary.arrived_at),
        subject=summary.subject,
        author=summary.author,
        is_unread=not summary.is_read,
        is_current=summary.id == current,
        marks=tuple(mark_of(state) for state in states[:MAX_MARKS])
        if summary.recipients <= MAX_MARKS
        else tuple(dict.fromkeys(mark for mark, _ in counted)),
        states=states[0] if single else ", ".join(text for _, text in counted),
        lint=problems,
        tag=summary.event.template if summary.event else _kind(summary),
    )


def _kind(summary: Summary) -> str:
    return "delivery report" if summary.kind == "dsn" else ""
