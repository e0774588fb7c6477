"""Brings what is owed to one listener: at least once, in the order of each message.

A listener that is gone costs one try every now and then, and nothing else: what is owed stays in
the outbox. Messages don't wait for each other, so one that its listener can't digest holds up
only what else happens to the same message.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from sandbox_mta.events.event import StatusEvent
from sandbox_mta.events.outbox import Channel, Later, Outbox, Owed

BATCH = 256  # events read at once
LEAD_S = 30.0  # longer than a batch takes; another process waits as long after a crash
POLL_S = 1.0  # for what other processes store
BACK_OFF_S = (1.0, 300.0)  # first and longest pause, doubled from try to try
KEPT = timedelta(days=1)  # real time after which an event is given up

Tell = Callable[[StatusEvent], Awaitable[None]]
log = logging.getLogger(__name__)


class NotTaken(Exception):
    """The listener answers, but did not take this event."""


class Unreachable(Exception):
    """There is no listener just now."""


class Sender:
    """Sends to one listener; `tell` raises `NotTaken` or `Unreachable`."""

    def __init__(
        self,
        outbox: Outbox,
        channel: Channel,
        tell: Tell,
        *,
        at_once: int = 8,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`at_once` is how many messages are told of side by side."""
        self._outbox = outbox
        self._channel = channel
        self._tell = tell
        self._room = asyncio.Semaphore(at_once)
        self._now = now
        self._failed = 0  # rounds in a row that met no listener
        self._leads_until = datetime.fromtimestamp(0, UTC)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            try:
                sent = await self.send_due()
            except ConnectionError as error:  # of the database; it comes back, or the store says so
                log.debug("the outbox waits for the database: %s", error)
                sent = 0
            if self._failed:
                await asyncio.sleep(back_off_s(self._failed))
            elif not sent:
                await self._outbox.wait(POLL_S)

    async def send_due(self) -> int:
        """Send one batch of what is due, and return how many events the listener took."""
        if not await self._leads():
            return 0
        owed = await self._outbox.owed(self._channel, self._now(), BATCH)
        if not owed:
            return 0
        by_message = sorted(owed, key=lambda each: (each.event.submission_id, each.number))
        stories = [
            list(story) for _, story in groupby(by_message, lambda each: each.event.submission_id)
        ]
        round = _Round()
        # Oldest first, though side by side: a round that ends early has told the oldest.
        stories.sort(key=lambda story: story[0].number)
        await asyncio.gather(*(self._send(story, round) for story in stories))
        with_end = [*round.done, *(each.number for each in self._given_up(round.failed))]
        later = [self._later(each) for each in round.failed if each.number not in set(with_end)]
        if with_end or later:
            await self._outbox.settle(with_end, later)
        self._note(round)
        return len(round.done)

    async def _leads(self) -> bool:
        now = self._now()
        if self._leads_until - now < timedelta(seconds=LEAD_S / 2):
            until = now + timedelta(seconds=LEAD_S)
            if not await self._outbox.lead(self._channel, until):
                return False
            self._leads_until = until
        return True

    async def _send(self, story: Sequence[Owed], round: "_Round") -> None:
        async with self._room:
            for each in story:
                if round.unreachable:
                    return
                try:
                    await self._tell(each.event)
                except NotTaken as error:
                    log.info("%s was not taken by the %s: %s", each.event.id, self._channel, error)
                    round.failed.append(each)
                    return
                except Unreachable as error:
                    round.unreachable = str(error)
                    round.failed.append(each)
                    return
                round.done.append(each.number)

    def _later(self, each: Owed) -> Later:
        return Later(each.number, self._now() + timedelta(seconds=back_off_s(each.tries + 1)))

    def _given_up(self, failed: Sequence[Owed]) -> list[Owed]:
        old = [each for each in failed if self._now() - each.event.recorded_at > KEPT]
        for each in old:
            log.warning("the %s never took %s; it is given up", self._channel, each.event.id)
        return old

    def _note(self, round: "_Round") -> None:
        if round.unreachable and not self._failed:
            log.warning(
                "the %s can't be reached, events wait: %s", self._channel, round.unreachable
            )
        elif self._failed and not round.unreachable:
            log.warning("the %s can be reached again", self._channel)
        self._failed = self._failed + 1 if round.unreachable else 0


class _Round:
    """What came of one batch."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.failed: list[Owed] = []
        self.unreachable = ""


def back_off_s(tries: int) -> float:
    """Return how long to wait after so many failures in a row."""
    first, longest = BACK_OFF_S
    return float(min(first * 2 ** min(tries - 1, 20), longest))
