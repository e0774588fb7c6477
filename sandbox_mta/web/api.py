"""Our own API, `/api/v2`: the clock, and what the sandbox has still to do."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from sandbox_mta.mta.clock import parse_duration
from sandbox_mta.web.ports import ClockControl, Health


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


class Advance(BaseModel):
    """How far to move the clock: by a duration, or until nothing waits."""

    model_config = ConfigDict(extra="forbid")

    by: Annotated[timedelta | None, BeforeValidator(_duration)] = None
    until: Literal["idle"] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.by is None) == (self.until is None):
            raise ValueError('give either "by" or "until"')
        if self.by is not None and self.by <= timedelta(0):
            raise ValueError("the clock moves forward only")
        return self


class ClockNow(BaseModel):
    """The time of the clock."""

    now: str  # RFC 3339, UTC
    mode: str


class Advanced(ClockNow):
    """The time after an advance, and whether anything still waits."""

    is_idle: bool


class Status(BaseModel):
    """Whether the sandbox works, and what it has still to do."""

    is_ready: bool
    not_ready: list[str]
    pending: dict[str, int]


def router(clock: ClockControl | None, health: Health) -> APIRouter:
    """Build the routes of `/api/v2`; `clock` is None where no delivery stage runs."""
    routes = APIRouter(prefix="/api/v2", tags=["sandbox"])

    @routes.get("/status")
    async def status() -> Status:
        """Say whether the sandbox works, and what it has still to do."""
        missing = health.not_ready()
        return Status(is_ready=not missing, not_ready=missing, pending=dict(await health.pending()))

    @routes.get("/clock")
    async def clock_now() -> ClockNow:
        """Read the clock."""
        running = _running(clock)
        return ClockNow(now=instant(running.now()), mode=running.mode)

    @routes.post("/clock/advance")
    async def clock_advance(wanted: Advance) -> Advanced:
        """Move the clock forward, and wait until what fell due is settled."""
        running = _running(clock)
        is_idle = await advance(running, wanted)
        return Advanced(now=instant(running.now()), mode=running.mode, is_idle=is_idle)

    return routes


async def advance(clock: ClockControl, wanted: Advance) -> bool:
    """Move the clock as asked; True when nothing waits any more."""
    if wanted.by is not None:
        return await clock.advance(wanted.by)
    return await clock.advance_until_idle()


def _running(clock: ClockControl | None) -> ClockControl:
    if clock is None:
        raise HTTPException(409, "this process runs no delivery stage, so it has no clock to move")
    return clock


def instant(at: datetime) -> str:
    """Write a time as RFC 3339 in UTC with milliseconds: `2026-11-24T10:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
