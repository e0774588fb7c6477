"""The embedded broker: a Kafka of one node that lives and dies with the process that starts it."""

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from bridge.broker.database import StorageError
from bridge.broker.node import Node, Settings
from bridge.broker.server import Limits, Server

log = logging.getLogger(__name__)

BANNER = (
    "embedded Kafka broker: one node for development; no replication, no access control, no TLS"
)
RETENTION_EVERY_S = 60.0
TRANSACTIONS_EVERY_S = 1.0


class EmbeddedBroker:
    """Runs a broker on a thread of its own, with its own event loop.

    So a commit on a slow disk, or a large batch to check, delays the broker's clients and nothing
    else in the process. Start and stop it from any event loop.
    """

    def __init__(
        self,
        data: Path | None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        advertised: tuple[str, int] | None = None,
        settings: Settings | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Keep the log in the folder `data`, or in memory when there is none.

        `port` 0 takes a free one. Clients are told `advertised`, or else the address they came to.
        """
        self._data = data
        self._listen = (host, port)
        self._advertised = advertised
        self._settings = settings or Settings()
        self._limits = limits or Limits()
        self._started: concurrent.futures.Future[tuple[str, int]] = concurrent.futures.Future()
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._stop: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._thread = threading.Thread(target=self._run, name="kafka-broker", daemon=True)

    async def start(self) -> tuple[str, int]:
        """Start, and return the address once clients can connect.

        Raises `OSError` when the address is taken and `StorageError` when the log can't be opened.
        """
        self._thread.start()
        return await asyncio.wrap_future(self._started)

    async def wait(self) -> None:
        """Wait until the broker has ended; raises what ended it, if it wasn't `stop`."""
        # Shielded: who stops waiting must not cancel the end of the thread.
        await asyncio.shield(asyncio.wrap_future(self._ended))

    async def stop(self) -> None:
        """Stop, and wait until the log is closed."""
        if self._stop is not None:
            loop, stop = self._stop
            with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended by itself
                loop.call_soon_threadsafe(stop.set)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            # Whoever waits for the start hears of it there, everybody else at the end.
            if not self._started.done():
                self._started.set_exception(error)
                self._ended.set_result(None)
            else:
                self._ended.set_exception(error)
        else:
            self._ended.set_result(None)

    async def _main(self) -> None:
        stop = asyncio.Event()
        self._stop = asyncio.get_running_loop(), stop
        node = Node(self._path(), self._settings)
        server = Server(node, self._advertised, self._limits)
        try:
            await node.open()
            address = await server.start(*self._listen)
            log.info("%s; on %s:%d, log in %s", BANNER, *address, self._data or "memory")
            self._started.set_result(address)
            async with asyncio.TaskGroup() as tasks:
                chores = [
                    tasks.create_task(
                        _every(TRANSACTIONS_EVERY_S, node.abort_expired_transactions)
                    ),
                    tasks.create_task(_every(RETENTION_EVERY_S, node.expire_records)),
                ]
                await stop.wait()
                for chore in chores:
                    chore.cancel()
        finally:
            await server.stop()
            node.close()

    def _path(self) -> Path | None:
        if self._data is None:
            return None
        try:
            self._data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self._data}: {error.strerror}") from error
        return self._data / "log.db"


async def _every(seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await chore()
        except StorageError as error:  # a full disk may be emptied; the next round tries again
            log.error("kafka: housekeeping: %s", error)
