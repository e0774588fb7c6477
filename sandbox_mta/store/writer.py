"""The one writer of a process: whatever waits while a commit runs shares the next one.

Whoever writes has a lane. Items of an urgent lane are written at once, or as soon as the commit
under way has ended; items of a lane that rides go along with them, but a few times a second at
most, or with a commit of their own when nothing urgent comes. A batch is one transaction. When it
fails each item is tried again alone, so that only the culprit is refused.

Everything else that writes uses `Writer.command`; see `statements.py` for what it takes.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from sandbox_mta.store.database import OutOfSpace, Unavailable
from sandbox_mta.store.statements import Statement, Steps

T = TypeVar("T")
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

MOST_ITEMS = 500  # of one urgent lane in one transaction
MOST_RIDERS = 256  # of one riding lane in one transaction; this many make a commit of their own
RIDE_EVERY_S = 0.1  # how long the first rider waits for company
BACK_OFF_S = (0.1, 5.0)  # first and longest pause while the database can't be written

log = logging.getLogger(__name__)


class OutcomeUnknown(Unavailable):
    """The connection broke during COMMIT; `outcome` is what the steps returned before."""

    def __init__(self, text: str, outcome: Any) -> None:
        super().__init__(text)
        self.outcome = outcome


class Connection(Protocol):
    """A database that is written, one transaction at a time."""

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name for it."""

    async def open(self) -> None:
        """Connect; raises a `StoreError`."""

    def transact(self, write: Callable[[], Steps[T]]) -> Awaitable[T]:
        """Run the steps in one transaction, durable when awaited.

        Raises `Unavailable` when it is the database's fault, `OutcomeUnknown` when the transaction
        may be durable all the same, and the driver's own error for what the steps asked.
        """

    async def close(self) -> None:
        """Disconnect."""


class Lane(ABC, Generic[Item, Outcome]):
    """Items of one kind that wait to be written, and how that is done."""

    rides = False

    def __init__(self) -> None:
        self.waiting: deque[Item] = deque()
        self.entered = 0  # items so far; with `left` it tells what a flush waits for
        self.left = 0

    @abstractmethod
    def write(self, items: Sequence[Item]) -> Steps[Sequence[Outcome]]:
        """Write the items, and return an outcome for each."""

    @abstractmethod
    def written(self, items: Sequence[Item], outcomes: Sequence[Outcome]) -> None:
        """Take note that the items are durable; must not raise or wait."""

    @abstractmethod
    def failed(self, item: Item, error: Exception) -> None:
        """Take note that an item was not written and won't be; must not raise or wait."""

    def proof(self, item: Item, outcome: Outcome) -> Statement | None:
        """Return a query that finds a row exactly when the item was written, if there is one."""
        del item, outcome
        return None

    def take(self, most: int) -> list[Item]:
        """Remove the items that have waited longest."""
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]

    def put_back(self, items: Sequence[Item]) -> None:
        """Let items wait again, in their old place."""
        self.waiting.extendleft(reversed(items))


Batch = list[tuple[Lane[Any, Any], list[Any]]]
UnderWay = tuple[Batch, "asyncio.Future[Any]"]


class Writer:
    """Commits what waits in its lanes, one batch at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._commands = _Commands()
        self._urgent: list[Lane[Any, Any]] = [self._commands]
        self._riding: list[Lane[Any, Any]] = []
        self._wake = asyncio.Event()
        self._ride_now = False
        self._timer: asyncio.TimerHandle | None = None
        self._pause_s = BACK_OFF_S[0]
        self._commits: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name for the database: "sqlite" or "mysql"."""
        return self._connection.dialect

    def add(self, lane: Lane[Any, Any]) -> None:
        """Serve a lane; lanes are written in the order in which they were added."""
        (self._riding if lane.rides else self._urgent).append(lane)

    async def open(self) -> None:
        """Connect, and begin to write; raises a `StoreError`."""
        await self._connection.open()
        self._task = asyncio.create_task(self._run(), name="store-writer")

    async def close(self) -> None:
        """Write what waits, and disconnect; what the database doesn't take then is dropped."""
        self._closing.set()
        self._ride_now = True
        self._wake.set()
        if self._task is not None:
            await self._task
            await self._connection.close()

    async def command(self, write: Callable[[], Steps[T]]) -> T:
        """Run steps in the next transaction, and return what they return once it is durable.

        Raises `Unavailable` when the database can't be written, and the driver's own error when it
        refuses one of the steps.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.put(self._commands, (write, done))
        return await done

    def put(self, lane: Lane[Item, Any], item: Item) -> None:
        """Let an item wait in its lane; raises `Unavailable` once the writer is closed."""
        if self._closing.is_set():
            raise Unavailable("the store is closed")
        lane.waiting.append(item)
        lane.entered += 1
        if not lane.rides or len(lane.waiting) >= MOST_RIDERS:
            self._wake.set()
        else:
            self._start_timer()

    async def watch(self) -> None:
        """Return when the writer was closed; raises what killed it, which would be our bug."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def flush(self, lane: Lane[Any, Any]) -> None:
        """Return when everything that entered a lane so far has left it, written or failed."""
        entered = lane.entered
        while lane.left < entered:
            self._ride_now = True
            self._wake.set()
            await self._next_commit()

    async def room(self, lane: Lane[Any, Any], most: int) -> None:
        """Return when fewer than `most` items wait in a lane."""
        while len(lane.waiting) >= most:
            self._wake.set()
            await self._next_commit()

    async def _run(self) -> None:
        try:
            await self._commit_batches()
        finally:
            self._closing.set()  # also when a bug of ours ends it: nobody shall wait in vain

    async def _commit_batches(self) -> None:
        while True:
            if under_way := self._begin():
                while under_way:
                    under_way = await self._end(*under_way)
                    self._announce_commit()
            elif self._closing.is_set():
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    def _next_batch(self) -> Batch:
        batch = [(lane, lane.take(MOST_ITEMS)) for lane in self._urgent if lane.waiting]
        if self._ride_now or any(len(lane.waiting) >= MOST_RIDERS for lane in self._riding):
            batch += [(lane, lane.take(MOST_RIDERS)) for lane in self._riding if lane.waiting]
            left = any(lane.waiting for lane in self._riding)
            self._ride_now = left or self._closing.is_set()
            self._stop_timer()
        return batch

    def _depart(self) -> None:
        self._timer = None
        self._ride_now = True
        self._wake.set()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(RIDE_EVERY_S, self._depart)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _next_commit(self) -> None:
        if self._commits is None:
            self._commits = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._commits)

    def _announce_commit(self) -> None:
        if self._commits is not None:
            self._commits.set_result(None)
            self._commits = None

    def _begin(self) -> UnderWay | None:
        """Begin to commit what waits."""
        if batch := self._next_batch():
            writing = self._connection.transact(partial(_together, batch))
            return batch, asyncio.ensure_future(writing)
        return None

    async def _end(self, batch: Batch, writing: "asyncio.Future[Any]") -> UnderWay | None:
        """Deal with the outcome of a commit; returns the next one, if that is under way by then."""
        try:
            outcomes = await writing
        except OutOfSpace:
            await self._one_by_one(batch)  # one message may be what doesn't fit
        except OutcomeUnknown as error:
            await self._find_out(batch, error)
        except Unavailable as error:
            await self._give_up(batch, error)
        except Exception:
            await self._one_by_one(batch)
        else:
            # The disk syncs while the replies to this batch go out: 27 % more with 10 sessions
            # where others kept the disk busy, no difference where they didn't.
            following = self._begin()
            self._written(batch, outcomes)
            return following
        return None

    def _written(self, batch: Batch, outcomes: Sequence[Sequence[Any]]) -> None:
        self._pause_s = BACK_OFF_S[0]
        for (lane, items), outcome in zip(batch, outcomes, strict=True):
            lane.left += len(items)
            lane.written(items, outcome)

    async def _one_by_one(self, batch: Batch) -> None:
        alone = [(lane, item) for lane, items in batch for item in items]
        for position, (lane, item) in enumerate(alone):
            try:
                outcome = await self._connection.transact(partial(_together, [(lane, [item])]))
            except OutcomeUnknown as error:
                await self._find_out([(lane, [item])], error)
            except Unavailable as error:
                if isinstance(error, OutOfSpace) and not lane.rides:
                    self._failed(lane, item, error)
                    continue
                await self._give_up([(lane, [item]) for lane, item in alone[position:]], error)
                return
            except Exception as error:
                self._failed(lane, item, error)
            else:
                self._written([(lane, [item])], outcome)

    async def _find_out(self, batch: Batch, error: OutcomeUnknown) -> None:
        """Ask whether a batch was committed before its connection broke; write it again if not."""
        proofs = (
            lane.proof(item, outcome)
            for (lane, items), outcomes in zip(batch, error.outcome, strict=True)
            for item, outcome in zip(items, outcomes, strict=True)
        )
        proof = next(filter(None, proofs), None)
        if proof is None:
            await self._give_up(batch, error)
            return
        try:
            found = await self._connection.transact(partial(_ask, proof, self._connection.dialect))
        except Unavailable:
            await self._give_up(batch, error)
            return
        if found:
            self._written(batch, error.outcome)
        else:
            await self._one_by_one(batch)

    async def _give_up(self, batch: Batch, error: Unavailable) -> None:
        """Refuse what is urgent, keep what rides for later, and pause."""
        for lane, items in reversed(batch):
            if lane.rides and not self._closing.is_set():
                lane.put_back(items)
                continue
            for item in items:
                self._failed(lane, item, error)
        if self._closing.is_set():
            return
        log.warning("%s; trying again in %.1f s", error, self._pause_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pause_s):
                await self._closing.wait()
        self._pause_s = min(2 * self._pause_s, BACK_OFF_S[1])
        self._start_timer()

    def _failed(self, lane: Lane[Any, Any], item: Any, error: Exception) -> None:
        lane.left += 1
        lane.failed(item, error)


def _together(batch: Batch) -> Steps[list[Sequence[Any]]]:
    outcomes = []
    for lane, items in batch:
        outcomes.append((yield from lane.write(items)))
    return outcomes


def _ask(proof: Statement, dialect: str) -> Steps[bool]:
    # The server may still be at the commit whose connection broke. A read that locks waits for
    # the end of it; SQLite has but one writer.
    locking = "" if dialect == "sqlite" else " FOR UPDATE"
    return bool((yield proof._replace(sql=proof.sql + locking)).rows)


Command = tuple[Callable[[], Steps[Any]], "asyncio.Future[Any]"]


class _Commands(Lane[Command, Any]):
    """Whatever has no lane of its own."""

    def write(self, items: Sequence[Command]) -> Steps[Sequence[Any]]:
        outcomes = []
        for write, _ in items:
            outcomes.append((yield from write()))
        return outcomes

    def written(self, items: Sequence[Command], outcomes: Sequence[Any]) -> None:
        for (_, done), outcome in zip(items, outcomes, strict=True):
            if not done.done():
                done.set_result(outcome)

    def failed(self, item: Command, error: Exception) -> None:
        if not item[1].done():
            item[1].set_exception(error)
