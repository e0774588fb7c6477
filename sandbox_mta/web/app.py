"""The web application: everything that answers over HTTP, put together."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from sandbox_mta.store.inbox import Inbox
from sandbox_mta.store.suppressions import SuppressionList
from sandbox_mta.web import api, evidence, fixes, live, mailpit, sessions, suppression
from sandbox_mta.web.guard import Guard
from sandbox_mta.web.pages import routes as pages
from sandbox_mta.web.ports import ClockControl, Health


def create_app(  # noqa: PLR0913 # everything the web is given
    inbox: Inbox,
    clock: ClockControl | None,
    health: Health,
    *,
    suppressions: SuppressionList,
    smtp: str,
    hostname: str = "sandbox.test",
    hosts: Iterable[str] | None,
    stopping: asyncio.Event,
) -> ASGIApp:
    """Build the application.

    `smtp` is the address people point their apps at, `hostname` that of the submission agent in
    trace fields, `hosts` the names answered to besides
    loopback's (None: any), and `stopping` ends the streams of pages that listen.
    """
    app = FastAPI(
        title="sandbox-mta",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v2/openapi.json",
    )
    app.include_router(api.router(clock, health))
    app.include_router(evidence.router(inbox))
    app.include_router(fixes.router(inbox, hostname))
    app.include_router(sessions.router(inbox, hostname))
    app.include_router(suppression.router(suppressions))
    app.include_router(mailpit.router(inbox))
    app.include_router(pages.router(inbox, clock, smtp, hostname))
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")))
    _add_probes(app, health)

    @app.get("/stream", include_in_schema=False)
    async def stream() -> Response:
        events = live.positions(inbox.position, stopping)
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    @app.exception_handler(Exception)
    async def failed(_request: Request, _error: Exception) -> Response:
        # The traceback is in the log; what it says concerns nobody outside.
        return PlainTextResponse("Something went wrong here; the log says what.\n", 500)

    return Guard(app, hosts=hosts)


def _add_probes(app: FastAPI, health: Health) -> None:
    @app.get("/livez", include_in_schema=False)
    async def livez() -> Response:
        return Response(status_code=200)

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        missing = health.not_ready()
        return PlainTextResponse("\n".join(missing), 503 if missing else 200)
