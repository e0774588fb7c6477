"""One connection: carries lines to `Session`, content to `Intake`, and replies back.

The only module that imports aiosmtpd. What is overridden of it, and why: its way through DATA
and through paths costs most of its time, its replies have no enhanced codes and show exceptions
to clients, and a client that closes its half of the connection would lose acknowledged work.
Names with an underscore of aiosmtpd 1.4 and of asyncio's streams (the same in Python 3.11 to
3.13) are used on purpose; tests/unit/msa/test_server.py fails when they change.
"""

import asyncio
import logging
from asyncio import StreamReader, StreamReaderProtocol
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from aiosmtpd.smtp import SMTP

from msa import reply
from msa.command import Chunk, CommandLines
from msa.content import ChunkReader, ContentReader
from msa.proxy import NoHeader, take_header
from msa.recorder import Recorder, SessionRecord
from msa.reply import Reply
from msa.session import Session

if TYPE_CHECKING:
    from msa.server import Listening

log = logging.getLogger(__name__)

READ_LIMIT = 131_072  # octets; the transport stops reading when twice as many wait
MAX_HELD = 500  # replies held back while more commands wait; each has a line or a few
HANDSHAKE_S = 30.0  # for STARTTLS
FAREWELL_S = 1.0  # for a client to take its last reply before the connection is cut


class Connection(SMTP):
    """Aiosmtpd's stream protocol, with a loop of our own around `Session`."""

    def __init__(self, listening: "Listening") -> None:
        # SMTP.__init__ inspects its whole class, 20 % of the time with one message a connection.
        # What it finds is the same for every connection, so the listener had it run once.
        self.__dict__.update(listening.attributes)
        loop = asyncio.get_running_loop()
        StreamReaderProtocol.__init__(
            self, StreamReader(READ_LIMIT, loop), self._cb_client_connected, loop
        )
        self._listening = listening
        self._options = listening.options
        self._lines = CommandLines()
        self._replies: list[bytes] = []
        self._heard_at = loop.time()
        self._recorder = Recorder(
            started_s=self._heard_at, now=listening.now, new_id=listening.new_id
        )
        self._is_waiting = False  # for the client
        self._is_busy = False  # with lint and store: no time of the client's
        self._is_handshaking = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is none by isinstance
        peer = transport.get_extra_info("peername")
        self.host = str(peer[0]) if isinstance(peer, tuple) else ""
        tls = transport.get_extra_info("sslcontext") is not None
        # A proxy has everybody's connections; they are counted when it says whose they are.
        self._is_proxy = not tls and self._listening.is_proxy(self.host)
        self._dialogue = Session(self._options, self.host, tls=tls)
        if not (self._is_proxy or self._listening.admit(self)):
            self._say(reply.TOO_MANY_CONNECTIONS)
            transport.write(b"".join(self._replies))
            transport.close()
            self._record(self._recorder.end)
            return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        # aiosmtpd cancels its task here and in eof_received, and so a commit that runs. Ours
        # comes to its end by itself, as the reader has nothing more for it.
        StreamReaderProtocol.connection_lost(self, error)
        self.transport = None

    def eof_received(self) -> bool | None:
        # A client may close its half after the last command: what it sent is still answered.
        return StreamReaderProtocol.eof_received(self)

    def _reset_timeout(self, duration: float | None = None) -> None:
        # One timer a connection, put off when it fires; aiosmtpd makes one a command.
        self._heard_at = self.loop.time()
        self._timeout_handle = self.loop.call_later(self._options.idle_timeout_s, self._timeout_cb)

    def _timeout_cb(self) -> None:
        limit = self._options.idle_timeout_s
        left = limit if self._is_busy else self._heard_at + limit - self.loop.time()
        if left <= 0:
            self.hang_up(reply.IDLE)
        else:
            self._timeout_handle = self.loop.call_later(left, self._timeout_cb)

    # What the listener calls.

    @property
    def task(self) -> "asyncio.Task[None]":
        assert self._handler_coroutine is not None
        return self._handler_coroutine

    def shut_down(self) -> None:
        """Hang up now if no transaction is open; else the loop does after the transaction."""
        if (self._is_waiting or self._is_handshaking) and not self._dialogue.in_transaction:
            self.hang_up(reply.SHUTTING_DOWN)

    def hang_up(self, farewell: Reply) -> None:
        """Say a last reply, and close without waiting for the client."""
        if self.transport is not None:
            transport = self._writer.transport
            if not self._is_handshaking:  # nothing is said in the clear any more
                self._say(farewell)
                transport.write(b"".join(self._replies))
            self._replies.clear()
            transport.close()
            self.loop.call_later(FAREWELL_S, transport.abort)
            self.transport = None  # nothing more is obeyed or said

    def send_replies(self) -> None:
        """Send what was said, if it did not go out meanwhile."""
        if self._replies and self.transport is not None:
            self._writer.write(b"".join(self._replies))
            self._replies.clear()

    # The loop.

    async def _handle_client(self) -> None:
        try:
            if self._is_proxy:
                await self._read_proxy_header()
            if self.transport is not None:
                self._say(self._dialogue.greeting)
            while self.transport is not None:
                line = self._lines.take(self._buffer)
                if line is not None:
                    await self._obey(line)
                elif not await self._wait():
                    break
            await self._flush()
        except OSError as error:  # of the connection or of TLS; the store's are caught nearer
            log.debug("connection with %s ended: %s", self.host, error)
        except Exception:
            log.exception("the connection with %s failed: a bug of ours", self.host)
        finally:
            assert self._timeout_handle is not None
            self._timeout_handle.cancel()
            self._writer.close()
            self._listening.forget(self)
            self._record(self._recorder.end)

    def _record(self, so_far: Callable[[Session], SessionRecord | None]) -> None:
        sessions = self._listening.sessions
        if sessions is not None and (record := so_far(self._dialogue)) is not None:
            sessions.record(record)

    async def _read_proxy_header(self) -> None:
        """Hear for whom the proxy speaks; hangs up when it doesn't say."""
        try:
            while (address := take_header(self._buffer)) is None:
                if not await self._wait():
                    raise ConnectionAbortedError("the proxy left")
        except NoHeader:
            self._say(reply.NOT_PROXIED)
            await self._linger()
            return
        self.host = address or self.host
        self._dialogue = Session(self._options, self.host)
        if not self._listening.admit(self):
            self._say(reply.TOO_MANY_CONNECTIONS)
            await self._linger()

    @property
    def _buffer(self) -> bytearray:
        buffer: bytearray = self._reader._buffer  # type: ignore[attr-defined] # not in typeshed
        return buffer

    async def _obey(self, line: bytes) -> None:
        answer = self._hear(line)
        if self._dialogue.chunk is not None:
            answer = await self._receive_chunk(self._dialogue.chunk, answer)
        self._say(answer)
        if answer.code == 354:
            await self._receive()
        elif answer.code == 220:
            await self._start_tls()
        elif answer.code == 221:
            self._leave()
        elif answer.code == 421:
            await self._linger()
        elif len(self._replies) > MAX_HELD:
            await self._flush()
            await asyncio.sleep(0)  # one client's flood of commands leaves the others their turn
        if self._listening.is_closing and not self._dialogue.in_transaction:
            self.hang_up(reply.SHUTTING_DOWN)

    def _hear(self, line: bytes) -> Reply:
        self._recorder.heard(line, self._heard_at, self._dialogue)
        try:
            return self._dialogue.hear(line)
        except Exception:
            log.exception("a command of %s failed", self.host)
            return reply.LOCAL_ERROR

    def _say(self, answer: Reply) -> None:
        wire = answer.wire()
        self._recorder.said(answer, wire)
        self._replies.append(wire)

    async def _flush(self) -> None:
        # RFC 2920 section 3.2: replies may share a segment. One write for all that is there
        # takes 1.2 times the messages of a pipelining client (measured).
        self.send_replies()
        if self.transport is not None:
            await self._writer.drain()

    async def _wait(self) -> bool:
        """Let what was said go out and wait for the client; False when nothing more can come."""
        if self._replies:
            self._listening.send_soon(self)
        await self._writer.drain()
        if self._recorder.has_news:
            self._record(self._recorder.record)
        reader: Any = self._reader
        if self.transport is None or reader._eof:
            return False
        self._is_waiting = True
        try:
            await reader._wait_for_data("_wait")
        finally:
            self._is_waiting = False
        self._heard_at = self.loop.time()
        return True

    def _leave(self) -> None:
        """Close after the last reply; what else the client sent goes unread."""
        self._writer.write(b"".join(self._replies))
        self._writer.close()
        self.transport = None

    async def _linger(self) -> None:
        """Close as `_leave`, but read on for a moment.

        To close while a client still sends resets the connection, and takes the last reply away.
        """
        await self._flush()
        if self._writer.can_write_eof():
            self._writer.write_eof()
        self.loop.call_later(FAREWELL_S, self._writer.transport.abort)
        self.transport = None  # nothing more is said
        while await self._reader.read(READ_LIMIT):
            pass

    async def _start_tls(self) -> None:
        """Change to TLS (RFC 3207); raises an OSError when the handshake fails."""
        # No await before start_tls takes the transport over: octets of the handshake that came
        # before would be discarded with what was sent in the clear behind STARTTLS.
        reader, writer = self._reader, self._writer
        writer.write(b"".join(self._replies))
        self._replies.clear()
        self._buffer.clear()
        context = self._options.tls_context
        assert context is not None
        self._is_handshaking = True
        secure = await self.loop.start_tls(
            writer.transport, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
        )
        self._is_handshaking = False
        if secure is None:
            raise ConnectionAbortedError("we hung up during the handshake")
        reader._transport = writer._transport = secure  # type: ignore[attr-defined]
        self._transport = self.transport = secure
        self._over_ssl = True
        self._dialogue.tls_started()

    # The content.

    async def _receive(self) -> None:
        content = ContentReader(self._buffer, self._options.max_size)
        while not content.take(self._buffer):
            if not await self._wait():
                # Not a return: the rest of the content must never be taken for commands.
                raise ConnectionAbortedError("the client left during DATA")
        octets = content.content()
        self._say(reply.TOO_BIG if octets is None else await self._submit(octets))
        self._dialogue.reset()

    async def _receive_chunk(self, chunk: Chunk, answer: Reply) -> Reply:
        """Take the octets that follow BDAT, and return what to say then."""
        reader = ChunkReader(chunk.size, keep=answer.code == 250)
        while not reader.take(self._buffer):
            if not await self._wait():
                raise ConnectionAbortedError("the client left during BDAT")
        if answer.code == 250:
            content = self._dialogue.take_chunk(reader.octets)
            answer = answer if content is None else await self._submit(content)
        if chunk.is_last:
            self._dialogue.reset()
        return answer

    async def _submit(self, content: bytes) -> Reply:
        self._is_busy = True
        try:
            return await self._take(content)
        finally:
            self._is_busy = False
            self._heard_at = self.loop.time()

    async def _take(self, content: bytes) -> Reply:
        listening = self._listening
        submission = self._dialogue.submission(
            content,
            id=listening.new_id(),
            accepted_at=listening.now(),
            transcript=self._recorder.content(len(content)),
        )
        answer = await listening.intake.take(submission)
        self._recorder.judged(submission.id, answer)
        return answer


def shared_attributes(hostname: str) -> dict[str, Any]:
    """Return what aiosmtpd finds out about its own class, the same for every connection."""
    return dict(vars(SMTP(None, hostname=hostname, loop=asyncio.get_running_loop())))
