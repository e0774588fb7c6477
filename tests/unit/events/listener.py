"""A web server that takes what is posted to it, and answers as a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """What was posted."""

    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(slots=True)
class Listener:
    """What a server has heard, and the octets with which it answers."""

    port: int = 0
    answer: Callable[[Request], bytes] = lambda _: b"HTTP/1.1 200 OK\r\n\r\n"
    heard: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    """Run a server on a free port of loopback."""
    listener = Listener()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): text for name, _, text in (x.partition(": ") for x in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        request = Request(first.split(" ")[1], headers, body)
        listener.heard.append(request)
        with suppress(ConnectionError):  # a client may leave in the middle of an answer
            writer.write(listener.answer(request))
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener
