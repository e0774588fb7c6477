"""The routes that answer with what a sender wrote, each under a policy that disarms it."""

from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from msa.message.view import View
from sandbox_mta.store.inbox import Inbox
from sandbox_mta.web.pages import frame
from sandbox_mta.web.pages.preview import inline_parts


def add_routes(routes: APIRouter, inbox: Inbox) -> None:
    """Add the frame's document, the whole message and each of its parts."""

    @routes.get("/m/{identifier}/body")
    async def body(identifier: str, remote: str = "") -> Response:
        content = await inbox.content(identifier)
        if content is None:
            return _gone()
        return _document(View(content), remote=remote == "1")

    @routes.get("/m/{identifier}/raw.eml")
    async def raw(identifier: str) -> Response:
        content = await inbox.content(identifier)
        if content is None:
            return _gone()
        return _attached(content, "message/rfc822", f"{identifier}.eml")

    @routes.get("/m/{identifier}/part/{path}")
    async def part(identifier: str, path: str) -> Response:
        content = await inbox.content(identifier)
        view = View(content or b"")
        octets = view.octets(path)
        if content is None or octets is None:
            return _gone()
        named = next((each for each in view.attachments if each.path == path), None)
        # Always a download, and never with a type the sender chose: it is somebody else's file.
        name = named.file_name if named and named.file_name else f"part-{path}"
        return _attached(octets, "application/octet-stream", name)


def _document(view: View, *, remote: bool) -> Response:
    html = frame.document(view.html, inline_parts(view), remote=remote)
    return Response(
        html.encode("utf-8", "replace"),  # a lone surrogate is no reason for an error
        media_type="text/html; charset=utf-8",
        headers={
            "content-security-policy": frame.policy(remote=remote),
            "referrer-policy": "no-referrer",
            # No policy forbids to look up the hosts of links.
            "x-dns-prefetch-control": "off",
        },
    )


def _attached(octets: bytes, media_type: str, name: str) -> Response:
    readable = name.encode("utf-8", "replace")
    return Response(
        octets,
        media_type=media_type,
        headers={
            "content-disposition": f"attachment; filename*=UTF-8''{quote(readable, safe='')}",
            "content-security-policy": "sandbox; default-src 'none'",
        },
    )


def _gone() -> Response:
    return PlainTextResponse("This is not here.\n", 410)
