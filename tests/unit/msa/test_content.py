"""DATA in bulk, and beside it aiosmtpd's own way line by line: both must keep the same octets."""

import asyncio

import pytest
from aiosmtpd.smtp import SMTP

from msa.content import PIECE, ContentReader
from tests.dialogues.serving import MemoryStore, serving

END = b"\r\n.\r\n"

# Content as it should be kept.
BODIES = {
    "nothing": b"",
    "one empty line": b"\r\n",
    "a line": b"hello\r\n",
    "dot lines": b".\r\n..\r\n...\r\n.x\r\n",
    "a dot at the end": b"hello.\r\n",
    "bare LF": b"a\nb\n\n.\nc\r\n",
    "bare CR": b"a\rb\r\r\n\r.\r\r\n",
    "look-alikes": b"a\n.\nb\r\nc\n.\r\nd\r\n\0.\0\r\n",
    "a dot after LF and before CR": b"a\r\n.\nb\r\n.\rc\r\n",
    "a line of 2,000 octets": b"x" * 2000 + b"\r\n",
    "no UTF-8": b"\xff\xfe\x80\r\n",
    "lines of dots": b".\r\n" * 50,
}
SIZES = (1, 2, 3, 7, 1000, 1_000_000)


def stuffed(body: bytes) -> bytes:
    """Return a body as a client sends it, with its end (RFC 5321 section 4.5.2)."""
    return (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def pieces(octets: bytes, size: int) -> list[bytes]:
    return [octets[i : i + size] for i in range(0, len(octets), size)]


def read(wire: bytes, size: int, max_size: int = 10_000_000) -> tuple[bytes | None, bytes]:
    """Return the content read from a wire in pieces, and what is left in the buffer."""
    buffer = bytearray()
    reader = ContentReader(buffer, max_size)
    ended = False
    for piece in pieces(wire, size):
        buffer += piece
        ended = ended or reader.take(buffer)
    assert ended
    return reader.content(), bytes(buffer)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_content_is_kept_however_it_is_split(body: bytes, size: int) -> None:
    assert read(stuffed(body) + b"QUIT\r\n", size) == (body, b"QUIT\r\n")


@pytest.mark.parametrize("shift", range(-6, 7))
@pytest.mark.parametrize("line", [b".\r\n", b"\r\n", b"..\r\n", b"\r\r\n", b"x" * 90_000 + b"\r\n"])
def test_content_is_kept_where_a_piece_is_set_aside(line: bytes, shift: int) -> None:
    body = b"x" * (PIECE + shift) + b"\r\n" + line * 3

    assert read(stuffed(body), PIECE + 1)[0] == body
    assert read(stuffed(body), PIECE // 2 + 1)[0] == body


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\r\n.", b"\r\n.\r"])
def test_an_end_cut_in_two_is_found(end: bytes) -> None:
    body = b"x" * PIECE
    buffer = bytearray()
    reader = ContentReader(buffer, 10_000_000)

    buffer += body + end
    assert not reader.take(buffer)
    buffer += END[len(end) :]

    assert reader.take(buffer)
    assert reader.content() == body + b"\r\n"


@pytest.mark.parametrize(("max_size", "kept"), [(102, True), (101, False)])
def test_the_limit_counts_octets_without_stuffed_dots(max_size: int, kept: bool) -> None:
    body = b"." * 100 + b"\r\n"

    content, rest = read(stuffed(body) + b"NOOP\r\n", 10, max_size)

    assert content == (body if kept else None)
    assert rest == b"NOOP\r\n"


def test_what_is_too_big_is_dropped_as_it_comes() -> None:
    buffer = bytearray()
    reader = ContentReader(buffer, 200_000)

    for _ in range(100):
        buffer += b"x" * 50_000
        reader.take(buffer)
        assert len(buffer) <= PIECE
        assert sum(map(len, reader._pieces)) <= 200_002
    assert reader._pieces == []


class Sink:
    """aiosmtpd's handler: keeps the content it is given."""

    content: bytes | None = None

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.content = envelope.original_content  # type: ignore[attr-defined] # aiosmtpd's Envelope
        return "250 2.0.0 Ok"


class Patient(SMTP):
    """aiosmtpd with room for lines of any length; it refuses 1,002 octets and more."""

    line_length_limit = 100_000


async def send(address: tuple[str, int], wire: bytes, size: int) -> None:
    reader, writer = await asyncio.open_connection(*address)
    opening = b"HELO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
    for piece in [opening, *pieces(wire, size), b"QUIT\r\n"]:
        writer.write(piece)
        await asyncio.sleep(0)
    assert b"\r\n221 " in await asyncio.wait_for(reader.read(), 10)
    writer.close()


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_aiosmtpd_keeps_the_same_octets(body: bytes, size: int) -> None:
    sink, store = Sink(), MemoryStore()
    stock = await asyncio.get_running_loop().create_server(
        lambda: Patient(sink, hostname="stock.example"), "127.0.0.1", 0
    )

    async with stock, serving(store=store) as listening:
        await send(stock.sockets[0].getsockname(), stuffed(body), size)
        await send(listening.address, stuffed(body), size)

    assert sink.content == body
    assert [submission.content for submission in store.accepted] == [body]
