"""What a reader can change: each is a plain form, answered with a redirect back to a page."""

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from pydantic import ValidationError

from sandbox_mta.store.inbox import EVERY, Inbox
from sandbox_mta.web.api import Advance, advance
from sandbox_mta.web.pages.render import THEME_COOKIE, THEMES
from sandbox_mta.web.ports import ClockControl

MAX_FIELDS = 10  # of a form
A_YEAR_S = 31_536_000


def add_routes(routes: APIRouter, inbox: Inbox, clock: ClockControl | None) -> None:
    """Add the forms of the pages."""

    @routes.post("/m/{identifier}/delete")
    async def delete(request: Request, identifier: str) -> Response:
        form = await _form(request)
        await inbox.delete([identifier])
        return _back_to(form)

    @routes.post("/inbox/delete")
    async def delete_all(request: Request) -> Response:
        form = await _form(request)
        ids = await inbox.ids(EVERY)
        newest = form.get("newest", "")
        # Exactly the messages that the button counted: what came since stays.
        await inbox.delete(ids[: ids.index(newest) + 1] if newest in ids else [])
        return _back_to(form)

    @routes.post("/clock/advance")
    async def clock_advance(request: Request) -> Response:
        form = await _form(request)
        if clock is not None:
            try:
                wanted = Advance.model_validate({"by": form.get("by"), "until": form.get("until")})
            except ValidationError:
                return PlainTextResponse("This is no way to move the clock.\n", 400)
            await advance(clock, wanted)
        return _back_to(form)

    @routes.post("/theme")
    async def theme(request: Request) -> Response:
        form = await _form(request)
        answer = _back_to(form)
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


def _back_to(form: dict[str, str]) -> RedirectResponse:
    return RedirectResponse(inside(form.get("back", "")), 303)


def inside(path: str) -> str:
    """Keep a redirect inside the inbox, whatever a form says."""
    is_inside = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_inside and path.isascii() and path.isprintable() else "/inbox"
