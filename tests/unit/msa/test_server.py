import asyncio
import gc
import logging
import socket
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import pytest
import uvloop

from msa.connection import READ_LIMIT
from msa.envelope import Submission
from msa.options import ServerOptions
from msa.server import Listening, listen
from tests.dialogues.serving import MemoryStore, client_context, serving, tls_context

TO_DATA = (
    b"EHLO client.example\r\nMAIL FROM:<ada@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
)
MESSAGE = TO_DATA + b"Subject: hello\r\n\r\nhello\r\n.\r\n"
PATIENCE_S = 10.0


class Client:
    """A client that says octets and hears replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    async def hear(self, beginning: str) -> str:
        """Read lines up to one that begins so; return it."""
        while True:
            line = await asyncio.wait_for(self.reader.readline(), PATIENCE_S)
            assert line, f"the connection ended before {beginning!r}"
            if line.decode().startswith(beginning):
                return line.decode().rstrip()


@asynccontextmanager
async def connected(listening: Listening) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(*listening.address)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def until(condition: object) -> None:
    """Wait until a callable says true; the loop turns meanwhile."""
    assert callable(condition)
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # the server has no event for a test
            await asyncio.sleep(0.001)


class CommittingStore(MemoryStore):
    """Tells when a commit has begun, and holds it until `gate` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.gate.clear()
        self.began = asyncio.Event()

    async def accept(
        self, submission: Submission, findings: object = None, fixed: object = None
    ) -> str:
        self.began.set()
        return await super().accept(submission)


async def test_the_message_reaches_the_store_as_it_was_sent() -> None:
    store = MemoryStore()
    async with serving(store=store) as listening, connected(listening) as client:
        await client.say(MESSAGE)

        assert await client.hear("250 2.0.0") == "250 2.0.0 Ok: queued as s-1"

    [submission] = store.accepted
    assert submission.content == b"Subject: hello\r\n\r\nhello\r\n"
    assert submission.envelope.reverse_path == "ada@example.org"
    assert [each.forward_path for each in submission.envelope.recipients] == ["bob@example.org"]
    assert (submission.client.address, submission.client.helo) == ("127.0.0.1", "client.example")


async def test_no_250_is_heard_before_the_commit() -> None:
    store = CommittingStore()
    async with serving(store=store) as listening, connected(listening) as client:
        await client.say(TO_DATA)
        await client.hear("354")
        await client.say(b"hello\r\n.\r\n")
        await store.began.wait()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.read(1), 0.02)
        store.gate.set()

        await client.hear("250 2.0.0 Ok: queued as s-1")


async def test_a_half_closed_client_hears_of_a_commit_that_was_running() -> None:
    store = CommittingStore()
    async with serving(store=store) as listening, connected(listening) as client:
        await client.say(MESSAGE * 2)
        client.writer.write_eof()
        await store.began.wait()
        store.gate.set()

        await client.hear("250 2.0.0 Ok: queued as s-1")
        await client.hear("250 2.0.0 Ok: queued as s-2")
        assert await client.reader.read() == b""


async def test_a_client_that_vanishes_does_not_cancel_its_commit() -> None:
    store = CommittingStore()
    async with serving(store=store) as listening, connected(listening) as client:
        await client.say(MESSAGE)
        await store.began.wait()
        [connection] = listening._connections
        vanish(client)
        await until(lambda: connection.transport is None)
        assert store.accepted == []

        store.gate.set()

        await until(lambda: store.accepted)


def vanish(client: Client) -> None:
    """Reset the connection instead of closing it."""
    client.writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    client.writer.transport.abort()


async def test_a_commit_that_takes_long_is_no_idle_client() -> None:
    store = CommittingStore()
    options = ServerOptions(idle_timeout_s=0.02)
    async with serving(options, store) as listening, connected(listening) as client:
        await client.say(MESSAGE)
        await store.began.wait()
        await asyncio.sleep(0.08)
        store.gate.set()

        await client.hear("250 2.0.0 Ok: queued as s-1")
        await client.hear("421 4.4.2")


async def test_a_client_that_keeps_talking_is_not_idle() -> None:
    async with serving(ServerOptions(idle_timeout_s=0.2)) as listening:
        async with connected(listening) as client:
            await client.hear("220")
            for _ in range(6):
                await asyncio.sleep(0.05)
                await client.say(b"NOOP\r\n")
                assert await client.hear("") == "250 2.0.0 Ok"


async def test_a_client_that_reads_nothing_is_read_no_further_and_cut_off() -> None:
    async with serving(ServerOptions(idle_timeout_s=0.5)) as listening:
        async with connected(listening) as client:
            client.reader._transport.pause_reading()  # type: ignore[attr-defined] # not in typeshed
            await until(lambda: listening._connections)
            [connection] = listening._connections

            with pytest.raises(OSError):  # noqa: PT011, PT012 # whichever write finds it cut
                while True:
                    await asyncio.sleep(0)
                    await client.say(b"HELP\r\n" * 1000)
                    assert connection._writer.transport.get_write_buffer_size() < 1_000_000


async def test_replies_are_held_in_bounds_while_a_client_pipelines_much() -> None:
    count = 3 * READ_LIMIT // 6
    async with serving() as listening, connected(listening) as client:
        sending = asyncio.create_task(client.say(b"NOOP\r\n" * count + b"QUIT\r\n"))

        heard = await asyncio.wait_for(client.reader.read(-1), PATIENCE_S)

        await sending
    assert heard.count(b"250 2.0.0 Ok\r\n") == count
    assert heard.endswith(b"221 2.0.0 Bye\r\n")


async def test_a_message_that_is_too_big_takes_no_memory() -> None:
    options = ServerOptions(max_size=1_000_000)
    store = MemoryStore()
    async with serving(options, store) as listening, connected(listening) as client:
        await client.say(TO_DATA)
        await client.hear("354")
        tracemalloc.start()
        for _ in range(200):
            await client.say(b"x" * 99_998 + b"\r\n")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        await client.say(b".\r\nNOOP\r\n")

        await client.hear("552 5.3.4")
        await client.hear("250 2.0.0")

    assert store.accepted == []
    assert peak < 4_000_000  # 20 MB were sent


async def test_a_message_of_the_largest_size_is_kept() -> None:
    store = MemoryStore()
    content = (b"y" * 998 + b"\r\n") * 50_000
    async with serving(store=store) as listening, connected(listening) as client:
        await client.say(TO_DATA + content + b".\r\n")

        await client.hear("250 2.0.0 Ok: queued as s-1")

    assert store.accepted[0].content == content


async def test_plaintext_behind_starttls_is_never_obeyed() -> None:
    store = MemoryStore()
    options = ServerOptions(tls_context=tls_context())
    async with serving(options, store) as listening, connected(listening) as client:
        await client.say(b"EHLO client.example\r\nSTARTTLS\r\n" + MESSAGE)
        await client.hear("220 2.0.0")

        await client.writer.start_tls(client_context())
        await client.say(b"NOOP\r\n")

        assert await client.hear("") == "250 2.0.0 Ok"
    assert store.accepted == []


async def test_a_handshake_that_fails_ends_the_connection_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = ServerOptions(tls_context=tls_context(), connections_per_host=1)
    async with serving(options) as listening:
        async with connected(listening) as client:
            await client.say(b"EHLO client.example\r\nSTARTTLS\r\n")
            await client.hear("220 2.0.0")
            await client.say(b"this is no handshake\r\n")
            await asyncio.wait_for(client.reader.read(), PATIENCE_S)
        await until(lambda: not listening._connections)

        async with connected(listening) as client:
            await client.hear("220 ")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("library", [asyncio, uvloop], ids=["asyncio", "uvloop"])
def test_closing_says_nothing_in_the_clear_into_a_handshake(library: ModuleType) -> None:
    unhandled: list[dict[str, Any]] = []

    async def close_during_the_handshake() -> bytes:
        asyncio.get_running_loop().set_exception_handler(lambda _, it: unhandled.append(it))
        async with serving(ServerOptions(tls_context=tls_context())) as listening:
            async with connected(listening) as client:
                await client.say(b"EHLO client.example\r\nSTARTTLS\r\n")
                await client.hear("220 2.0.0")
                await asyncio.wait_for(listening.close(drain_s=0), PATIENCE_S)
                heard = await asyncio.wait_for(client.reader.read(), PATIENCE_S)
        gc.collect()  # a task whose exception nobody took tells of it when it goes
        return heard

    with asyncio.Runner(loop_factory=library.new_event_loop) as runner:
        heard = runner.run(close_during_the_handshake())

    assert heard == b""
    assert unhandled == []


async def test_a_client_may_leave_tls_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(ServerOptions(tls_context=tls_context())) as listening:
        async with connected(listening) as client:
            await client.say(b"STARTTLS\r\n")
            await client.hear("220 2.0.0")
            await client.writer.start_tls(client_context())
            await client.say(b"NOOP\r\n")
            await client.hear("250")
        await until(lambda: not listening._connections)

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_credentials_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving() as listening, connected(listening) as client:
        await client.say(b"EHLO x\r\nAUTH PLAIN AGFkYQBoZW1saWc=\r\n")
        await client.hear("235")
        await client.say(b"RSET\r\nAUTH LOGIN\r\n")
        await client.hear("503")

    assert not [line for line in caplog.messages if "hemlig" in line or "aGVtbGln" in line]
    assert not [line for line in caplog.messages if "AGFkYQBoZW1saWc" in line]


async def test_a_failing_store_is_explained_in_the_log_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(store=MemoryStore("fails")) as listening, connected(listening) as client:
        await client.say(MESSAGE)

        assert await client.hear("4") == "451 4.3.0 Local error in processing"

    assert "disk on fire" in caplog.text


async def test_a_fault_outside_of_the_store_is_in_the_log_and_ends_that_connection_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def without_entropy() -> str:
        raise NotImplementedError("no source of randomness")

    async with serving() as listening:
        listening.new_id = without_entropy
        async with connected(listening) as client, connected(listening) as other:
            await client.say(MESSAGE)
            await asyncio.wait_for(client.reader.read(), PATIENCE_S)
            await other.say(b"NOOP\r\n")
            await other.hear("250 2.0.0 Ok")

    assert [r.exc_info[0] for r in caplog.records if r.exc_info] == [NotImplementedError]


async def test_a_refused_message_is_recorded_with_its_reply_and_findings() -> None:
    store = MemoryStore()
    options = ServerOptions(lint="reject")
    async with serving(options, store) as listening, connected(listening) as client:
        await client.say(TO_DATA + b"bad\r\n.\r\n")
        await client.hear("554 5.6.0 HDR004")

    [(submission, reply, findings)] = store.refused
    assert (submission.content, reply.code, len(findings)) == (b"bad\r\n", 554, 1)
    assert store.accepted == []


async def test_closing_lets_an_open_transaction_end() -> None:
    store = MemoryStore()
    async with serving(store=store) as listening, connected(listening) as client:
        await client.say(TO_DATA)
        await client.hear("354")
        closing = asyncio.create_task(listening.close(drain_s=PATIENCE_S))
        await asyncio.sleep(0.01)

        await client.say(b"hello\r\n.\r\n")

        await client.hear("250 2.0.0 Ok: queued as s-1")
        await client.hear("421 4.3.2")
        await closing


async def test_closing_obeys_nothing_that_was_pipelined_behind_the_transaction() -> None:
    store = CommittingStore()
    async with serving(store=store) as listening, connected(listening) as client:
        await client.say(MESSAGE * 2)
        await store.began.wait()
        closing = asyncio.create_task(listening.close(drain_s=PATIENCE_S))
        await asyncio.sleep(0)

        store.gate.set()

        await client.hear("250 2.0.0 Ok: queued as s-1")
        assert await client.hear("") == "421 4.3.2 The sandbox is shutting down, try again later"
        await closing
    assert len(store.accepted) == 1


async def test_closing_accepts_nobody_new() -> None:
    async with serving() as listening:
        address = listening.address
        await listening.close(drain_s=0)

        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)


async def test_closing_cuts_a_transaction_off_at_the_deadline() -> None:
    store = MemoryStore()
    async with serving(store=store) as listening, connected(listening) as client:
        await client.say(TO_DATA + b"hello\r\n")
        await client.hear("354")

        await listening.close(drain_s=0.02)

        await client.hear("421 4.3.2")
    assert store.accepted == []


async def test_connections_are_counted_down_again() -> None:
    async with serving(ServerOptions(connections_per_host=1)) as listening:
        for _ in range(3):
            async with connected(listening) as client:
                await client.say(b"QUIT\r\n")
                await client.hear("221")
            await until(lambda: not listening._connections)


async def test_a_taken_port_is_an_os_error() -> None:
    async with serving() as listening:
        with pytest.raises(OSError, match="address already in use"):
            await start(ServerOptions(), port=listening.address[1])


async def test_lint_mode_reject_needs_a_linter() -> None:
    with pytest.raises(ValueError, match="needs a linter"):
        await start(ServerOptions(lint="reject"), port=0)


async def start(options: ServerOptions, port: int) -> Listening:
    return await listen(
        options,
        MemoryStore(),
        None,
        now=lambda: pytest.fail("no message was sent"),
        new_id=lambda: pytest.fail("no message was sent"),
        host="127.0.0.1",
        port=port,
    )


def test_the_server_is_imported_without_what_few_messages_need() -> None:
    code = "import sys, msa.server; print({'email_validator', 'idna', 'dns'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
