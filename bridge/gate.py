"""The gate between all lanes and the server: closed while the server can't, or won't have us."""

import asyncio
import logging

from bridge.ports import Verdict
from bridge.retry import Pace

log = logging.getLogger(__name__)


class Gate:
    """Stands between all lanes and the server."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._failures = 0
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._opens_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.reason = ""
        self.blocked = ""

    async def passed(self) -> None:
        """Wait until the gate is open."""
        await self._is_open.wait()

    def open(self) -> None:
        """The server answered as it should."""
        if self.reason:
            log.info("the bridge submits again")
        self._failures = 0
        self.reason = self.blocked = ""
        if self._timer:
            self._timer.cancel()  # or it would open the gate that is closed next
        self._is_open.set()

    def close(self, verdict: Verdict, *, is_blocked: bool) -> float:
        """Close for a while, longer each time; return how long."""
        reason = f"{verdict.stage}: {verdict}"
        if is_blocked and not self.blocked:
            log.error("the bridge is blocked, nothing is parked: the server says at %s", reason)
        elif not self.reason:
            log.warning("the bridge waits for the SMTP server: %s", reason)
        self.blocked = reason if is_blocked else ""
        self.reason = reason
        loop = asyncio.get_running_loop()
        if self._is_open.is_set():  # the lanes that fail together count once
            delay_s = self._pace.for_server(self._failures)
            self._failures += 1
            self._is_open.clear()
            self._opens_at = loop.time() + delay_s
            self._timer = loop.call_later(delay_s, self._is_open.set)
        return max(0.0, self._opens_at - loop.time())
