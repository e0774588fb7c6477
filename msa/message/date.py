"""The date-time of header fields (RFC 5322 section 3.3, and the obsolete forms of section 4.3)."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple

from msa.message.structured import blank_comments

MAX_DATE = 1_000  # octets that are looked at; a date with a long comment has 80

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    r"(?:(" + "|".join(_WEEKDAYS) + r") ?, ?)?"
    r"([0-9]{1,2}) ?(" + "|".join(_MONTHS) + r") ?([0-9]{4,9}|[0-9]{2,3}) "
    r"([0-9]{2}) ?: ?([0-9]{2})(?: ?: ?([0-9]{2}))?"
    r"(?: ([+-][0-9]{4})| ?([a-z]{1,5}))?"
)
# RFC 5322 section 4.3, and two that everybody knows; all other names mean "unknown", as -0000.
OLD_ZONES = {
    **{"ut": 0, "gmt": 0, "utc": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5},
    **{"mst": -7, "mdt": -6, "pst": -8, "pdt": -7},
}


class DateTime(NamedTuple):
    """A date as written; the numbers may mean no real day."""

    weekday: str | None  # "mon"
    day: int
    month: int
    year: int  # two and three digits already made four
    hour: int
    minute: int
    second: int
    zone: str | None  # "+0100", "gmt"; None: it is missing

    def true_weekday(self) -> str | None:
        """Return the day of the week that the date falls on; None when there is no such day."""
        try:
            return _WEEKDAYS[date(self.year, self.month, self.day).weekday()]
        except ValueError:
            return None

    def moment(self) -> datetime | None:
        """Return the instant, or None when there is no such day or time."""
        try:
            zone = timezone(_offset(self.zone))
            second = min(self.second, 59)  # a leap second is legal, and Python has none
            return datetime(
                self.year, self.month, self.day, self.hour, self.minute, second, tzinfo=zone
            ).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


def read_date(value: bytes) -> DateTime | None:
    """Read a date-time; None when its syntax is neither current nor obsolete.

    A missing zone is read too: what it means is unclear, but all else is legible.
    """
    if len(value) > MAX_DATE:
        return None
    text = b" ".join(blank_comments(value).split()).decode("latin-1").lower()
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    weekday, day, month, year, hour, minute, second, offset, name = found.groups()
    return DateTime(
        *(weekday, int(day), _MONTHS.index(month) + 1, _full_year(year)),
        *(int(hour), int(minute), int(second or 0), offset or name),
    )


def write_date(moment: datetime) -> str:
    """Write a date-time in its zone: "Mon, 24 Nov 2025 03:10:00 +0000"."""
    # Not %a and %b: strftime's names follow the locale.
    weekday, month = (
        _WEEKDAYS[moment.weekday()].capitalize(),
        _MONTHS[moment.month - 1].capitalize(),
    )
    return f"{weekday}, {moment:%d} {month} {moment.year:04} {moment:%H:%M:%S %z}"


def _full_year(digits: str) -> int:
    # RFC 5322 section 4.3: 00-49 are this century, the rest count from 1900.
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone[0] not in "+-":
        return timedelta(hours=OLD_ZONES.get(zone or "", 0))
    sign = -1 if zone[0] == "-" else 1
    return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
