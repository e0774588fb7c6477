"""The listener: frames in, frames out, in order on each connection, and nothing trusted.

A frame is bounded before it is read, and by what it asks for: only Produce may be large. Whatever
is wrong with a frame closes its connection with one line in the log.
"""

import asyncio
import contextlib
import logging
import struct
from dataclasses import dataclass

from bridge.broker.api.call import Call
from bridge.broker.codes import Api
from bridge.broker.database import StorageError
from bridge.broker.dispatch import HANDLERS
from bridge.broker.node import Node
from bridge.broker.wire import (
    Malformed,
    Request,
    api_versions,
    decode_request,
    encode_response,
)

log = logging.getLogger(__name__)

MAX_REQUEST_OCTETS = 100 * 2**20  # a Produce request; Kafka's socket.request.max.bytes
MAX_SMALL_REQUEST_OCTETS = 2 * 2**20  # any other; a client's default batch of 1 MiB fits too


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What peers may take; buffers stay below `connections` * 2 + `large_at_once` * 100 MiB."""

    connections: int = 512
    large_at_once: int = 2  # requests of more than 2 MiB that are read at the same time
    idle_s: float = 600.0  # between two requests; Kafka's connections.max.idle.ms
    stalled_s: float = 30.0  # inside a request, or while the peer doesn't read its response


_HEAD = struct.Struct(">h")  # the kind of request, the first field after the length


class Server:
    """Accepts connections and answers their requests in order."""

    def __init__(self, node: Node, advertised: tuple[str, int] | None, limits: Limits) -> None:
        self._node = node
        self._advertised = advertised
        self._limits = limits
        self._connections: set[asyncio.Task[None]] = set()
        self._large = asyncio.Semaphore(limits.large_at_once)
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; return the address. Raises `OSError` when it can't."""
        self._listener = await asyncio.start_server(self._serve, host, port, backlog=128)
        name = self._listener.sockets[0].getsockname()
        return name[0], name[1]

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._listener is not None:
            self._listener.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        try:
            await self._converse_or_log(reader, writer)
        except asyncio.CancelledError:
            pass  # only `stop` cancels, and asyncio would log the cancellation as an error
        finally:
            self._connections.discard(connection)
            writer.transport.abort()  # the peer may never read what is still buffered

    async def _converse_or_log(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        peer = "{}:{}".format(*(writer.get_extra_info("peername") or ("?", "?"))[:2])
        try:
            if len(self._connections) > self._limits.connections:
                raise Malformed(f"more than {self._limits.connections} connections")
            await self._converse(reader, writer)
        except Malformed as error:
            log.warning("kafka: closing the connection of %s: %s", peer, error)
        except StorageError as error:
            log.error("kafka: closing the connection of %s: storage: %s", peer, error)
        except (ConnectionError, TimeoutError):
            log.debug("kafka: %s is gone", peer)
        except asyncio.IncompleteReadError:
            await self._finish(writer)
        except Exception:  # our bug: it costs this connection, not the broker
            log.exception("kafka: closing the connection of %s", peer)

    async def _finish(self, writer: asyncio.StreamWriter) -> None:
        # The peer has said all it had to say; what it is owed is still sent.
        writer.close()
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(self._limits.stalled_s):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = writer.get_extra_info("sockname")[:2]
        client_host = (writer.get_extra_info("peername") or ("?",))[0]
        reached_at = self._advertised or (host, port)
        while True:
            request = decode_request(await self._read_frame(reader))
            response = await self._answer(request, client_host, reached_at)
            if response is not None:
                writer.write(response)
                async with asyncio.timeout(self._limits.stalled_s):
                    await writer.drain()

    async def _answer(
        self, request: Request, client_host: str, reached_at: tuple[str, int]
    ) -> bytes | None:
        if request.api is Api.API_VERSIONS:
            return encode_response(request, api_versions(request))
        call = Call(request.fields, request.version, request.client_id, client_host, reached_at)
        fields = await HANDLERS[request.api](self._node, call)
        return None if fields is None else encode_response(request, fields)

    async def _read_frame(self, reader: asyncio.StreamReader) -> bytes:
        async with asyncio.timeout(self._limits.idle_s):
            (size,) = struct.unpack(">i", await reader.readexactly(4))
        if not _HEAD.size <= size <= MAX_REQUEST_OCTETS:
            raise Malformed(f"a request of {size} octets: not the Kafka protocol, or too large")
        async with asyncio.timeout(self._limits.stalled_s):
            if size <= MAX_SMALL_REQUEST_OCTETS:
                return await reader.readexactly(size)
            head = await reader.readexactly(_HEAD.size)
        if _HEAD.unpack(head) != (Api.PRODUCE,):
            raise Malformed(f"a request of {size} octets that is no Produce")
        async with self._large, asyncio.timeout(self._limits.stalled_s):
            return head + await reader.readexactly(size - _HEAD.size)
