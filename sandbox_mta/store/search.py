"""From a `Query` to the conditions of a SELECT over `submissions`."""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, not_, or_, select

from sandbox_mta.store.query import Key, Query, Term
from sandbox_mta.store.tables import event_messages, recipients, submissions
from sandbox_mta.store.times import to_microseconds

POSITIONS = 1024  # a recipient's number is its submission's, times this, plus its position


def conditions(query: Query) -> tuple[ColumnElement[bool], ...]:
    """Return a condition for each term; a message is found when all of them hold."""
    found = tuple(_condition(term) for term in query.terms)
    if query.accepted_only:
        return (*found, submissions.c.accepted_at.is_not(None))
    return found


def of_submission(number: ColumnElement[int]) -> ColumnElement[bool]:
    """Say that a recipient belongs to the submission of this number, as a range of its key."""
    first = number * POSITIONS
    return recipients.c.number.between(first, first + POSITIONS - 1)


def _condition(term: Term) -> ColumnElement[bool]:
    condition = _CONDITIONS[term.key](term.value)
    return not_(condition) if term.negated else condition


def _any(value: str) -> ColumnElement[bool]:
    return or_(_from(value), _subject(value), _to(value))


def _to(value: str) -> ColumnElement[bool]:
    # An address is rare among all recipients: reading them once is cheaper than message by message.
    named = select(recipients.c.number.bitwise_rshift(10)).where(
        _contains(recipients.c.forward_path, value)
    )
    return submissions.c.number.in_(named)


def _from(value: str) -> ColumnElement[bool]:
    return or_(_contains(submissions.c.reverse_path, value), _contains(submissions.c.author, value))


def _subject(value: str) -> ColumnElement[bool]:
    return _contains(submissions.c.subject, value)


def _state(value: str) -> ColumnElement[bool]:
    # A state is frequent: most pages are full after a few messages. MariaDB and MySQL look up a
    # range for each row of the table joined before, but not for each row of the query outside; so
    # the message is joined once more.
    same = submissions.alias("same")
    joined = select(recipients.c.number).join_from(same, recipients, of_submission(same.c.number))
    return exists(joined.where(same.c.number == submissions.c.number, recipients.c.state == value))


def _kind(value: str) -> ColumnElement[bool]:
    return submissions.c.kind == value


def _template(value: str) -> ColumnElement[bool]:
    return exists(
        select(event_messages.c.event).where(
            event_messages.c.submission_id == submissions.c.id, event_messages.c.template == value
        )
    )


def _after(value: datetime) -> ColumnElement[bool]:
    return _arrived() >= to_microseconds(value)


def _before(value: datetime) -> ColumnElement[bool]:
    return _arrived() < to_microseconds(value)


def _id(value: str) -> ColumnElement[bool]:
    return submissions.c.id == value


def _arrived() -> ColumnElement[int]:
    return func.coalesce(submissions.c.accepted_at, submissions.c.refused_at)


def _contains(column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    # Both sides are lowered by the database, and "%", "_" and the escape itself are escaped.
    return column.icontains(value, autoescape=True)


_CONDITIONS: Mapping[Key, Callable[..., ColumnElement[bool]]] = {
    Key.ANY: _any,
    Key.TO: _to,
    Key.FROM: _from,
    Key.SUBJECT: _subject,
    Key.STATE: _state,
    Key.KIND: _kind,
    Key.TEMPLATE: _template,
    Key.AFTER: _after,
    Key.BEFORE: _before,
    Key.ID: _id,
}
