"""Times in the database: microseconds since 1970 (UTC) in a BIGINT, and as text for people."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Return a time as it is stored; raises ValueError when it has no time zone."""
    if moment.utcoffset() is None:
        raise ValueError("a stored time needs a time zone")
    return (moment - EPOCH) // _MICROSECOND


def to_datetime(microseconds: int) -> datetime:
    """Return a stored time as a datetime in UTC."""
    # Not fromtimestamp(): a float has too few digits for microseconds.
    return EPOCH + timedelta(microseconds=microseconds)


def to_text(microseconds: int) -> str:
    """Write a stored time as the views do: `YYYY-MM-DD HH:MM:SS.ffffff`, in UTC."""
    return to_datetime(microseconds).strftime("%Y-%m-%d %H:%M:%S.%f")
