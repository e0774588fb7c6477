"""The routes of the inbox for people. Every view is a plain GET; what changes something is a POST.

Jinja2 renders the pages here, with autoescape and no style or script of its own in any page.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from pydantic import ValidationError

from msa.message.view import View
from sandbox_mta.store.inbox import NEWEST, Inbox
from sandbox_mta.store.query import Query, QueryError, parse_query
from sandbox_mta.store.stored import StoredMessage
from sandbox_mta.web.api import Advance, advance
from sandbox_mta.web.pages import frame, tabs
from sandbox_mta.web.pages.listing import PAGE_ROWS, link, listing
from sandbox_mta.web.ports import ClockControl

THEME_COOKIE = "theme"
THEMES = ("light", "dark")
MAX_FIELDS = 10  # of a form
A_YEAR_S = 31_536_000


class Pages:
    """Renders the inbox around whatever is shown in its detail pane."""

    def __init__(self, inbox: Inbox, clock: ClockControl | None, smtp: str) -> None:
        self.inbox, self.clock, self._smtp = inbox, clock, smtp
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def now(self) -> datetime:
        """Return the time people read: the clock's where there is one."""
        return self.clock.now() if self.clock else datetime.now().astimezone()

    async def render(
        self, request: Request, name: str, *, current: str = "", status: int = 200, **more: Any
    ) -> Response:
        """Render a page with the list beside it, in the filter of the request."""
        q, before = _filter(request)
        query, error = self.read(q)
        rows = await self.inbox.page(PAGE_ROWS + 1, before or NEWEST, query=query)
        position = await self.inbox.position()
        shown = listing(
            rows, position, q=q, before=before, current=current, today=datetime.now().astimezone()
        )
        page = self._templates.get_template(name).render(
            list=shown,
            position=position,
            q=q,
            error=error,
            smtp=self._smtp,
            clock=self._clock(),
            theme=_theme(request),
            here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            back=link("/inbox", q=q, before=before),
            **more,
        )
        return HTMLResponse(page, status)

    def read(self, q: str) -> tuple[Query, str]:
        """Return what a filter asks for, or everything and the reason why it can't be read."""
        try:
            return parse_query(q, self.now()), ""
        except QueryError as error:
            return Query(), str(error)

    def _clock(self) -> Mapping[str, str]:
        now = self.now()
        mode = self.clock.mode if self.clock else "real"
        rate = {"real": "1x", "manual": "paused"}.get(mode, mode)
        return {
            "day": f"{now:%d %b}",
            "time": f"{now:%H:%M:%S}",
            "text": f"{now:%d %B %H:%M:%S}",
            "rate": rate,
        }

    async def message(self, request: Request, found: StoredMessage, tab: str) -> Response:
        """Render a tab of a message, and mark it read."""
        if not found.is_read:
            await self.inbox.mark_read([found.id])
        view = View(await self.inbox.content(found.id) or b"")
        q, _ = _filter(request)
        name, more = await self._panel(request, found, view, tab)
        return await self.render(
            request,
            name,
            current=found.id,
            message=tabs.head(found),
            tabs=tabs.tabs(found, tab, q),
            tab=tab,
            tab_name=tabs.NAMES.get(tab, tab.capitalize()),
            **more,
        )

    async def _panel(
        self, request: Request, found: StoredMessage, view: View, tab: str
    ) -> tuple[str, dict[str, Any]]:
        words = request.query_params
        if tab == "journey":
            drawn = tabs.drawn(await self.inbox.timeline(found.id), self.now())
            return "journey.html", {"journey": drawn}
        if tab == "lint":
            return "lint.html", {"lint": tabs.lint(found)}
        if tab == "headers":
            raw = words.get("raw") == "1"
            rows = [
                (field.name, field.raw.decode("utf-8", "replace") if raw else field.value)
                for field in view.fields
            ]
            envelope = tabs.envelope_rows(found)
            return "headers.html", {"fields": rows, "raw": raw, "envelope": envelope}
        if tab in ("text", "html", "raw"):
            return _source(view, tab)
        shown = tabs.preview(
            found,
            view,
            width=words.get("width", ""),
            scheme=words.get("scheme", ""),
            remote=words.get("remote") == "1",
            q=_filter(request)[0],
        )
        return "preview.html", {"preview": shown}


def _source(view: View, tab: str) -> tuple[str, dict[str, Any]]:
    if tab == "text":
        text = view.text
        cut = tabs.size_text(tabs.SHOWN_OCTETS) if len(text) > tabs.SHOWN_OCTETS else ""
        return "text.html", {"text": text[: tabs.SHOWN_OCTETS] or None, "cut": cut}
    text = view.html if tab == "html" else view.message.content.decode("utf-8", "replace")
    if tab == "html" and not text:
        return "source.html", {"lines": None, "cut": ""}
    lines, cut = tabs.source_lines(text)
    return "source.html", {"lines": lines, "cut": cut}


def _filter(request: Request) -> tuple[str, int | None]:
    """Return the words of the filter, and the number that the page of the list starts below."""
    before = request.query_params.get("before", "")
    is_number = before.isdecimal() and len(before) < 18
    return request.query_params.get("q", "")[:1000], int(before) if is_number else None


def _theme(request: Request) -> str:
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""


def _back(path: str) -> str:
    """Keep a redirect inside the inbox, whatever a form says."""
    inside = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if inside and path.isprintable() else "/inbox"


def router(inbox: Inbox, clock: ClockControl | None, smtp: str) -> APIRouter:
    """Build the routes of the pages."""
    routes = APIRouter(include_in_schema=False)
    pages = Pages(inbox, clock, smtp)
    _add_latest(routes, pages)
    _add_views(routes, pages)
    _add_octets(routes, inbox)
    _add_actions(routes, pages)
    return routes


def _add_latest(routes: APIRouter, pages: Pages) -> None:
    # Before the other views: a path is matched in the order of the routes.
    @routes.get("/m/latest")
    @routes.get("/m/latest/{tab}")
    async def latest(request: Request, tab: str = "preview") -> Response:
        q, _ = _filter(request)
        newest = await pages.inbox.latest(pages.read(q)[0])
        if newest is None:
            return await pages.render(request, "gone.html", status=404)
        return RedirectResponse(link(f"/m/{newest.id}/{quote(tab)}", q=q), 302)


def _add_views(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/")
    @routes.get("/inbox")
    async def inbox(request: Request) -> Response:
        return await pages.render(request, "inbox.html")

    @routes.get("/m/{identifier}")
    async def message(identifier: str) -> Response:
        return RedirectResponse(f"/m/{quote(identifier)}/preview", 302)

    @routes.get("/m/{identifier}/{tab}")
    async def one(request: Request, identifier: str, tab: str) -> Response:
        if tab == "body":
            return await _body(pages.inbox, identifier, request.query_params.get("remote") == "1")
        if tab == "raw.eml":
            return await _download(pages.inbox, identifier)
        found = await pages.inbox.get(identifier)
        if found is None or tab not in tabs.TABS:
            return await pages.render(request, "gone.html", status=404 if found else 410)
        return await pages.message(request, found, tab)


async def _body(inbox: Inbox, identifier: str, remote: bool) -> Response:
    content = await inbox.content(identifier)
    if content is None:
        return PlainTextResponse("This message is not here.", 410)
    view = View(content)
    html = frame.document(view.html, tabs.inline_parts(view))
    # A lone surrogate or the like must not turn the page into an error.
    return Response(
        html.encode("utf-8", "replace"),
        media_type="text/html; charset=utf-8",
        headers={"content-security-policy": frame.policy(remote=remote)},
    )


async def _download(inbox: Inbox, identifier: str) -> Response:
    found = await inbox.get(identifier)
    content = None if found is None else await inbox.content(found.id)
    if found is None or content is None:
        return PlainTextResponse("This message is not here.", 410)
    return _attached(content, "message/rfc822", f"{found.id}.eml")


def _attached(octets: bytes, media_type: str, name: str) -> Response:
    return Response(
        octets,
        media_type=media_type,
        headers={
            "content-disposition": f"attachment; filename*=UTF-8''{quote(name)}",
            "content-security-policy": "sandbox; default-src 'none'",
        },
    )


def _add_octets(routes: APIRouter, inbox: Inbox) -> None:
    @routes.get("/m/{identifier}/part/{path}")
    async def part(identifier: str, path: str) -> Response:
        content = await inbox.content(identifier)
        view = View(content or b"")
        octets = view.octets(path) if content is not None else None
        if octets is None:
            return PlainTextResponse("This part is not here.", 410)
        named = next((each for each in view.attachments if each.path == path), None)
        # Always a download, and never with a type the sender chose: it is somebody else's file.
        name = named.file_name if named and named.file_name else f"part-{path}"
        return _attached(octets, "application/octet-stream", name)


def _add_actions(routes: APIRouter, pages: Pages) -> None:
    @routes.post("/m/{identifier}/delete")
    async def delete(identifier: str) -> Response:
        await pages.inbox.delete([identifier])
        return RedirectResponse("/inbox", 303)

    @routes.post("/inbox/delete")
    async def delete_all() -> Response:
        await pages.inbox.delete(None)
        return RedirectResponse("/inbox", 303)

    @routes.post("/clock/advance")
    async def clock_advance(request: Request) -> Response:
        form = await _form(request)
        if pages.clock is not None:
            try:
                wanted = Advance.model_validate({"by": form.get("by"), "until": form.get("until")})
            except ValidationError:
                return PlainTextResponse("This is no way to move the clock.", 400)
            await advance(pages.clock, wanted)
        return RedirectResponse(_back(form.get("back", "")), 303)

    @routes.post("/theme")
    async def theme(request: Request) -> Response:
        form = await _form(request)
        answer = RedirectResponse(_back(form.get("back", "")), 303)
        chosen = form.get("theme", "")
        if chosen in THEMES:
            answer.set_cookie(
                THEME_COOKIE, chosen, max_age=A_YEAR_S, httponly=True, samesite="strict"
            )
        return answer


async def _form(request: Request) -> dict[str, str]:
    """Read a form as browsers send it; one with too many fields is an empty one."""
    text = (await request.body()).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, max_num_fields=MAX_FIELDS))
    except ValueError:
        return {}
