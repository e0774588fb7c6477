from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from msa.message.date import read_date, write_date


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2025, 11, 24, 3, 10, tzinfo=UTC),
        datetime(
            2024, 2, 29, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-9, minutes=-30))
        ),
        datetime(2026, 1, 4, 0, 0, tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_a_date_is_written_as_it_is_read(moment: datetime) -> None:
    written = write_date(moment)

    assert written == format_datetime(moment)
    read = read_date(written.encode())
    assert read is not None
    assert read.moment() == moment.replace(microsecond=0)
