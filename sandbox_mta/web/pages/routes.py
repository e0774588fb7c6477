"""The routes of the inbox for people. Every view is a plain GET."""

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from sandbox_mta.store.inbox import Inbox
from sandbox_mta.web.pages import actions, octets, refused, tabs
from sandbox_mta.web.pages.place import link
from sandbox_mta.web.pages.render import Pages, place_of
from sandbox_mta.web.ports import ClockControl


def router(inbox: Inbox, clock: ClockControl | None, smtp: str, hostname: str) -> APIRouter:
    """Build the routes of the pages; `hostname` is the name of the sandbox."""
    routes = APIRouter(include_in_schema=False)
    pages = Pages(inbox, clock, smtp, hostname)
    # A path is matched in the order of the routes: the special ones come first.
    _add_latest(routes, pages)
    octets.add_routes(routes, inbox)
    _add_views(routes, pages)
    refused.add_routes(routes, pages)
    actions.add_routes(routes, inbox, clock)
    return routes


def _add_latest(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/m/latest")
    @routes.get("/m/latest/{tab}")
    async def latest(request: Request, tab: str = "preview") -> Response:
        q = place_of(request).q
        newest = await pages.inbox.latest(pages.read(q)[0])
        if newest is None:
            return await pages.render(request, "gone.html", status=404)
        return RedirectResponse(link(f"/m/{newest.id}/{quote(tab, safe='')}", q=q), 302)


def _add_views(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/")
    @routes.get("/inbox")
    async def inbox(request: Request) -> Response:
        return await pages.render(request, "inbox.html")

    @routes.get("/m/{identifier}")
    async def message(request: Request, identifier: str) -> Response:
        there = f"/m/{quote(identifier, safe='')}/preview"
        return RedirectResponse(place_of(request).link(there), 302)

    @routes.get("/m/{identifier}/{tab}")
    async def one(request: Request, identifier: str, tab: str) -> Response:
        found = await pages.inbox.get(identifier)
        if found is None or tab not in tabs.TABS:
            return await pages.render(request, "gone.html", status=404 if found else 410)
        return await pages.message(request, found, tab)
