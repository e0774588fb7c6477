"""Dates beside the time of submission (HDR003)."""

from datetime import UTC, datetime, timedelta

import pytest

from msa.lint import lint
from msa.lint.facts import Facts

SENT_AT = datetime(2025, 11, 24, 3, 10, tzinfo=UTC)
MESSAGE = b"Date: Mon, 24 Nov 2025 04:10:00 +0100\r\n\r\n"


def texts(received_at: datetime | None) -> list[str]:
    findings = lint(MESSAGE, facts=Facts(received_at=received_at), select=("HDR003",))
    return [finding.text for finding in findings]


@pytest.mark.parametrize("hours", [-24, 0, 24])
def test_a_date_within_a_day_of_the_submission_is_good(hours: int) -> None:
    assert texts(SENT_AT + timedelta(hours=hours)) == []


def test_a_date_far_from_the_submission_is_found() -> None:
    assert texts(SENT_AT + timedelta(hours=25)) == ["the date is 25 hours before the submission"]
    assert texts(SENT_AT - timedelta(days=3)) == ["the date is 72 hours after the submission"]


def test_a_file_that_nobody_received_has_no_time_of_submission() -> None:
    assert texts(None) == []
