"""`/api/v1`: Mailpit's API, so that suites written for it run against the sandbox unchanged.

Names, shapes and status codes are Mailpit's, also where ours would be others: keys are read without
regard to case as Go does, a DELETE that names no ids deletes everything, and objects carry exactly
Mailpit's keys, since its clients compare whole objects. What was refused in session is left out.
"""

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from msa.message.view import Address, Attachment, View
from sandbox_mta.store.inbox import Inbox
from sandbox_mta.store.query import Query
from sandbox_mta.store.stored import StoredMessage, Summary
from sandbox_mta.web.api import instant

DEFAULT_LIMIT = 50
NO_LIMIT = 1_000_000  # Mailpit's limit=0
MAX_SNIPPET = 250  # characters
CACHED = 2_000  # messages whose parsed facts are kept; content never changes

MAX_SCANNED = 50_000  # characters of a body that a snippet is looked for in

ACCEPTED = Query(accepted_only=True)
_TAG_NAME = re.compile(r"[A-Za-z]{1,20}")
_UNSEEN = frozenset({"style", "script", "head", "title"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What a list shows of a message's content."""

    author: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    snippet: str
    attachments: int


class FactsCache:
    """Facts of the messages asked for last."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._kept: OrderedDict[str, Facts] = OrderedDict()

    async def of(self, summary: Summary) -> Facts:
        found = self._kept.pop(summary.id, None)
        if found is None:
            content = await self._inbox.content(summary.id) or b""
            found = read_facts(View(content), summary.forward_paths)
        self._kept[summary.id] = found
        if len(self._kept) > CACHED:
            self._kept.popitem(last=False)
        return found


def read_facts(view: View, forward_paths: Sequence[str]) -> Facts:
    """Read a message's facts; recipients that no field names are its blind copies."""
    to, cc, bcc = view.addresses("to"), view.addresses("cc"), view.addresses("bcc")
    named = {address.address.lower() for address in (*to, *cc, *bcc)}
    blind = tuple(Address("", path) for path in forward_paths if path.lower() not in named)
    return Facts(
        author=_author(view),
        to=to,
        cc=cc,
        bcc=(*bcc, *blind),
        reply_to=view.addresses("reply-to"),
        snippet=snippet(view),
        attachments=sum(1 for part in view.attachments if not part.inline),
    )


def _author(view: View) -> Address:
    return next(iter(view.addresses("from")), Address("", ""))


def snippet(view: View) -> str:
    """Return the beginning of what the message says, on one line."""
    text = view.text or strip_tags(view.html[:MAX_SCANNED])
    return " ".join(text[:MAX_SCANNED].split())[:MAX_SNIPPET]


def strip_tags(html: str) -> str:
    """Return the text between tags; what stands in `_UNSEEN` elements is left out."""
    pieces, position = [], 0
    while (start := html.find("<", position)) >= 0:
        pieces.append(html[position:start])
        name = _TAG_NAME.match(html, start + 1)
        unseen = name is not None and name[0].lower() in _UNSEEN
        # A tag or element that never ends takes the rest with it, so this stays linear.
        end = html.find(f"</{name[0]}" if name and unseen else ">", start)
        if end < 0:
            return unescape(" ".join(pieces))
        position = html.find(">", end) + 1 or len(html)
    pieces.append(html[position:])
    return unescape(" ".join(pieces))


def _address(address: Address) -> dict[str, str]:
    return {"Name": address.name, "Address": address.address}


def _addresses(addresses: Iterable[Address]) -> list[dict[str, str]]:
    return [_address(address) for address in addresses]


def summary_as_dict(summary: Summary, facts: Facts) -> dict[str, Any]:
    """Return Mailpit's MessageSummary."""
    return {
        "ID": summary.id,
        "MessageID": summary.message_id.strip("<> "),
        "Read": summary.is_read,
        "From": _address(facts.author),
        "To": _addresses(facts.to),
        "Cc": _addresses(facts.cc),
        "Bcc": _addresses(facts.bcc),
        "ReplyTo": _addresses(facts.reply_to),
        "Subject": summary.subject,
        "Created": instant(summary.arrived_at),
        "Username": summary.client.user or "",
        "Tags": [],
        "Size": summary.size_octets,
        "Attachments": facts.attachments,
        "Snippet": facts.snippet,
    }


def message_as_dict(message: StoredMessage, view: View) -> dict[str, Any]:
    """Return Mailpit's Message."""
    facts = read_facts(view, [recipient.forward_path for recipient in message.recipients])
    return {
        "ID": message.id,
        "MessageID": message.message_id.strip("<> "),
        "From": _address(facts.author),
        "To": _addresses(facts.to),
        "Cc": _addresses(facts.cc),
        "Bcc": _addresses(facts.bcc),
        "ReplyTo": _addresses(facts.reply_to),
        "ReturnPath": message.reverse_path,
        "Subject": message.subject,
        "ListUnsubscribe": _list_unsubscribe(view),
        "Date": instant(view.date or message.arrived_at),
        "Tags": [],
        "Username": message.client.user or "",
        "Text": view.text,
        "HTML": view.html,
        "Size": message.size_octets,
        "Inline": [_attachment(view, part) for part in view.attachments if part.inline],
        "Attachments": [_attachment(view, part) for part in view.attachments if not part.inline],
    }


def _list_unsubscribe(view: View) -> dict[str, Any]:
    header = view.first("list-unsubscribe")
    links = re.findall(r"<\s*([^<>\s]{1,2000})\s*>", header)
    return {
        "Header": header,
        "Links": links,
        "Errors": "" if links or not header else "no link between < and >",
        "HeaderPost": view.first("list-unsubscribe-post"),
    }


def _attachment(view: View, part: Attachment) -> dict[str, Any]:
    octets = view.octets(part.path) or b""
    return {
        "PartID": part.path,
        "FileName": part.file_name,
        "ContentType": part.content_type,
        "ContentID": part.content_id,
        "Size": part.size_octets,
        "Checksums": {
            "MD5": hashlib.md5(octets, usedforsecurity=False).hexdigest(),
            "SHA1": hashlib.sha1(octets, usedforsecurity=False).hexdigest(),
            "SHA256": hashlib.sha256(octets).hexdigest(),
        },
    }


def router(inbox: Inbox) -> APIRouter:
    """Build the routes of `/api/v1`."""
    routes = APIRouter(prefix="/api/v1", tags=["Mailpit"])
    facts = FactsCache(inbox)

    @routes.get("/messages")
    async def messages(start: str = "0", limit: str = str(DEFAULT_LIMIT)) -> Response:
        """List messages, newest first."""
        first, most = _count(start, 0), _count(limit, DEFAULT_LIMIT) or NO_LIMIT
        page = await inbox.page(most, offset=first, query=ACCEPTED)
        total, unread = await inbox.count(ACCEPTED), await inbox.count_unread(ACCEPTED)
        return JSONResponse(
            {
                "total": total,
                "unread": unread,
                "count": len(page),
                "messages_count": total,
                "messages_unread": unread,
                "start": first,
                "tags": [],
                "messages": [summary_as_dict(one, await facts.of(one)) for one in page],
            }
        )

    @routes.delete("/messages")
    async def delete(request: Request) -> Response:
        """Delete the messages named by `IDs`; without any, all of them."""
        await inbox.delete(_ids(await request.body()))
        return PlainTextResponse("ok")

    @routes.get("/message/{identifier}")
    async def message(identifier: str) -> Response:
        """Return a message, and mark it read; `latest` is the newest."""
        found = await _find(inbox, identifier)
        if found is None:
            return _not_found()
        await inbox.mark_read([found.id])
        return JSONResponse(message_as_dict(found, View(await inbox.content(found.id) or b"")))

    @routes.get("/message/{identifier}/raw")
    async def raw(identifier: str, dl: str = "") -> Response:
        """Return the octets of a message as they were submitted."""
        found = await _find(inbox, identifier)
        content = None if found is None else await inbox.content(found.id)
        if found is None or content is None:
            return _not_found()
        headers = {"content-security-policy": "sandbox; default-src 'none'"}
        if dl in ("1", "true"):
            headers["content-disposition"] = f'attachment; filename="{found.id}.eml"'
        return Response(content, media_type="text/plain; charset=utf-8", headers=headers)

    return routes


async def _find(inbox: Inbox, identifier: str) -> StoredMessage | None:
    if identifier == "latest":
        newest = await inbox.page(1, query=ACCEPTED)
        return await inbox.get(newest[0].id) if newest else None
    return await inbox.get(identifier)


def _not_found() -> Response:
    return PlainTextResponse("Message not found", 404)


def _count(text: str, default: int) -> int:
    # Mailpit takes what it can't read as if it were not there.
    return int(text) if re.fullmatch(r"\d{1,9}", text) else default


def _ids(body: bytes) -> list[str] | None:
    """Return the ids a body names, whatever the case of the key; None means every message."""
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    for key, value in given.items():
        if key.lower() == "ids" and isinstance(value, list):
            return [identifier for identifier in value if isinstance(identifier, str)] or None
    return None
