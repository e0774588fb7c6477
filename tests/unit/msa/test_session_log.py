"""What the server hands to the log of sessions, however a session ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from itertools import count
from typing import Any

import pytest

from msa.options import ServerOptions
from msa.recorder import Ending, SessionRecord
from msa.server import Listening, listen
from tests.dialogues.serving import MemoryStore, WordLinter, client_context, tls_context

PATIENCE_S = 10.0
OPTIONS = ServerOptions(hostname="msa.example")


class Log:
    """Keeps records in a list."""

    def __init__(self) -> None:
        self.records: list[SessionRecord] = []

    def record(self, session: SessionRecord) -> None:
        self.records.append(session)

    async def ended(self) -> SessionRecord:
        """Wait for the record of a session that is over."""
        async with asyncio.timeout(PATIENCE_S):
            while not (over := [one for one in self.records if one.ended_at]):
                await asyncio.sleep(0.001)
        return over[0]


@asynccontextmanager
async def serving(
    log: Log, store: MemoryStore | None = None, **options: Any
) -> AsyncIterator[Listening]:
    ids = count(1)
    listening = await listen(
        replace(OPTIONS, **options),
        store or MemoryStore(),
        WordLinter(),
        now=lambda: datetime.now(UTC),
        new_id=lambda: f"id-{next(ids)}",
        host="127.0.0.1",
        port=0,
        sessions=log,
    )
    try:
        yield listening
    finally:
        await listening.close(drain_s=0)


async def say(listening: Listening, octets: bytes, until: bytes = b"") -> bytes:
    """Say octets, hear up to a word or to the end, and hang up."""
    reader, writer = await asyncio.open_connection(*listening.address)
    heard = b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            writer.write(octets)
            while chunk := await reader.read(65_536):
                heard += chunk
                if until and until in heard:
                    break
    finally:
        writer.close()
    return heard


TO_DATA = b"EHLO a.example\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\n"
MESSAGE = TO_DATA + b"Subject: x\r\n\r\nhello\r\n.\r\n"


async def test_a_delivery_leaves_no_record_and_a_transcript_with_its_message() -> None:
    log, store = Log(), MemoryStore()
    async with serving(log, store) as listening:
        await say(listening, MESSAGE + b"QUIT\r\n")

    assert log.records == []
    [submission] = store.accepted
    lines = [line[8:] for line in submission.transcript.splitlines()]
    assert lines[0] == "S: 220 msa.example ESMTP sandbox-mta"
    assert lines[-3:] == [
        "C: DATA",
        "S: 354 End data with <CR><LF>.<CR><LF>",
        "C: [21 octets]",
    ]


async def test_chunks_are_in_the_transcript_by_their_sizes() -> None:
    log, store = Log(), MemoryStore()
    to_rcpt = TO_DATA.removesuffix(b"DATA\r\n")
    async with serving(log, store) as listening:
        await say(listening, to_rcpt + b"BDAT 4\r\nSubjBDAT 8 LAST\r\nect: x\r\nQUIT\r\n")

    [submission] = store.accepted
    lines = [line[8:] for line in submission.transcript.splitlines()]
    assert lines[-4:] == [
        "C: BDAT 4",
        "S: 250 2.0.0 4 octets taken",
        "C: BDAT 8 LAST",
        "C: [12 octets]",
    ]
    assert "Subj" not in submission.transcript


async def test_a_refusal_is_recorded_before_the_session_ends() -> None:
    log = Log()
    async with serving(log) as listening:
        reader, writer = await asyncio.open_connection(*listening.address)
        writer.write(b"EHLO a.example\r\nRCPT TO:<b@b.example>\r\n")
        await asyncio.wait_for(reader.readuntil(b"503 5.5.1"), PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            while not log.records:
                await asyncio.sleep(0.001)
        [record] = log.records
        writer.close()

    assert record.ended_at is None
    assert [one.command for one in record.refusals] == ["RCPT TO:<b@b.example>"]
    assert record.client.helo == "a.example"


async def test_a_message_that_is_refused_is_named_by_its_submission() -> None:
    log, store = Log(), MemoryStore()
    content = b"bad\r\n.\r\nQUIT\r\n"
    async with serving(log, store, lint="reject") as listening:
        await say(listening, TO_DATA + content)
        record = await log.ended()

    [(submission, reply, _)] = store.refused
    refused = [one for each in log.records for one in each.refusals]
    assert [(one.submission_id, one.reply) for one in refused] == [(submission.id, reply)]
    assert (record.messages, record.refused, record.ending) == (0, 1, Ending.QUIT)


@pytest.mark.parametrize(
    ("options", "octets", "ending"),
    [
        ({}, b"QUIT\r\n", Ending.QUIT),
        ({}, b"EHLO a.example\r\n", Ending.DROPPED),
        ({}, TO_DATA + b"half a mess", Ending.DROPPED),
        ({}, b"NOSUCH\r\n" * 30, Ending.REFUSED),
        ({}, b"GET / HTTP/1.1\r\n", Ending.REFUSED),
        ({"idle_timeout_s": 0.05}, b"EHLO a.example\r\n", Ending.TIMEOUT),
        ({"proxies": (ip_network("127.0.0.0/8"),)}, b"EHLO a.example\r\n", Ending.REFUSED),
    ],
    ids=["quit", "left", "left in DATA", "nonsense", "http", "silent", "no proxy"],
)
async def test_every_ending_is_told(options: dict[str, Any], octets: bytes, ending: Ending) -> None:
    log = Log()
    async with serving(log, **options) as listening:
        until = b"354" if b"DATA" in octets else b"250 HELP" if ending is Ending.DROPPED else b""
        heard = await say(listening, octets, until)
        record = await log.ended()

    assert record.ending is ending
    assert record.refused == sum(len(one.refusals) for one in log.records)
    assert (record.refused > 0) is (ending is Ending.REFUSED)
    assert heard.splitlines()[-1].decode() in record.transcript


async def test_a_connection_that_is_one_too_many_is_recorded() -> None:
    log = Log()
    async with serving(log, connections_per_host=1) as listening:
        _, first = await asyncio.open_connection(*listening.address)
        heard = await say(listening, b"")
        record = await log.ended()
        first.close()

    [refusal] = record.refusals
    assert (refusal.command, str(refusal.reply)) == ("", heard.decode().rstrip())
    assert record.ending is Ending.REFUSED
    assert record.client.address == "127.0.0.1"


async def test_a_shutdown_is_told() -> None:
    log = Log()
    async with serving(log) as listening:
        reader, writer = await asyncio.open_connection(*listening.address)
        await reader.readline()
    record = await log.ended()
    writer.close()

    assert record.ending is Ending.SHUTDOWN
    assert record.refused == 0
    assert "421 4.3.2" in record.transcript


async def test_what_is_said_after_starttls_is_in_the_transcript_too() -> None:
    log = Log()
    async with serving(log, tls_context=tls_context()) as listening:
        reader, writer = await asyncio.open_connection(*listening.address)
        writer.write(b"EHLO a.example\r\nSTARTTLS\r\n")
        await asyncio.wait_for(reader.readuntil(b"Ready to start TLS\r\n"), PATIENCE_S)
        await writer.start_tls(client_context())
        writer.write(b"EHLO again.example\r\nQUIT\r\n")
        await asyncio.wait_for(reader.readuntil(b"Bye\r\n"), PATIENCE_S)
        writer.close()
        record = await log.ended()

    assert record.client.tls
    assert record.client.helo == "again.example"
    assert record.ending is Ending.QUIT
    assert "C: STARTTLS\n        S: 220 2.0.0 Ready to start TLS\n" in record.transcript


async def test_the_client_of_a_proxy_is_who_it_speaks_for() -> None:
    log = Log()
    header = b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\r\n"
    async with serving(log, proxies=(ip_network("127.0.0.0/8"),)) as listening:
        await say(listening, header + b"QUIT\r\n")
        record = await log.ended()

    assert record.client.address == "192.0.2.7"
    assert record.ending is Ending.QUIT
