"""The part of `/api/v2` for addresses that are not sent to any more."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from sandbox_mta.store.suppressions import Suppression, SuppressionList
from sandbox_mta.web.api import instant

MOST = 1_000  # rows of one answer


class Listed(BaseModel):
    """An address on the list."""

    address: str  # the cursor: ask for the next page with `after`
    reason: str  # bounce or complaint
    reply: str
    submission_id: str
    listed_at: str  # RFC 3339, UTC


class Removed(BaseModel):
    """How many addresses were taken off the list."""

    removed: int


def router(suppressions: SuppressionList) -> APIRouter:
    """Build the routes."""
    routes = APIRouter(prefix="/api/v2", tags=["suppressions"])

    @routes.get("/suppressions")
    async def listed(
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100, after: str = ""
    ) -> list[Listed]:
        """List the addresses in the order of the alphabet."""
        return [_listed(one) for one in await suppressions.page(limit, after)]

    @routes.delete("/suppressions")
    async def clear() -> Removed:
        """Take all addresses off the list."""
        return Removed(removed=await suppressions.clear())

    @routes.delete("/suppressions/{address:path}")
    async def remove(address: str) -> Removed:
        """Take one address off the list."""
        if not await suppressions.remove(address):
            raise HTTPException(404, "this address is not on the list")
        return Removed(removed=1)

    return routes


def _listed(one: Suppression) -> Listed:
    return Listed(
        address=one.address,
        reason=one.reason,
        reply=one.reply,
        submission_id=one.submission_id,
        listed_at=instant(one.listed_at),
    )
