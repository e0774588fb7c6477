"""The filters of ours: `money`, `datetime`, `plural`, and bounded forms of Jinja's own.

A filter raises `ValueError` for a value it can't show; the event is then parked with its text.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape

MAX_TEXT = 2 << 20  # characters of one value; what is longer is a template gone wild
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CAD": "CA$", "AUD": "A$"}
_WHOLE = frozenset(("JPY", "KRW", "CLP", "VND", "ISK", "HUF"))  # no minor unit is shown
_DATE_FORMAT = re.compile(r"(?:[^%\r\n]|%-?[aAbBdeHIjmMpSUwWyYZ%])*")


def money(amount: Any, currency: str = "USD") -> str:
    """Write an amount in whole units: 1234.5 and "EUR" give €1,234.50."""
    try:
        value = Decimal(str(amount))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value) >= Decimal(10) ** 15 or isinstance(amount, bool):
        raise ValueError(f"{_shown(amount)} is no amount of money")
    digits = f"{abs(value):,.{0 if currency in _WHOLE else 2}f}"
    symbol = _SYMBOLS.get(currency)
    sign = "-" if value < 0 else ""
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits} {currency}"


def date_and_time(when: Any, form: str = "%-d %B %Y") -> str:
    """Write an ISO 8601 text, or seconds since 1970, in the letters of strftime."""
    if len(form) > 80 or not _DATE_FORMAT.fullmatch(form):
        raise ValueError(f"{_shown(form)} is no date format")
    try:
        if isinstance(when, str):
            moment = datetime.fromisoformat(when)
        else:
            moment = datetime.fromtimestamp(float(when), UTC)
        return moment.strftime(form)
    except (ValueError, TypeError, OverflowError, OSError):
        raise ValueError(f"{_shown(when)} is no date; write 2026-11-24T09:30:00Z") from None


def plural(count: Any, one: str, many: str = "") -> str:
    """Write a count with its noun: 1 item, 3 items."""
    if not isinstance(count, int | float) or isinstance(count, bool):
        raise ValueError(f"{_shown(count)} is no count")
    return f"{count} {one if count == 1 else many or one + 's'}"


def join(values: Iterable[Any], separator: str = "") -> str:
    """Join values with a separator; escapes both where HTML is written."""
    items = [item if isinstance(item, str) else str(item) for item in values]
    size = sum(map(len, items)) + len(separator) * len(items)
    if size > MAX_TEXT:
        raise ValueError(f"a text of {size} characters; at most {MAX_TEXT}")
    if any(isinstance(item, Markup) for item in (*items, separator)):
        return Markup("").join(_between(escape(separator), map(escape, items)))
    return separator.join(items)


def to_json(value: Any) -> Markup:
    """Write a value as JSON that can stand in HTML, in a script of structured data for instance."""
    return htmlsafe_json_dumps(value)  # without its indent, which may be of any size


def _between(separator: Markup, items: Iterable[Markup]) -> Iterator[Markup]:
    for number, item in enumerate(items):
        if number:
            yield separator
        yield item


def replace(text: str, old: str, new: str) -> str:
    """Replace every occurrence of a text; the result is plain, and escaped in HTML."""
    text = str(text)
    size = len(text) + text.count(old) * len(new)
    if size > MAX_TEXT:
        raise ValueError(f"a text of {size} characters; at most {MAX_TEXT}")
    return text.replace(old, new)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
