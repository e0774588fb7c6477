"""What every request and response goes through: who may ask, how much, and under which policy.

A web page from anywhere can make a browser on this machine send requests here. So a request is
answered only for a host name of ours (DNS rebinding), and one that names an origin only when it
is our own (cross-site requests and sockets).
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_OCTETS = 5_000_000  # of a request; Mailpit's bound on JSON

_TOO_LARGE = f"a body may have {MAX_BODY_OCTETS} octets"

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class Guard:
    """Refuses foreign hosts, foreign origins and long bodies; adds the security headers."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str] | None) -> None:
        """Guard `app`; `hosts` are the names it answers to besides loopback, None: any name."""
        self._app = app
        self._hosts = None if hosts is None else {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._answer(scope, receive, send)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            return PlainTextResponse("this host name is not served here\n", 421)
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return PlainTextResponse("cross-origin requests are refused\n", 403)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_OCTETS:
            return PlainTextResponse(_TOO_LARGE + "\n", 413)
        return None

    def _is_ours(self, host: str) -> bool:
        if self._hosts is None:
            return True
        name = (urlsplit(f"//{host}").hostname or "").lower()
        return name in self._hosts or is_loopback(name)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_OCTETS:
                raise HTTPException(413, _TOO_LARGE)
            return message

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", PAGE_POLICY)
                headers.setdefault("x-content-type-options", "nosniff")
                # With no-referrer browsers send "Origin: null" with our own forms.
                headers.setdefault("referrer-policy", "same-origin")
                headers.setdefault("cross-origin-resource-policy", "same-origin")
            await send(message)

        await self._app(scope, bounded, with_policy)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
