"""What the running sandbox lets the web see and move: its clock and its health."""

from datetime import datetime, timedelta

from sandbox_mta.mta.advance import advance_by, advance_until_idle
from sandbox_mta.mta.clock import ClockKeeper
from sandbox_mta.mta.worker import Worker


class Control:
    """The clock of a sandbox whose delivery stage runs here; implements `ClockControl`."""

    def __init__(self, worker: Worker, keeper: ClockKeeper) -> None:
        self._worker, self._keeper = worker, keeper

    @property
    def mode(self) -> str:
        mode = self._keeper.clock.mode
        return f"{mode.rate:g}x" if mode.name == "accelerated" else mode.name

    def now(self) -> datetime:
        return self._keeper.clock.now()

    async def advance(self, by: timedelta) -> bool:
        return (await advance_by(self._worker, self._keeper, by)).is_idle

    async def advance_until_idle(self) -> bool:
        return (await advance_until_idle(self._worker, self._keeper)).is_idle
