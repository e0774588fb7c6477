"""What lists show of a message's content: its addresses, its first words, its attachments.

Content never changes, so what was read once is kept. A page of the inbox reads only the beginning
of each message; Mailpit's lists count attachments, and so read all of it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msa.message.view import Address, View
from sandbox_mta.store.inbox import Inbox
from sandbox_mta.store.stored import Summary
from sandbox_mta.web.snippet import snippet

BEGINNING_OCTETS = 32_768  # of a message; most are shorter
CACHED = 1_000  # messages
OFF_LOOP_OCTETS = 500_000  # parsing more than this would hold up everybody else


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a list shows of a message's content."""

    author: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    snippet: str
    attachments: int
    is_whole: bool  # False when only the beginning was read: there may be more attachments

    def name_of(self, path: str) -> str:
        """Return the name that To or Cc gives a recipient; "" without one."""
        wanted = path.lower()
        named = (each.name for each in (*self.to, *self.cc) if each.address.lower() == wanted)
        return next(named, "")


def read_facts(view: View, forward_paths: Sequence[str], *, is_whole: bool = True) -> Facts:
    """Read a message's facts; recipients that no field names are its blind copies."""
    to, cc, bcc = view.addresses("to"), view.addresses("cc"), view.addresses("bcc")
    named = {address.address.lower() for address in (*to, *cc, *bcc)}
    blind = tuple(Address("", path) for path in forward_paths if path.lower() not in named)
    return Facts(
        author=next(iter(view.addresses("from")), Address("", "")),
        to=to,
        cc=cc,
        bcc=(*bcc, *blind),
        reply_to=view.addresses("reply-to"),
        snippet=snippet(view),
        attachments=sum(1 for part in view.attachments if not part.inline),
        is_whole=is_whole,
    )


class FactsCache:
    """Facts of the messages asked for last."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._kept: OrderedDict[str, Facts] = OrderedDict()

    async def glimpse(self, summaries: Sequence[Summary]) -> Mapping[str, Facts]:
        """Return the facts of each message by id, read from its beginning."""
        missing = [summary for summary in summaries if summary.id not in self._kept]
        ids = [summary.id for summary in missing]
        beginnings = await self._inbox.beginnings(ids, BEGINNING_OCTETS) if ids else {}
        found = {}
        for summary in summaries:
            facts = self._kept.get(summary.id)
            if facts is None:
                octets = beginnings.get(summary.id, b"")
                is_whole = len(octets) >= summary.size_octets
                facts = read_facts(View(octets), summary.forward_paths, is_whole=is_whole)
            self._keep(summary.id, facts)
            found[summary.id] = facts
        return found

    async def whole(self, summary: Summary) -> Facts:
        """Return the facts of a message, read from all of it."""
        facts = self._kept.get(summary.id)
        if facts is None or not facts.is_whole:
            facts = await self._read(summary)
        self._keep(summary.id, facts)
        return facts

    async def _read(self, summary: Summary) -> Facts:
        content = await self._inbox.content(summary.id) or b""
        if len(content) < OFF_LOOP_OCTETS:
            return read_facts(View(content), summary.forward_paths)
        return await asyncio.to_thread(lambda: read_facts(View(content), summary.forward_paths))

    def _keep(self, id: str, facts: Facts) -> None:
        self._kept[id] = facts
        self._kept.move_to_end(id)
        if len(self._kept) > CACHED:
            self._kept.popitem(last=False)
