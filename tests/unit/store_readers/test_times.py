"""Times as they are stored and shown."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sandbox_mta.store.times import to_datetime, to_microseconds, to_text


@pytest.mark.parametrize(
    ("moment", "microseconds", "text"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0, "1970-01-01 00:00:00.000000"),
        (
            datetime(2026, 11, 24, 20, 14, 13, 1, tzinfo=UTC),
            1_795_551_253_000_001,
            "2026-11-24 20:14:13.000001",
        ),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1, "1969-12-31 23:59:59.999999"),
    ],
)
def test_a_time_survives_the_database(moment: datetime, microseconds: int, text: str) -> None:
    assert to_microseconds(moment) == microseconds
    assert to_datetime(microseconds) == moment
    assert to_text(microseconds) == text


def test_another_time_zone_is_stored_as_the_same_moment() -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=timezone(timedelta(hours=2)))

    assert to_text(to_microseconds(noon)) == "2026-11-24 10:00:00.000000"


def test_a_time_without_zone_is_not_stored() -> None:
    with pytest.raises(ValueError, match="time zone"):
        to_microseconds(datetime(2026, 11, 24))  # noqa: DTZ001  that is the point
