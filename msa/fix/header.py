"""Fixes of header fields: added, replaced, taken out (RFC 6409 sections 8.1 to 8.3)."""

import re
from collections.abc import Iterator
from datetime import datetime

from msa.fix.context import Context
from msa.fix.edit import Edit, Suppressed
from msa.fix.place import OPEN, line_end, obstacle
from msa.fix.remedy import Remedy
from msa.lint.draft import Draft
from msa.lint.identification import MESSAGE_ID as SYNTAX
from msa.lint.optional import is_of_servers
from msa.message.date import write_date
from msa.message.mailbox import read_addresses
from msa.message.structured import blank_comments
from msa.message.tree import Field

SENDER = "RFC 6409 section 8.1"
DATE = "RFC 6409 section 8.2"
MESSAGE_ID = "RFC 6409 section 8.3"
MAX_ID = 998  # octets of a Message-ID that are looked at; a line has no more

# RFC 3339, with a space for its T and a colon less in the zone, as many languages print it.
_ISO = re.compile(
    rb"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(:\d{2})?(?:[.,]\d{1,9})? ?([Zz]|[+-]\d{2}:?\d{2})"
)
_VERDICTS = {
    "return-path": "RFC 5321 section 4.4",
    "delivered-to": "RFC 9228",
    "authentication-results": "RFC 8601 section 5",
    "received-spf": "RFC 7208 section 9.1",
}
_BLIND = ("bcc", "resent-bcc")


def date(draft: Draft, context: Context) -> Iterator[Remedy]:
    """Add the Date field; write a date anew that says all it must, but in ISO 8601."""
    fields = draft.fields.get("date", ())
    if not fields:
        now = write_date(context.accepted_at).encode()
        yield _added(draft, "Date", now, DATE, "with the time when the message was accepted")
        return
    if len(fields) > 1:
        return  # which of them counts is not clear
    value = draft.value(fields[0])
    if not value.strip():
        text = "fill the empty Date field with the time when the message was accepted"
        now = write_date(context.accepted_at).encode()
        yield _replaced(fields[0], now, DATE, text)
    elif draft.dates[0][1] is None:
        moment = _iso(value.strip())
        if moment is None:
            text = "write the date as RFC 5322 has it"
            reason = "what time it means is not clear"
            yield Suppressed(name=fields[0].name, reference=DATE, text=text, reason=reason)
        else:
            text = "write the date as RFC 5322 has it; the time is the same"
            yield _replaced(fields[0], write_date(moment).encode(), DATE, text)


def _iso(text: bytes) -> datetime | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    day, time, seconds, zone = (piece.decode() for piece in found.groups(b":00"))
    offset = "+00:00" if zone in "Zz" else f"{zone[:3]}:{zone[-2:]}"
    try:
        return datetime.fromisoformat(f"{day}T{time}{seconds}{offset}")
    except ValueError:
        return None  # there is no such day, time or zone


def message_id(draft: Draft, context: Context) -> Iterator[Remedy]:
    """Add the Message-ID field, or replace one that is empty or no Message-ID."""
    fields = draft.fields.get("message-id", ())
    made = f"<{context.id}@{context.hostname}>".encode()
    if not SYNTAX.fullmatch(made):
        return
    if not fields:
        yield _added(draft, "Message-ID", made, MESSAGE_ID, "made of the submission's id")
        return
    if len(fields) > 1:
        return
    value = draft.value(fields[0])
    if not is_message_id(value):
        text = "replace the Message-ID, whose form RFC 5322 does not have"
        if not value.strip():
            text = "fill the empty Message-ID field with one made of the submission's id"
        yield _replaced(fields[0], made, MESSAGE_ID, text)


def is_message_id(value: bytes) -> bool:
    """Say whether a value is one msg-id, current or obsolete (RFC 5322 sections 3.6.4, 4.5.4)."""
    text = blank_comments(value).strip()
    return len(text) <= MAX_ID and SYNTAX.fullmatch(text) is not None


def sender(draft: Draft, context: Context) -> Iterator[Remedy]:
    """Add the Sender field that several authors need, where it is known who submits."""
    fields = draft.fields.get("from", ())
    if "sender" in draft.fields or len(fields) != 1 or context.user is None:
        return
    if len(draft.addresses(fields[0]).mailboxes) < 2 or not _is_mailbox(context.user):
        return
    text = "since From names several authors; it is who logged in"
    yield _added(draft, "Sender", context.user.encode(), SENDER, text)


def _is_mailbox(user: str) -> bool:
    if not user.isascii() or not user.isprintable():
        return False
    read = read_addresses(user.encode())
    return not read.troubles and [each.address for each in read.mailboxes] == [user.encode()]


def mime_version(draft: Draft, *, encoded: bool) -> Iterator[Remedy]:
    """Add the MIME-Version field that Content-* fields need; `encoded`: one will be added."""
    if "mime-version" in draft.fields:
        return
    if encoded or any(name.startswith("content-") for name in draft.fields):
        text = "without which Content-* fields mean nothing"
        yield _added(draft, "MIME-Version", b"1.0", "RFC 2045 section 4", text)


def taken_out(draft: Draft) -> Iterator[Remedy]:
    """Take out the fields that tell blind recipients, and what only a receiver may say."""
    for name, fields in draft.fields.items():
        for field in fields:
            if name in _BLIND and draft.value(field).strip():
                text = f"take out the {field.name} field, which tells who got a blind copy"
                yield _taken_out(draft, field, "RFC 5322 section 3.6.3", text)
            elif is_of_servers(name):
                text = f"take out the {field.name} field, which only the receiving server may write"
                yield _taken_out(draft, field, _VERDICTS.get(name, "RFC 6409 section 8"), text)


def _added(draft: Draft, name: str, value: bytes, reference: str, text: str) -> Remedy:
    text = f"add the {name} field, {text}"
    reason = obstacle(draft)
    if reason:
        return Suppressed(name=name, reference=reference, text=text, reason=reason)
    at = draft.root.header.end
    octets = name.encode() + b": " + value + line_end(draft)
    return (Edit(start=at, end=at, octets=octets, name=name, reference=reference, text=text),)


def _replaced(field: Field, value: bytes, reference: str, text: str) -> Remedy:
    return (
        Edit(
            start=field.value_start,
            end=field.value_end,
            octets=b" " + value,
            name=field.name,
            reference=reference,
            text=text,
        ),
    )


def _taken_out(draft: Draft, field: Field, reference: str, text: str) -> Remedy:
    if draft.content[field.end - 1] != 0x0A:
        return Suppressed(name=field.name, reference=reference, text=text, reason=OPEN)
    edit = Edit(start=field.start, end=field.end, name=field.name, reference=reference, text=text)
    return (edit,)
