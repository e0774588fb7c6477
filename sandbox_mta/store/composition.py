"""The store of one process, put together: `Store`.

Importing this imports the database's libraries, which takes half a second; `open_store` of the
package does so in a thread.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from msa.lint.options import DEFAULTS, LintOptions
from sandbox_mta.events.outbox import Channel
from sandbox_mta.store.clock_states import ClockStates
from sandbox_mta.store.database import Address, Database, Unavailable
from sandbox_mta.store.deliveries import Deliveries
from sandbox_mta.store.dns_answers import DnsAnswers
from sandbox_mta.store.events import Events
from sandbox_mta.store.inbox import Inbox
from sandbox_mta.store.lint_feed import LintFeed
from sandbox_mta.store.migrations import migrate
from sandbox_mta.store.outbox import StatusOutbox
from sandbox_mta.store.retention import Retention
from sandbox_mta.store.scenario_notes import KeptNotes
from sandbox_mta.store.sessions import Sessions
from sandbox_mta.store.sqlite import SqliteConnection
from sandbox_mta.store.submissions import AfterCommit, Submissions
from sandbox_mta.store.suppressions import SuppressionList
from sandbox_mta.store.writer import Connection, Writer

RELEASE_S = 2  # of the ten seconds that a shutdown takes at most

log = logging.getLogger(__name__)


def _real_now() -> datetime:
    return datetime.now(UTC)


def connection_to(address: Address) -> Connection:
    """Return the writer's connection; MySQL's driver is imported only for a MySQL address."""
    if address.dialect == "sqlite":
        return SqliteConnection(address.path)
    from sandbox_mta.store.mysql import MysqlConnection

    return MysqlConnection(address)


class Store:
    """Every port that the stages need, over one database and one writer."""

    def __init__(  # noqa: PLR0913 # what a process may choose
        self,
        address: Address,
        *,
        instance: str,
        delivers: bool = True,
        after_commit: AfterCommit | None = None,
        lint_options: LintOptions = DEFAULTS,
        fixes_as: str | None = None,
        channels: Collection[Channel] = (),
    ) -> None:
        self._clock_now: Callable[[], datetime] = _real_now
        self.database = Database(address)
        self.writer = Writer(connection_to(address))
        self.clock = ClockStates(self.writer, self.database)
        self.outbox = (
            StatusOutbox(self.writer, self.database, owner=instance, channels=channels)
            if channels
            else None
        )
        self.deliveries = Deliveries(
            self.writer,
            self.database,
            owner=instance,
            now=lambda: self._clock_now(),
            hand_over=delivers,
            outbox=self.outbox,
        )
        self.submissions = Submissions(
            self.writer, self.deliveries, after_commit, outbox=self.outbox
        )
        self.suppressions = SuppressionList(self.writer, self.database)
        self.sessions = Sessions(self.writer)
        self.events = Events(self.database, self.writer, instance)
        self.notes = KeptNotes(self.writer, self.database)
        self.inbox = Inbox(self.database, self.writer)
        self.dns_answers = DnsAnswers(self.database, self.writer)
        self.lint = LintFeed(address, self.writer, self.database, lint_options, fixes_as=fixes_as)
        self.deliveries.subscribe(self.lint.arrived)

    def use_clock(self, now: Callable[[], datetime]) -> None:
        """Take times of the clock from here on, instead of real ones."""
        self._clock_now = now

    def retention(self, *, newest: int | None, younger_than: timedelta | None) -> Retention:
        """Return what deletes the messages that are kept no longer."""
        return Retention(self.database, self.writer, newest=newest, younger_than=younger_than)

    async def open(self) -> None:
        """Bring the tables up to date, connect, and free what this instance held when it died.

        Raises a `StoreError` whose text is one line for people.
        """
        for revision in await asyncio.to_thread(migrate, self.database.address):
            log.info("the database was brought to schema %s", revision)
        try:
            await self.database.open()
            await self.writer.open()
            freed = await self.deliveries.recover() + await self.events.recover()
        except BaseException:
            await self._disconnect()
            raise
        if freed:
            log.info("%d recipients and events that were under way are taken up again", freed)

    async def watch(self) -> None:
        """Return when the store was closed; raises what killed its writer."""
        await self.writer.watch()

    async def close(self) -> None:
        """Write what waits, give back what was claimed, and close every connection."""
        with suppress(Unavailable, TimeoutError):  # then the leases end by themselves
            async with asyncio.timeout(RELEASE_S):
                await self.deliveries.release()
        await self._disconnect()

    async def _disconnect(self) -> None:
        # The readers go first: the last connection to a SQLite file clears up its log, which one
        # that only reads can't.
        await self.database.close()
        await self.writer.close()
