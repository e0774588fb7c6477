"""The part of `/api/v2` that shows what the submission agent refused, and what was said to it."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from sandbox_mta.store.evidence import NEWEST
from sandbox_mta.store.inbox import Inbox
from sandbox_mta.store.stored import StoredRefusal, StoredSession
from sandbox_mta.web.api import instant

MOST = 1_000  # rows of one answer

Limit = Annotated[int, Query(ge=1, le=MOST)]
Before = Annotated[int, Query(ge=0, le=NEWEST)]


class Refusal(BaseModel):
    """A command or a message that was declined."""

    number: int  # the cursor: ask for the next page with `before`
    at: str  # RFC 3339, UTC
    session_id: str
    client_address: str
    helo: str
    auth_user: str | None
    command: str
    reply: str
    reverse_path: str | None
    forward_path: str | None
    submission_id: str | None


class Session(BaseModel):
    """A session in which something was refused, or nothing delivered."""

    number: int
    id: str
    started_at: str
    ended_at: str | None
    ending: str
    client_address: str
    helo: str
    auth_user: str | None
    tls: bool
    messages: int
    refused: int


class WholeSession(Session):
    """A session with what was refused in it, and what was said."""

    refusals: list[Refusal]
    transcript: str


def router(inbox: Inbox) -> APIRouter:
    """Build the routes."""
    routes = APIRouter(prefix="/api/v2", tags=["sessions"])
    evidence = inbox.evidence

    @routes.get("/refusals")
    async def refusals(limit: Limit = 100, before: Before = NEWEST) -> list[Refusal]:
        """List what was refused, newest first."""
        return [_refusal(one) for one in await evidence.refusals(limit, before)]

    @routes.get("/sessions")
    async def sessions(limit: Limit = 100, before: Before = NEWEST) -> list[Session]:
        """List the sessions that are kept, newest first."""
        return [Session(**_session(one)) for one in await evidence.sessions(limit, before)]

    @routes.get("/sessions/{identifier}")
    async def session(identifier: str) -> WholeSession:
        """Show a session with its transcript."""
        found = await evidence.session(identifier)
        if found is None:
            raise HTTPException(404, "no session of this id is kept")
        refused = [_refusal(one) for one in await evidence.refusals_of(identifier)]
        return WholeSession(**_session(found[0]), refusals=refused, transcript=found[1])

    @routes.get("/messages/{identifier}/transcript", response_class=PlainTextResponse)
    async def transcript(identifier: str) -> Response:
        """Show what was said while a message was submitted."""
        text = await evidence.transcript(identifier)
        if text is None:
            raise HTTPException(404, "there is no such message, or it came without SMTP")
        return PlainTextResponse(text)

    return routes


def _refusal(one: StoredRefusal) -> Refusal:
    return Refusal(
        number=one.number,
        at=instant(one.at),
        session_id=one.session_id,
        client_address=one.client.address,
        helo=one.client.helo,
        auth_user=one.client.user,
        command=one.command,
        reply=one.reply,
        reverse_path=one.reverse_path,
        forward_path=one.forward_path,
        submission_id=one.submission_id,
    )


def _session(one: StoredSession) -> dict[str, Any]:
    return {
        "number": one.number,
        "id": one.id,
        "started_at": instant(one.started_at),
        "ended_at": instant(one.ended_at) if one.ended_at else None,
        "ending": one.ending,
        "client_address": one.client.address,
        "helo": one.client.helo,
        "auth_user": one.client.user,
        "tls": one.client.tls,
        "messages": one.messages,
        "refused": one.refused,
    }
