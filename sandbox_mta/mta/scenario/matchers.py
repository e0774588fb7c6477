"""Reads the matchers of a rule: the table `match` of a scenario file."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time
from typing import Any

from sandbox_mta.mta.scenario.match import (
    Match,
    Nth,
    OfAttempt,
    OfEnvelope,
    OfField,
    Percent,
    Size,
    Window,
    globs,
    read_numbers,
)
from sandbox_mta.mta.scenario.replies import meant, read_size
from sandbox_mta.mta.scenario.values import Problem, text, texts, told

_ENVELOPE = ("rcpt", "sender", "domain", "mx")
_FIELDS = {"template": "x-template", "event_type": "x-event-type"}
MATCHERS = (
    *_ENVELOPE, *_FIELDS, "header", "size", "attempt", "after", "before", "percent", "key",
    "per_attempt", "nth",
)  # fmt: skip


def read_matches(table: Any, seed: str) -> tuple[Match, ...]:
    """Return what a rule asks for: what is cheap first, and the counter last.

    Raises `Problem`.
    """
    if not isinstance(table, dict):
        raise Problem("match", 'match is a table: { rcpt = "*@example.org" }')
    for key in table:
        if key not in MATCHERS:
            raise Problem(key, f'unknown matcher "{key}"{meant(key, MATCHERS)}')
    for key in ("key", "per_attempt"):
        if key in table and "percent" not in table:
            raise Problem(key, f'"{key}" says how "percent" draws, and there is none')
    return tuple(match for read in _READERS for match in read(table, seed))


def _of_envelope(table: Mapping[str, Any], _seed: str) -> Iterator[Match]:
    for key in _ENVELOPE:
        if key in table:
            yield OfEnvelope(key, globs(texts(key, table[key])))


def _of_attempt(table: Mapping[str, Any], _seed: str) -> Iterator[Match]:
    if "attempt" in table:
        yield OfAttempt(told("attempt", read_numbers, str(table["attempt"])))


def _of_fields(table: Mapping[str, Any], _seed: str) -> Iterator[Match]:
    for key, field in _FIELDS.items():
        if key in table:
            wanted = texts(key, table[key])
            # The bridge writes `welcome@a1b2c3`, the name and the version of the template.
            versioned = [f"{each}@*" for each in wanted if key == "template" and "@" not in each]
            yield OfField(field, globs([*wanted, *versioned]))
    fields = table.get("header", {})
    if not isinstance(fields, dict):
        raise Problem("header", 'header is a table: { "List-Id" = "*" }')
    for name, value in fields.items():
        yield OfField(name.lower(), globs(texts(name, value)))


_SIZE = re.compile(r"\s*(>=|<=|>|<)\s*(\S+)\s*")


def _size(table: Mapping[str, Any], _seed: str) -> Iterator[Match]:
    if "size" not in table:
        return
    value = text("size", table["size"])
    match = _SIZE.fullmatch(value)
    if match is None:
        raise Problem("size", f'"{value}" is no comparison; write ">10MB"')
    yield Size(match[1], told("size", read_size, match[2]))


def _window(table: Mapping[str, Any], _seed: str) -> Iterator[Match]:
    if "after" in table or "before" in table:
        yield Window(_moment("after", table), _moment("before", table))


def _moment(key: str, table: Mapping[str, Any]) -> datetime | time | None:
    value = table.get(key)
    if isinstance(value, datetime):  # without a zone it is UTC, as everywhere
        return value if value.utcoffset() is not None else value.replace(tzinfo=UTC)
    if value is None or isinstance(value, time):
        return value
    raise Problem(key, f"{key} is a time without quotes: 02:00:00 or 2030-01-01T02:00:00Z")


def _percent(table: Mapping[str, Any], seed: str) -> Iterator[Match]:
    if "percent" not in table:
        return
    percent, per_attempt = table["percent"], table.get("per_attempt", False)
    is_number = isinstance(percent, int | float) and not isinstance(percent, bool)
    if not is_number or not 0 <= percent <= 100:
        raise Problem("percent", "percent is a number from 0 to 100")
    if not isinstance(per_attempt, bool):
        raise Problem("per_attempt", "per_attempt is true or false")
    key = text("key", table.get("key", "rcpt")).lower()
    yield Percent(float(percent), key, per_attempt, seed)


def _nth(table: Mapping[str, Any], _seed: str) -> Iterator[Match]:
    if "nth" in table:
        yield Nth(told("nth", read_numbers, str(table["nth"])))


# The counter stands last: it counts what everything else holds for.
_READERS: tuple[Callable[[Mapping[str, Any], str], Iterator[Match]], ...] = (
    _of_envelope,
    _of_attempt,
    _size,
    _window,
    _of_fields,
    _percent,
    _nth,
)
