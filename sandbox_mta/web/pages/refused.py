"""The pages about sessions: what was refused, and what was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from sandbox_mta.store.evidence import NEWEST
from sandbox_mta.store.stored import StoredRefusal, StoredSession
from sandbox_mta.web.api import instant
from sandbox_mta.web.pages.place import Place, link
from sandbox_mta.web.pages.render import Pages, place_of

PAGE_ROWS = 50

ENDINGS = {
    "": "It goes on.",
    "quit": "The client said QUIT.",
    "dropped": "The client left without QUIT.",
    "timeout": "The client fell silent.",
    "refused": "The sandbox hung up.",
    "shutdown": "The sandbox was stopped.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One refusal as a page shows it."""

    day: str
    time: str
    instant: str
    who: str
    command: str
    reply: str
    session: str  # link to the session
    message: str  # link to the message; "" when there is none


def add_routes(routes: APIRouter, pages: Pages) -> None:
    """Add the list of refusals, and the page of a session."""

    @routes.get("/refused")
    async def refused(request: Request, older_than: str = "") -> Response:
        before = Place.read("", older_than).before
        evidence = pages.inbox.evidence
        found = await evidence.refusals(PAGE_ROWS + 1, NEWEST if before is None else before)
        shown, place = found[:PAGE_ROWS], place_of(request)
        return await pages.render(
            request,
            "refused.html",
            rows=rows(shown, place),
            is_first=before is None,
            older=link("/refused", older_than=shown[-1].number) if len(found) > PAGE_ROWS else "",
        )

    @routes.get("/refused/{identifier}")
    async def session(request: Request, identifier: str) -> Response:
        evidence = pages.inbox.evidence
        found = await evidence.session(identifier)
        if found is None:
            return await pages.render(request, "gone.html", status=410)
        kept, transcript = found
        return await pages.render(
            request,
            "session.html",
            facts=facts(kept),
            rows=rows(await evidence.refusals_of(identifier), place_of(request)),
            transcript=transcript,
        )


def rows(found: Sequence[StoredRefusal], place: Place) -> list[Row]:
    """Lay out refusals."""
    return [
        Row(
            day=f"{one.at.day} {one.at:%b}",
            time=f"{one.at:%H:%M:%S}",
            instant=instant(one.at),
            who=" ".join(filter(None, (one.client.address, one.client.helo))),
            command=one.command or "(the connection)",
            reply=one.reply,
            session=place.link(f"/refused/{quote(one.session_id, safe='')}"),
            message=place.link(f"/m/{one.submission_id}") if one.submission_id else "",
        )
        for one in found
    ]


def facts(session: StoredSession) -> list[tuple[str, str]]:
    """Say who spoke, when, and how it ended, as rows of a table."""
    client = session.client
    ended_at = f" to {session.ended_at:%H:%M:%S.%f}"[:-3] if session.ended_at else ""
    said = [
        ("Client", f"{client.address} ({client.helo})" if client.helo else client.address),
        ("User", client.user or ""),
        ("TLS", "yes" if client.tls else "no"),
        ("Time", f"{session.started_at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + ended_at + " (UTC)"),
        ("Accepted", str(session.messages)),
        ("Refused", str(session.refused)),
        ("End", ENDINGS[session.ending]),
    ]
    return [(name, value) for name, value in said if value]
