"""Stored messages written out: JSON lines, `.eml` files, or an mbox.

Given an iterator of messages and knows no database. Files are written under a temporary name and
renamed, so that whoever watches the folder never reads half a message.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sandbox_mta.store.stored import StoredMessage

Messages = AsyncIterator[StoredMessage]
Content = Callable[[StoredMessage], Awaitable[bytes]]  # the octets of a message

FORMATS = ("jsonl", "eml", "mbox")

_FROM = re.compile(rb"^(?=>*From )", re.MULTILINE)


def as_dict(message: StoredMessage) -> dict[str, Any]:
    """Return a message as the object of a JSON line; names and order are a contract."""
    return {
        "id": message.id,
        "kind": message.kind,
        "accepted_at": _time(message.accepted_at),
        "reverse_path": message.reverse_path,
        "author": message.author,
        "subject": message.subject,
        "size_octets": message.size_octets,
        "lint": message.lint,
        "recipients": [
            {
                "forward_path": recipient.forward_path,
                "state": recipient.state,
                "action": recipient.action or None,
                "attempts": recipient.attempts,
                "reply": recipient.reply or None,
                "exchanger": recipient.exchanger or None,
            }
            for recipient in message.recipients
        ],
        "findings": [
            {
                "code": finding.code,
                "name": finding.name,
                "severity": finding.severity,
                "part": finding.part,
                "offset": finding.offset,
                "line": finding.line,
                "column": finding.column,
                "evidence": finding.evidence,
                "reference": finding.reference,
            }
            for finding in message.findings
        ],
        "event": _event(message),
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%d %H:%M:%S.%f}"


def _event(message: StoredMessage) -> dict[str, Any] | None:
    event = message.event
    if event is None:
        return None
    return {
        "topic": event.topic,
        "partition": event.partition,
        "offset": event.offset,
        "id": event.id,
        "type": event.type,
        "template": event.template,
        "version": event.version,
    }


async def write_jsonl(messages: Messages, content: Content | None, to: BinaryIO) -> int:
    """Write one JSON object a line; with `content` its octets too, as base64. Return the count."""
    count = 0
    async for message in messages:
        line = as_dict(message)
        if content is not None:
            line["content"] = base64.b64encode(await content(message)).decode("ascii")
        to.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        count += 1
    return count


async def write_eml(messages: Messages, content: Content, folder: Path) -> int:
    """Write each message as `<id>.eml`, its octets as `content` gives them. Return the count."""
    count = 0
    async for message in messages:
        _write_file(folder, f"{message.id}.eml", await content(message))
        count += 1
    return count


def _write_file(folder: Path, name: str, octets: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{name}.part"
    temporary.write_bytes(octets)
    temporary.replace(folder / name)


async def write_mbox(messages: Messages, content: Content, to: BinaryIO) -> int:
    """Write all messages as one mbox (RFC 4155, `mboxrd` quoting). Return the count."""
    count = 0
    async for message in messages:
        at = message.accepted_at or message.refused_at or datetime.fromtimestamp(0, UTC)
        sender = message.reverse_path if message.reverse_path.isascii() else ""
        from_line = f"From {sender.replace(' ', '_') or 'MAILER-DAEMON'} {at.ctime()}"
        to.write(from_line.encode("ascii", "replace") + b"\n")
        text = (await content(message)).replace(b"\r\n", b"\n")
        # mboxrd: a quoted From line gains one more ">", so that quoting can be undone.
        to.write(_FROM.sub(b">", text))
        # The last is the blank line before the next message, and no part of this one.
        to.write(b"\n" if text.endswith(b"\n") else b"\n\n")
        count += 1
    return count
