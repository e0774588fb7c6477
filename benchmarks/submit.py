"""An SMTP load generator: sessions that submit messages as fast as the server answers.

    python benchmarks/submit.py 127.0.0.1:1025 --sessions 10 --messages 20000 --size 4096

Prints messages a second and the latency of a message from MAIL to the reply after the final dot.
One thread over epoll with blocking-free sockets, no asyncio: the generator shares the machine with
the server it measures, and costs it about 50 us a message this way.
"""

import argparse
import json
import select
import socket
import statistics
import sys
import time
from collections.abc import Generator as Steps
from collections.abc import Iterator
from dataclasses import dataclass, field

CRLF = b"\r\n"
FINAL = b".\r\n"
SILENCE_S = 30  # a server that says nothing for so long is given up


def compose(size: int) -> tuple[bytes, bytes]:
    """Build a multipart/alternative message of about `size` octets, split where its id goes."""
    head = (
        b"From: Shop <orders@shop.example>\r\nTo: Ada <ada@customer.example>\r\n"
        b"Subject: Your order is on its way\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n"
        b"Message-ID: <bench."
    )
    tail = (
        b"@shop.example>\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/alternative; boundary="=_part"\r\n\r\n'
        b"--=_part\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s"
        b"\r\n--=_part\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        b'<!doctype html><html lang="en"><title>Order</title><body>%s</body></html>\r\n'
        b"--=_part--\r\n"
    )
    room = max(0, size - len(head) - len(tail) - 12)
    line = b"Two items left our warehouse this morning and will be with you soon."
    text = CRLF.join([line] * max(1, room // 3 // (len(line) + 2)))
    html = CRLF.join([b"<p>%s</p>" % line] * max(1, room * 2 // 3 // (len(line) + 9)))
    return head, tail % (text, html)


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, and how."""

    address: tuple[str, int]
    sessions: int = 10
    messages: int = 10_000
    size: int = 4096
    reuse: bool = True  # many messages a connection, or one
    pipelined: bool = False  # MAIL, RCPT and DATA in one segment (RFC 2920)
    recipient: str = "ada@customer.example"


@dataclass(slots=True)
class Result:
    """What came of it: accepted messages, everything else, and latencies in seconds."""

    accepted: int = 0
    failed: int = 0
    elapsed_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    first_failure: str = ""

    def as_dict(self) -> dict[str, float | int | str]:
        cuts = statistics.quantiles(self.latencies_s or [0.0, 0.0], n=100)
        return {
            "accepted": self.accepted,
            "failed": self.failed,
            "seconds": round(self.elapsed_s, 3),
            "messages_per_s": round(self.accepted / self.elapsed_s, 1) if self.elapsed_s else 0.0,
            "p50_ms": round(cuts[49] * 1000, 2),
            "p99_ms": round(cuts[98] * 1000, 2),
            "first_failure": self.first_failure,
        }


class Session:
    """One SMTP session as a generator: yields octets to send, is sent each complete reply."""

    def __init__(self, load: Load, numbers: Iterator[int], result: Result) -> None:
        self._load, self._numbers, self._result = load, numbers, result
        self._head, self._tail = compose(load.size)
        self.socket = socket.create_connection(load.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._buffer = b""
        self._unsent = b""
        self._steps = self._dialogue()
        next(self._steps)

    @property
    def wants_to_write(self) -> bool:
        return bool(self._unsent)

    def read(self) -> bool:
        """Take what has arrived and answer it; False when the session is over."""
        data = self.socket.recv(65536)
        if not data:
            return False
        self._buffer += data
        try:
            while (reply := self._next_reply()) is not None:
                self._unsent += self._steps.send(reply)
        except StopIteration:
            return False
        self.write()
        return True

    def write(self) -> None:
        """Send as much as the socket takes."""
        if self._unsent:
            try:
                sent = self.socket.send(self._unsent)
            except BlockingIOError:
                return
            self._unsent = self._unsent[sent:]

    def _next_reply(self) -> bytes | None:
        # A reply ends with the first line whose fourth octet is no hyphen.
        start = 0
        while (end := self._buffer.find(CRLF, start)) >= 0:
            if self._buffer[start + 3 : start + 4] != b"-":
                reply, self._buffer = self._buffer[: end + 2], self._buffer[end + 2 :]
                return reply
            start = end + 2
        return None

    def _dialogue(self) -> Steps[bytes, bytes, None]:
        mail = b"MAIL FROM:<orders@shop.example>\r\n"
        rcpt = b"RCPT TO:<%s>\r\n" % self._load.recipient.encode()
        yield b""  # the greeting is sent in
        yield b"EHLO load.example\r\n"
        for number in self._numbers:
            started = time.perf_counter()
            if self._load.pipelined:
                yield mail + rcpt + b"DATA\r\n"
                yield b""
                reply = yield b""
            else:
                yield mail
                yield rcpt
                reply = yield b"DATA\r\n"
            reply = yield self._head + b"%012d" % number + self._tail + FINAL
            self._count(reply, started)
            if not self._load.reuse:
                break
        yield b"QUIT\r\n"

    def _count(self, reply: bytes, started: float) -> None:
        if reply.startswith(b"250"):
            self._result.accepted += 1
            self._result.latencies_s.append(time.perf_counter() - started)
            return
        self._result.failed += 1
        self._result.first_failure = self._result.first_failure or reply.decode("latin-1").strip()


class Generator:
    """Runs the sessions of a load over one epoll."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._numbers = iter(range(load.messages))
        self._poll = select.epoll()
        self._sessions: dict[int, Session] = {}
        self.result = Result()

    def run(self) -> Result:
        """Send everything and return what came of it."""
        started = time.perf_counter()
        for _ in range(self._load.sessions):
            self._start()
        while self._sessions and not self._is_done:
            ready = self._poll.poll(SILENCE_S)
            if not ready:
                raise SystemExit(f"no answer for {SILENCE_S} s after {self.result.accepted}")
            for descriptor, event in ready:
                self._serve(descriptor, event)
        self.result.elapsed_s = time.perf_counter() - started
        for session in self._sessions.values():
            session.socket.close()
        return self.result

    @property
    def _is_done(self) -> bool:
        return self.result.accepted + self.result.failed >= self._load.messages

    def _start(self) -> None:
        session = Session(self._load, self._numbers, self.result)
        self._sessions[session.socket.fileno()] = session
        self._poll.register(session.socket, select.EPOLLIN)

    def _serve(self, descriptor: int, event: int) -> None:
        session = self._sessions[descriptor]
        was_waiting = session.wants_to_write
        if event & select.EPOLLOUT:
            session.write()
        if event & ~select.EPOLLOUT and not self._read(session):
            self._end(descriptor)
        elif session.wants_to_write != was_waiting:
            writing = select.EPOLLOUT if session.wants_to_write else 0
            self._poll.modify(descriptor, select.EPOLLIN | writing)

    def _read(self, session: Session) -> bool:
        try:
            return session.read()
        except OSError as error:
            self.result.first_failure = self.result.first_failure or str(error)
            return False

    def _end(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self._sessions.pop(descriptor).socket.close()
        if not self._load.reuse and not self._is_done:
            self._start()


def run(load: Load) -> Result:
    """Send the load and return what came of it."""
    return Generator(load).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("address", help="HOST:PORT of the server")
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=4096, help="octets of a message")
    parser.add_argument("--one-per-connection", action="store_true")
    parser.add_argument("--pipelined", action="store_true", help="MAIL, RCPT, DATA in one segment")
    parser.add_argument("--recipient", default="ada@customer.example")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a sentence")
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    load = Load(
        (host or "127.0.0.1", int(port)),
        options.sessions,
        options.messages,
        options.size,
        not options.one_per_connection,
        options.pipelined,
        options.recipient,
    )
    found = run(load).as_dict()
    if options.json:
        print(json.dumps(found))
    else:
        print(
            f"{found['accepted']} accepted, {found['failed']} failed in {found['seconds']} s: "
            f"{found['messages_per_s']}/s, latency p50 {found['p50_ms']} ms, "
            f"p99 {found['p99_ms']} ms {found['first_failure']}".rstrip()
        )
    sys.exit(1 if found["failed"] or found["accepted"] < load.messages else 0)


if __name__ == "__main__":
    main()
