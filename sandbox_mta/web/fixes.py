"""What was fixed in a message, and its versions: the routes of `/api/v2/messages`."""

import asyncio
import base64

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel

from msa.fix.edit import Edit, Suppressed
from sandbox_mta.store.inbox import Inbox
from sandbox_mta.store.stored import StoredMessage
from sandbox_mta.store.versions import NoVersion, Version, version


class EditOut(BaseModel):
    """One edit: a half-open range of the submitted octets, and what takes its place."""

    name: str  # of the field, or "body"
    part: str  # "" is the message itself
    start: int
    end: int
    octets: str | None  # base64; null where `encoding` says how the range is written anew
    encoding: str | None
    reference: str
    text: str


class SuppressedOut(BaseModel):
    """A fix that is due and was not made, and why."""

    name: str
    part: str
    reference: str
    text: str
    reason: str


class FixesOut(BaseModel):
    """Everything that was looked at."""

    state: str  # "pending"; "off" when nobody looked, or the message was refused; "done"
    edits: list[EditOut]
    suppressed: list[SuppressedOut]


def router(inbox: Inbox, hostname: str) -> APIRouter:
    """Build the routes; `hostname` is the name of the submission agent."""
    routes = APIRouter(prefix="/api/v2/messages", tags=["messages"])

    @routes.get("/{id}/fixes")
    async def fixes(id: str) -> FixesOut:
        """Tell what was fixed in a message, and what was left alone and why."""
        return _fixes(await _found(inbox, id))

    @routes.get("/{id}/versions/{wanted}", response_class=Response)
    async def octets(id: str, wanted: Version) -> Response:
        """Return a message as it was submitted, as it was fixed, or as it is delivered."""
        message = await _found(inbox, id)
        content = await inbox.content(id) or b""
        try:
            # A body that is encoded may be large.
            made = await asyncio.to_thread(version, message, content, wanted, hostname)
        except NoVersion as reason:
            raise HTTPException(409, f"this version does not exist: {reason}") from None
        return Response(
            made,
            media_type="message/rfc822",
            headers={
                "content-disposition": f'attachment; filename="{message.id}-{wanted}.eml"',
                "content-security-policy": "sandbox; default-src 'none'",
            },
        )

    return routes


async def _found(inbox: Inbox, id: str) -> StoredMessage:
    message = await inbox.get(id)
    if message is None:
        raise HTTPException(404, "there is no message of this id")
    return message


def state_of(message: StoredMessage) -> str:
    """Say whether fixes were looked for: "done", "pending" or "off"."""
    if message.fixed is not None:
        return "done"
    return "off" if message.is_linted else "pending"


def _fixes(message: StoredMessage) -> FixesOut:
    fixed = message.fixed
    return FixesOut(
        state=state_of(message),
        edits=[_edit(each) for each in fixed.edits] if fixed else [],
        suppressed=[_suppressed(each) for each in fixed.suppressed] if fixed else [],
    )


def _edit(edit: Edit) -> EditOut:
    octets = None if edit.encoding else base64.b64encode(edit.octets).decode()
    return EditOut(
        name=edit.name,
        part=edit.part,
        start=edit.start,
        end=edit.end,
        octets=octets,
        encoding=edit.encoding or None,
        reference=edit.reference,
        text=edit.text,
    )


def _suppressed(one: Suppressed) -> SuppressedOut:
    return SuppressedOut(
        name=one.name,
        part=one.part,
        reference=one.reference,
        text=one.text,
        reason=one.reason,
    )
