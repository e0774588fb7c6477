"""The stage that deletes what the setting `retention` says is kept no longer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from sandbox_mta.mta.clock import parse_duration

EVERY_S = 60.0

log = logging.getLogger(__name__)


def limits(setting: str) -> tuple[int | None, timedelta | None]:
    """Read the setting: how many of the newest messages are kept, and up to which age."""
    if setting == "all":
        return None, None
    return (int(setting), None) if setting.isdecimal() else (None, parse_duration(setting))


async def keep(enforce: Callable[[], Awaitable[int]], every_s: float = EVERY_S) -> None:
    """Enforce the limits now and again; never returns."""
    while True:
        try:
            if deleted := await enforce():
                log.info("%d messages were deleted: they are over the limit of retention", deleted)
        except ConnectionError as error:
            log.debug("retention waits for the database: %s", error)
        await asyncio.sleep(every_s)
