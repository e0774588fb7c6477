"""The setting `retention`, and the stage that enforces it."""

import asyncio
from datetime import timedelta

import pytest

from sandbox_mta.app.retention import keep, limits
from sandbox_mta.settings import SettingsError, load


@pytest.mark.parametrize(
    ("setting", "meant"),
    [
        ("all", (None, None)),
        ("10000", (10_000, None)),
        ("7d", (None, timedelta(days=7))),
        ("1d12h", (None, timedelta(hours=36))),
    ],
)
def test_the_setting_is_a_number_of_messages_or_an_age(
    setting: str, meant: tuple[int | None, timedelta | None]
) -> None:
    assert limits(setting) == meant
    assert load({"retention": setting})[0].retention == setting


@pytest.mark.parametrize("setting", ["0", "-1", "none", "7 weeks", "0d", "1e3"])
def test_anything_else_is_one_line_that_says_what_may_stand_there(setting: str) -> None:
    with pytest.raises(SettingsError, match=r"retention.*`all`, a number of messages"):
        load({"retention": setting})


async def test_the_stage_goes_on_when_the_database_is_away() -> None:
    answers: list[int | Exception] = [ConnectionError("away"), 3, 0]

    async def enforce() -> int:
        if not answers:
            raise asyncio.CancelledError
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(asyncio.CancelledError):
        await keep(enforce, every_s=0)
    assert not answers
