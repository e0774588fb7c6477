"""Addresses that are not sent to any more: implements `sandbox_mta.mta.ports.Suppressions`.

As at providers, an address is listed when it bounces for good, and when its owner complains.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from msa.envelope import Kind
from sandbox_mta.mta.ports import Settlement
from sandbox_mta.mta.status import State
from sandbox_mta.store.database import Database
from sandbox_mta.store.settlement_rows import Settled
from sandbox_mta.store.statements import Row, Statement, Steps, Value, marks
from sandbox_mta.store.submission_rows import Stored, clean
from sandbox_mta.store.times import to_datetime
from sandbox_mta.store.writer import Writer

BOUNCE, COMPLAINT = "bounce", "complaint"
# RFC 3463: the address or its mailbox is what is wrong, for good. Full mailboxes, sizes and
# policies say nothing about the next message.
_BAD_ADDRESS = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
_BAD_ADDRESS_CODES = frozenset({550, 551, 553, 556})  # where a server says no more than that


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One address on the list."""

    address: str
    reason: str
    reply: str
    submission_id: str
    listed_at: datetime  # real time


class SuppressionList:
    """The list of one database."""

    def __init__(self, writer: Writer, database: Database) -> None:
        self._writer = writer
        self._database = database

    def list_failed(
        self, items: Sequence[Settled], outcomes: "Sequence[Stored | bool]"
    ) -> Steps[None]:
        """List the addresses that settlements show to be bad, in their transaction."""
        ignoring = "OR IGNORE" if self._writer.dialect == "sqlite" else "IGNORE"
        for row in _rows(items, outcomes):
            yield Statement(
                f"INSERT {ignoring} INTO suppressions"
                f" (address, reason, reply, submission_id, listed_at) VALUES ({marks(row)})",
                row,
            )

    async def among(self, forward_paths: Collection[str]) -> Mapping[str, str]:
        """Return which of some recipients are listed, and why; see `sandbox_mta.mta.ports`."""
        from sqlalchemy import select

        from sandbox_mta.store.tables import suppressions

        keys = {_key(path) for path in forward_paths}
        query = select(suppressions.c.address, suppressions.c.reason).where(
            suppressions.c.address.in_(keys)
        )
        async with self._database.read() as connection:
            listed = {row.address: row.reason for row in await connection.execute(query)}
        return {path: listed[_key(path)] for path in forward_paths if _key(path) in listed}

    async def page(self, limit: int, after: str = "") -> Sequence[Suppression]:
        """Return addresses in the order of the alphabet, from behind `after`."""
        from sqlalchemy import select

        from sandbox_mta.store.tables import suppressions

        query = select(suppressions).where(suppressions.c.address > _key(after))
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by("address").limit(limit))
        return [
            Suppression(
                address=row.address,
                reason=row.reason,
                reply=row.reply,
                submission_id=row.submission_id,
                listed_at=to_datetime(row.listed_at),
            )
            for row in rows
        ]

    async def remove(self, address: str) -> bool:
        """Take an address off the list; False: it was not on it."""
        return await self._delete(" WHERE address = ?", _key(address)) == 1

    async def clear(self) -> int:
        """Take all addresses off the list, and return how many there were."""
        return await self._delete("")

    async def _delete(self, where: str, *values: Value) -> int:
        return await self._writer.command(partial(_count, where, values))


def _count(where: str, values: Row) -> Steps[int]:
    return (yield Statement(f"DELETE FROM suppressions{where}", values)).count


def _rows(items: Sequence[Settled], outcomes: "Sequence[Stored | bool]") -> Iterator[Row]:
    taken = (
        one
        for item, outcome in zip(items, outcomes, strict=True)
        if outcome is not False
        for one in item.recipients
    )
    for one in taken:
        settlement = one.settlement
        recipient = settlement.recipient
        reason, reply = _reason(settlement), clean(str(settlement.reply))
        if reason is None or recipient.kind is not Kind.MAIL:
            continue
        yield (
            _key(recipient.recipient.forward_path),
            reason,
            reply if reason == BOUNCE else "",
            recipient.submission_id,
            one.recorded_at,
        )


def _reason(settlement: Settlement) -> str | None:
    if settlement.report is not None and settlement.report.kind is Kind.ARF:
        return COMPLAINT
    reply = settlement.reply
    if settlement.state is not State.BOUNCED or reply.code // 100 != 5:
        return None
    is_bad = reply.detail in _BAD_ADDRESS if reply.detail else reply.code in _BAD_ADDRESS_CODES
    return BOUNCE if is_bad else None


def _key(address: str) -> str:
    return clean(address).lower()[:512]
