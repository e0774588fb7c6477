"""Renders pages: the list, and beside it whatever is shown of a message.

Jinja2 renders here, with autoescape and no style or script of its own in any page.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from msa.message.view import View
from sandbox_mta.store.inbox import NEWEST, Inbox
from sandbox_mta.store.query import Query, QueryError, parse_query
from sandbox_mta.store.stored import Position, StoredMessage
from sandbox_mta.store.versions import VERSIONS
from sandbox_mta.web.facts import FactsCache
from sandbox_mta.web.pages import diff, preview, story, tabs
from sandbox_mta.web.pages.journey import Journey
from sandbox_mta.web.pages.listing import PAGE_ROWS, Listing, listing
from sandbox_mta.web.pages.place import Place
from sandbox_mta.web.ports import ClockControl
from sandbox_mta.web.sessions import Sessions

THEME_COOKIE = "theme"
THEMES = ("light", "dark")


class Pages:
    """Renders the inbox around whatever is shown in its detail pane."""

    def __init__(self, inbox: Inbox, clock: ClockControl | None, smtp: str, hostname: str) -> None:
        self.inbox, self.clock, self._smtp = inbox, clock, smtp
        self._facts = FactsCache(inbox)
        self._sessions = Sessions(inbox, hostname)
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def now(self) -> datetime:
        """Return the time people read: the clock's where there is one."""
        return self.clock.now() if self.clock else datetime.now(UTC)

    async def render(
        self,
        request: Request,
        name: str,
        *,
        current: str = "",
        tab: str = "",
        status: int = 200,
        **more: Any,
    ) -> Response:
        """Render a page with the list beside it, in the filter of the request."""
        place = place_of(request)
        query, error = self.read(place.q)
        # The position first: what arrives in between is then counted as new, not lost.
        position = await self.inbox.position()
        page = self._templates.get_template(name).render(
            list=await self._list(place, query, position, current=current, tab=tab),
            position=position,
            place=place,
            error=error,
            smtp=self._smtp,
            clock=self._clock(),
            theme=_theme(request),
            here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            tab=tab,
            **more,
        )
        return HTMLResponse(page.encode("utf-8", "replace"), status)

    async def _list(
        self, place: Place, query: Query, position: Position, *, current: str, tab: str
    ) -> Listing:
        before = NEWEST if place.before is None else place.before
        rows = await self.inbox.page(PAGE_ROWS + 1, before, query=query)
        return listing(
            rows,
            await self._facts.glimpse(rows[:PAGE_ROWS]),
            position,
            place=place,
            opened=(current, tab),
            today=datetime.now(UTC).date(),
        )

    def read(self, q: str) -> tuple[Query, str]:
        """Return what a filter asks for, or everything and the reason why it can't be read."""
        try:
            return parse_query(q, self.now()), ""
        except QueryError as error:
            return Query(), str(error)

    def _clock(self) -> Mapping[str, str]:
        now = self.now()
        mode = self.clock.mode if self.clock else "real"
        rate = {"real": "1", "manual": "0"}.get(mode, mode.removesuffix("x"))
        return {
            "day": f"{now:%d %b}",
            "time": f"{now:%H:%M:%S}",
            "text": f"{now:%d %B %H:%M:%S}",
            "ms": str(int(now.timestamp() * 1000)),
            "rate": rate,
            "pace": {"1": "real time", "0": "paused"}.get(rate, f"{rate}x"),
        }

    async def message(self, request: Request, found: StoredMessage, tab: str) -> Response:
        """Render a tab of a message, and mark it read."""
        if not found.is_read:
            await self.inbox.mark_read([found.id])
        view = View(await self.inbox.content(found.id) or b"")
        name, more = await self._panel(request, found, view, tab)
        return await self.render(
            request,
            name,
            current=found.id,
            tab=tab,
            message=tabs.head(found, view),
            tabs=tabs.tabs(found, tab, place_of(request)),
            tab_name=tabs.tab_name(tab),
            **more,
        )

    async def _panel(
        self, request: Request, found: StoredMessage, view: View, tab: str
    ) -> tuple[str, dict[str, Any]]:
        """Return the template of a tab and what it shows."""
        match tab:
            case "journey":
                return "journey.html", {"journey": await self._journey(found)}
            case "lint":
                return "lint.html", {"lint": tabs.lint(found)}
            case "fixes":
                laid_out = diff.fixes(found, view.message.content)
                return "fixes.html", {"fixes": laid_out, "versions": VERSIONS}
            case "transcript":
                return "transcript.html", await self._transcript(request, found)
        return _content_panel(request, found, view, tab)

    async def _journey(self, found: StoredMessage) -> Journey:
        journeys = await self.inbox.timeline(found.id)
        size_octets = await self._sessions.size(found)
        said = {
            each.recipient.number: self._sessions.written(
                found, each.recipient, story.last_tries(each), size_octets
            )
            for each in journeys
        }
        return story.drawn(journeys, said, self.now())

    async def _transcript(self, request: Request, found: StoredMessage) -> dict[str, Any]:
        evidence = self.inbox.evidence
        session = await evidence.session_of(found.id) if found.refused_at else None
        href = place_of(request).link(f"/refused/{session}") if session else ""
        return {"transcript": await evidence.transcript(found.id), "session": href}


def _content_panel(
    request: Request, found: StoredMessage, view: View, tab: str
) -> tuple[str, dict[str, Any]]:
    """Return the template of a tab that shows what is in the message, and what it shows."""
    words = request.query_params
    match tab:
        case "headers":
            raw = words.get("raw") == "1"
            rows = tabs.header_rows(view, raw=raw)
            envelope = tabs.envelope_rows(found)
            return "headers.html", {"fields": rows, "raw": raw, "envelope": envelope}
        case "text":
            text, is_cut = tabs.cut(view.text)
            return "text.html", {"text": text, "is_cut": is_cut}
        case "html" | "raw":
            content = view.message.content
            source = view.html if tab == "html" else content.decode("utf-8", "replace")
            lines, is_cut = tabs.source_lines(source)
            return "source.html", {"lines": lines if source else [], "is_cut": is_cut}
    shown = preview.preview(
        found,
        view,
        place_of(request),
        width=words.get("width", ""),
        scheme=words.get("scheme", ""),
        remote=words.get("remote") == "1",
    )
    return "preview.html", {"preview": shown}


def place_of(request: Request) -> Place:
    """Return where in the list a request is."""
    words = request.query_params
    return Place.read(words.get("q", ""), words.get("before", ""))


def _theme(request: Request) -> str:
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""
