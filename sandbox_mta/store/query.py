"""The words people filter messages with: `to:bob subject:"your receipt" -state:delivered`.

Pure: text in, `Query` out; `search.py` turns a query into SQL.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msa.envelope import Kind
from sandbox_mta.mta.status import State

MAX_QUERY = 1000  # characters; more is no question of a person
MAX_TERMS = 30  # each is a condition of one statement


class Key(StrEnum):
    """What a term looks at."""

    ANY = ""  # author, subject, reverse-path or a forward-path
    TO = "to"  # a forward-path
    FROM = "from"  # reverse-path or author
    SUBJECT = "subject"
    STATE = "state"  # of at least one recipient
    KIND = "kind"
    TEMPLATE = "template"
    AFTER = "after"  # accepted or refused at this time or later
    BEFORE = "before"  # accepted or refused earlier than this
    ID = "id"


@dataclass(frozen=True, slots=True)
class Term:
    """One condition."""

    key: Key
    value: str | datetime  # a datetime (UTC) for AFTER and BEFORE
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Messages that meet every term; without terms it is every message."""

    terms: tuple[Term, ...] = ()
    accepted_only: bool = False  # leaves out what was refused after DATA


class QueryError(ValueError):
    """The text is no query; the message is one line for the person who typed it."""


_WORD = re.compile(
    r"""(?P<negated>-?)
        (?:(?P<key>[A-Za-z][A-Za-z-]*):)?
        (?: "(?P<quoted>[^"]*)" | (?P<bare>[^\s"]*) )
        (?=\s|$)""",
    re.VERBOSE,
)
_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_CHOICES = {Key.STATE: tuple(State), Key.KIND: tuple(Kind)}


def parse_query(text: str, now: datetime) -> Query:
    """Read a query; words are ANDed, a leading "-" negates, quotes keep spaces together.

    `after:` and `before:` take a date, a time in ISO 8601 (UTC unless it names an offset), or
    how long ago: `10m`, counted from `now`. Raises QueryError.
    """
    if len(text) > MAX_QUERY:
        raise QueryError(f"the query has more than {MAX_QUERY} characters")
    terms = []
    position = 0
    while rest := text[position:].lstrip():
        position = len(text) - len(rest)
        word = _WORD.match(text, position)
        if word is None:
            raise QueryError(f"a quote is not closed or in the wrong place: {rest[:40]}")
        terms.append(_read_term(word, now))
        position = word.end()
    if len(terms) > MAX_TERMS:
        raise QueryError(f"the query has more than {MAX_TERMS} words")
    return Query(tuple(terms))


def _read_term(word: re.Match[str], now: datetime) -> Term:
    key = _read_key(word["key"])
    value = word["bare"] if word["quoted"] is None else word["quoted"]
    if not value:
        raise QueryError(f"nothing follows {word[0]}")
    return Term(key, _read_value(key, value, now), negated=bool(word["negated"]))


def _read_key(name: str | None) -> Key:
    if name is None:
        return Key.ANY
    try:
        return Key(name.lower())
    except ValueError:
        known = " ".join(f"{key}:" for key in Key if key)
        raise QueryError(
            f'there is no "{name}:"; there are {known} (to search for the text, quote all of it)'
        ) from None


def _read_value(key: Key, value: str, now: datetime) -> str | datetime:
    if key in (Key.AFTER, Key.BEFORE):
        return _read_time(key, value, now)
    choices = _CHOICES.get(key, (value,))
    if value not in choices:
        raise QueryError(f'{key}: has no "{value}"; there are {" ".join(choices)}')
    return value


def _read_time(key: Key, value: str, now: datetime) -> datetime:
    try:
        if ago := _AGO.fullmatch(value):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise QueryError(
            f'{key}: needs a time such as 2026-11-24, "2026-11-24 10:30" or 10m (ago), '
            f'not "{value}"'
        ) from None
