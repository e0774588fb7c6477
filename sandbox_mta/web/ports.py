"""What the web needs of the running sandbox, besides the store's inbox."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol


class ClockControl(Protocol):
    """The sandbox's clock, and the only way to move it."""

    @property
    def mode(self) -> str:
        """`real`, a rate such as `60x`, or `manual`."""

    def now(self) -> datetime:
        """Return the time of the clock (UTC)."""

    async def advance(self, by: timedelta) -> bool:
        """Move the clock forward and settle everything due by then; True when nothing waits."""

    async def advance_until_idle(self) -> bool:
        """Jump from due time to due time until nothing waits; False when it gave up first."""


class Health(Protocol):
    """What the sandbox says of itself."""

    def not_ready(self) -> list[str]:
        """Name what keeps the sandbox from working, a sentence each; empty when it is ready."""

    async def pending(self) -> Mapping[str, int]:
        """Count what is still to do: `deliveries`, `lint`, `events`."""
