"""Messages dumped as an mbox are the same when they are read again."""

import asyncio
import io
import mailbox
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from msa.envelope import Client, Kind
from sandbox_mta.dump import write_mbox
from sandbox_mta.linting.messages import FileMessage, read_messages
from sandbox_mta.store.stored import StoredMessage

STORED = StoredMessage(
    number=1,
    id="0353RdTusWCwdwS8764zFY",
    kind=Kind.MAIL,
    accepted_at=datetime(2026, 11, 24, tzinfo=UTC),
    refused_at=None,
    reverse_path="app@shop.example",
    author="",
    subject="",
    message_id="",
    size_octets=1,
    is_linted=True,
    is_read=False,
    client=Client(address="127.0.0.1", helo="x", user=None, tls=False),
    event=None,
    ret=None,
    envid=None,
    body=None,
    smtputf8=False,
    submission_key=None,
    parent_id=None,
    recipients=(),
    findings=(),
)


def dumped(*contents: bytes) -> bytes:
    left = list(contents)

    async def messages() -> AsyncIterator[StoredMessage]:
        for _ in contents:
            yield STORED

    async def content(_: StoredMessage) -> bytes:
        return left.pop(0)

    out = io.BytesIO()
    assert asyncio.run(write_mbox(messages(), content, out)) == len(contents)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: x\r\n\r\nHello.\r\n",
        b"Subject: x\r\n\r\nHello.\r\n\r\n\r\n",
        b"Subject: x\r\n\r\nFrom here\r\n>From there\r\n>>From all over\r\n",
        b"Subject: x\r\n\r\na bare CR\rFrom here\r\n",
        b"Subject: x\r\n",
    ],
)
def test_a_message_comes_back_as_it_was_but_for_its_line_ends(content: bytes) -> None:
    read = list(read_messages(io.BytesIO(dumped(content, content))))

    assert [one.content for one in read if isinstance(one, FileMessage)] == [
        content.replace(b"\r\n", b"\n")
    ] * 2


def test_a_last_line_that_does_not_end_is_ended(tmp_path: Path) -> None:
    (tmp_path / "mbox").write_bytes(dumped(b"Subject: x\r\n\r\nHello.", b"Subject: y\r\n\r\n"))

    with closing(mailbox.mbox(tmp_path / "mbox")) as box:
        assert [box.get_bytes(key) for key in box.keys()] == [  # noqa: SIM118 # it is no dict
            b"Subject: x\n\nHello.\n",
            b"Subject: y\n\n",
        ]
