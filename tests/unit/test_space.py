import asyncio
import logging

import pytest

from sandbox_mta.app.space import LARGE_OCTETS, watch


async def warnings_for(sizes: list[int], caplog: pytest.LogCaptureFixture) -> list[str]:
    waiting = list(sizes)

    async def size() -> int:
        if not waiting:
            raise asyncio.CancelledError
        return waiting.pop(0)

    with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        await watch(size, every_s=0)
    return [record.getMessage()[:24] for record in caplog.records]


async def test_a_large_database_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    said = await warnings_for([1, LARGE_OCTETS + 1, LARGE_OCTETS + 2], caplog)

    assert said == ["the database has 5.0 GB;"]


async def test_it_is_told_of_again_when_it_has_grown_by_half(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = await warnings_for([6_000_000_000, 8_000_000_000, 10_000_000_000], caplog)

    assert said == ["the database has 6.0 GB;", "the database has 10.0 GB"]
