"""`/api/v1`: Mailpit's API, so that suites written for it run against the sandbox unchanged.

Names, shapes and status codes are Mailpit's, also where ours would be others: keys are read without
regard to case as Go does, a DELETE that names no ids deletes everything, and objects carry exactly
Mailpit's keys, since its clients compare whole objects. What was refused in session is left out.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from msa.message.view import Address, Attachment, View
from sandbox_mta.store.inbox import Inbox
from sandbox_mta.store.query import Query
from sandbox_mta.store.stored import StoredMessage, Summary
from sandbox_mta.web.api import instant
from sandbox_mta.web.facts import Facts, FactsCache, read_facts

DEFAULT_LIMIT = 50
NO_LIMIT = 1_000_000  # Mailpit's limit=0

ACCEPTED = Query(accepted_only=True)


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
        "FileName": part.file_name or part.content_id,
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
    _add_lists(routes, inbox)
    _add_messages(routes, inbox)
    return routes


def _add_lists(routes: APIRouter, inbox: Inbox) -> None:
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
                "messages": [summary_as_dict(one, await facts.whole(one)) for one in page],
            }
        )

    @routes.delete("/messages")
    async def delete(request: Request) -> Response:
        """Delete the messages named by `IDs`; without any, all of them."""
        await inbox.delete(_ids(await request.body()))
        return PlainTextResponse("ok")


def _add_messages(routes: APIRouter, inbox: Inbox) -> None:
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


async def _find(inbox: Inbox, identifier: str) -> StoredMessage | None:
    if identifier == "latest":
        newest = await inbox.page(1, query=ACCEPTED)
        return await inbox.get(newest[0].id) if newest else None
    return await inbox.get(identifier)


def _not_found() -> Response:
    return PlainTextResponse("404 page not found\n", 404)


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
