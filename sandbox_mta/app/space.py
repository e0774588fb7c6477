"""Everything is kept until somebody deletes it, so a database that grows large is told of."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

LARGE_OCTETS = 5_000_000_000
EVERY_S = 600.0

log = logging.getLogger(__name__)


async def watch(size_octets: Callable[[], Awaitable[int]], every_s: float = EVERY_S) -> None:
    """Warn when the database is large, and again each time it has grown by half; never returns."""
    told = 0
    while True:
        try:
            size = await size_octets()
        except ConnectionError:
            size = 0  # it is looked at again
        if size > max(LARGE_OCTETS, told * 3 // 2):
            log.warning(
                "the database has %.1f GB; set SANDBOX_MTA_RETENTION, or delete messages",
                size / 1e9,
            )
            told = size
        await asyncio.sleep(every_s)
