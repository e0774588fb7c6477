"""What was said to the simulated exchangers, for one recipient of a message."""

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import PlainTextResponse

from sandbox_mta.mta.ports import Attempt
from sandbox_mta.mta.status import State
from sandbox_mta.mta.transcript import Mail, transcript
from sandbox_mta.store.inbox import Inbox
from sandbox_mta.store.stored import StoredMessage, StoredRecipient
from sandbox_mta.store.versions import missing, version


class Sessions:
    """Writes down the sessions of recipients; `hostname` is the name of the sandbox."""

    def __init__(self, inbox: Inbox, hostname: str) -> None:
        self._inbox, self._hostname = inbox, hostname

    async def size(self, message: StoredMessage) -> int:
        """Return the octets that exchangers get; as submitted while fixes are still looked for."""
        if missing(message, "delivered"):
            return message.size_octets
        content = await self._inbox.content(message.id) or b""
        # A body that is encoded may be large.
        made = await asyncio.to_thread(version, message, content, "delivered", self._hostname)
        return len(made)

    def written(
        self,
        message: StoredMessage,
        recipient: StoredRecipient,
        attempts: Sequence[Attempt],
        size_octets: int,
    ) -> str:
        """Return the transcript of attempts to deliver to a recipient."""
        mail = Mail(
            hostname=self._hostname,
            reverse_path=message.reverse_path,
            size_octets=size_octets,
            body=message.body,
            smtputf8=message.smtputf8,
            ret=message.ret,
            envid=message.envid,
            forward_path=recipient.forward_path,
            notify=recipient.notify,
            orcpt=recipient.orcpt,
            is_relayed=recipient.state is State.RELAYED,
        )
        return transcript(mail, attempts)


def router(inbox: Inbox, hostname: str) -> APIRouter:
    """Build the route; `hostname` is the name of the sandbox."""
    routes = APIRouter(prefix="/api/v2/messages", tags=["messages"])
    sessions = Sessions(inbox, hostname)

    @routes.get("/{id}/recipients/{n}/transcript", response_class=PlainTextResponse)
    async def sessions_of(id: str, n: int) -> Response:
        """Show the sessions of a message's recipient, counted from 0 as in its envelope."""
        message = await inbox.get(id)
        journeys = await inbox.timeline(id)
        if message is None or not 0 <= n < len(journeys):
            raise HTTPException(404, "there is no such message, or no such recipient of it")
        found = journeys[n]
        size_octets = await sessions.size(message)
        text = sessions.written(message, found.recipient, found.attempts, size_octets)
        return PlainTextResponse(text)

    return routes
