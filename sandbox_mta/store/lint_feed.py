"""Lint after the 250: feeds one worker process, and writes down what it finds.

What is pending is `linted_at IS NULL` in the database, never a list in memory: the worker gets
ranges of numbers and reads what is pending there. A range that kills or hangs it is asked again
message by message; the one to blame is then marked as linted, without findings, and logged.
"""

import asyncio
import json
import logging
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from itertools import count
from typing import Any, NamedTuple

from msa.envelope import Submission
from msa.lint.options import DEFAULTS, LintOptions
from msa.ports import Judgement
from sandbox_mta.store.database import Address, Database
from sandbox_mta.store.findings_lane import FindingsLane, read_finding
from sandbox_mta.store.fix_rows import read_fixed
from sandbox_mta.store.lint_worker import DATABASE_FAILED, HEAD, pack, submission_fields
from sandbox_mta.store.writer import Writer

RANGE = 32  # numbers in one request
IN_FLIGHT = 2  # requests, so that the worker has the next one when it has answered
# What arrives within it is asked for at once: a question costs 70 us and wakes two processes.
GATHER_S = 0.05
BUDGET_S = 30.0  # for an answer; the linter needs a millisecond for a usual message
MAX_WAITING = 4_096  # results that wait for a commit before the worker gets more to do
BACK_OFF_S = (0.1, 10.0)  # first and longest pause before a worker that died is started again
SWEEP_EVERY_S = 5.0  # between two looks for what is pending that nobody told us of
PATIENCE_S = 30.0  # after this long nobody else will lint it
# -P: the folder where the sandbox was started may hold a package of our names.
COMMAND = (
    sys.executable,
    "-P",
    "-c",
    "from sandbox_mta.store.lint_worker import main; raise SystemExit(main())",
)

log = logging.getLogger(__name__)

Fields = Sequence[Any]  # of a finding, in the order of the dataclass


class Range(NamedTuple):
    """Submissions, by number, both ends included."""

    first: int
    last: int


class LintFeed:
    """Lints what was stored without findings, and judges messages whose clients wait."""

    def __init__(  # noqa: PLR0913 # what it works on, and how
        self,
        address: Address,
        writer: Writer,
        database: Database,
        options: LintOptions = DEFAULTS,
        *,
        fixes_as: str | None = None,
        budget_s: float = BUDGET_S,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """`fixes_as` is the host name that is put into fixes; None: nothing is fixed."""
        self._address = address
        self._fixes_as = fixes_as
        self._writer = writer
        self._database = database
        self._options = options
        self._budget_s = budget_s
        self._command = command
        self.started = asyncio.Event()  # set while a worker runs
        self._lane = FindingsLane(self._pump)
        writer.add(self._lane)
        self._process: Process | None = None
        self._ids = count(1)
        self._coming: deque[Range] = deque()  # not asked for yet
        self._again: deque[Range] = deque()  # asked for before, in vain
        self._suspects: set[int] = set()  # numbers that were asked for when a worker ended
        self._asked: dict[int, Range] = {}
        self._judging: dict[int, asyncio.Future[Judgement]] = {}
        self._requests: dict[int, bytes] = {}  # of messages whose clients wait
        self._watch: asyncio.TimerHandle | None = None
        self._gathering: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()

    @property
    def worker_id(self) -> int | None:
        """The process id of the worker; None while none runs."""
        return None if self._process is None else self._process.pid

    def arrived(self, number: int) -> None:
        """Take note that a submission was stored."""
        if self._coming and self._coming[-1].last == number - 1:
            self._coming[-1] = Range(self._coming[-1].first, number)
        else:
            self._coming.append(Range(number, number))
        if self._gathering is None:
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(GATHER_S, self._gathered)
        self._pump()

    def _gathered(self) -> None:
        self._gathering = None
        self._pump()

    async def run(self) -> None:
        """Keep a worker and feed it, until cancelled."""
        pause_s = BACK_OFF_S[0]
        self._coming.clear()  # it is part of what is pending
        if pending := await self._pending_range():
            self._coming.appendleft(pending)
        sweeping = asyncio.create_task(self._keep_sweeping())
        try:
            while True:
                started = time.monotonic()
                try:
                    await self._with_worker()
                except OSError as error:
                    log.error("no lint worker can be started: %s", error.strerror)
                if time.monotonic() - started > BACK_OFF_S[1]:
                    pause_s = BACK_OFF_S[0]
                log.warning("the lint worker ended; starting another in %.1f s", pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, BACK_OFF_S[1])
        finally:
            sweeping.cancel()

    async def lint(self, submission: Submission) -> Judgement:
        """Judge a message whose client waits; without findings when the worker fails on it."""
        id = next(self._ids)
        judged: asyncio.Future[Judgement] = asyncio.get_running_loop().create_future()
        self._judging[id] = judged
        self._requests[id] = pack({"id": id, **submission_fields(submission)}, submission.content)
        self._send(self._requests[id])
        try:
            async with asyncio.timeout(self._budget_s):
                return await judged
        except TimeoutError:
            log.error("a message could not be linted before its reply: no answer in time")
            return Judgement(())
        finally:
            self._judging.pop(id, None)
            self._requests.pop(id, None)

    async def pending(self) -> int:
        """Count the submissions that are not linted yet."""
        sql = "SELECT COUNT(*) FROM submissions WHERE linted_at IS NULL"
        async with self._database.read() as connection:
            return int((await connection.exec_driver_sql(sql)).scalar_one())

    async def drained(self) -> None:
        """Return when nothing is pending."""
        while True:
            await self._idle.wait()
            await self._writer.flush(self._lane)
            await self._sweep()
            if self._idle.is_set():
                return

    async def _keep_sweeping(self) -> None:
        # What other processes accepted is theirs to lint, unless they died.
        patience_s = 0.0 if self._database.dialect == "sqlite" else PATIENCE_S
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            if self._idle.is_set():
                try:
                    await self._writer.flush(self._lane)
                    await self._sweep(patience_s)
                except ConnectionError as error:
                    log.debug("can't look for what is not linted: %s", error)

    async def _sweep(self, patience_s: float = 0.0) -> None:
        """Find what is pending that nobody told us of."""
        pending = await self._pending_range(patience_s)
        if pending is not None and not (self._asked or self._again or self._coming):
            self._coming.append(pending)
        self._pump()

    async def _pending_range(self, patience_s: float = 0.0) -> Range | None:
        """Ask the database from where to where messages are pending, accepted before a while."""
        where = "FROM submissions WHERE linted_at IS NULL"
        if patience_s:
            where += f" AND accepted_at < {time.time_ns() // 1000 - int(patience_s * 1_000_000)}"
        sql = f"SELECT (SELECT MIN(number) {where}) AS first, (SELECT MAX(number) {where}) AS last"
        async with self._database.read() as connection:
            found = (await connection.exec_driver_sql(sql)).mappings().one()
        return None if found["first"] is None else Range(found["first"], found["last"])

    async def _with_worker(self) -> None:
        """Start a worker and read its answers until it ends."""
        process = await self._start()
        try:
            self._process = process
            self.started.set()
            for request in self._requests.values():
                self._send(request)
            self._pump()
            await self._read_answers(process)
        finally:
            self._process = None
            self.started.clear()
            await self._end(process)
        if process.returncode == DATABASE_FAILED:
            self._again.extendleft(self._asked.values())
            self._asked.clear()
        else:
            self._suspect()

    async def _start(self) -> Process:
        # Not multiprocessing: it would run the parent's main module again in the child, and keep
        # another process beside it. No socket of ours is inherited: all are close-on-exec.
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert process.stdin is not None
        # The password goes through the pipe: arguments and environment can be seen from outside.
        address = {**asdict(self._address), "path": str(self._address.path)}
        opening = {"address": address, "lint": self._options.as_json(), "fixes_as": self._fixes_as}
        process.stdin.write(pack(opening))
        return process

    async def _end(self, process: Process) -> None:
        self._stop_watch()
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def _read_answers(self, process: Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                head = await process.stdout.readexactly(HEAD.size)
                text = await process.stdout.readexactly(HEAD.unpack(head)[0])
            except asyncio.IncompleteReadError:
                return
            self._take(json.loads(text))
            self._pump()
            self._stop_watch()
            self._start_watch()

    def _take(self, answer: dict[str, Any]) -> None:
        if "findings" in answer:
            judged = self._judging.pop(answer["id"], None)
            if judged is not None and not judged.done():
                judged.set_result(_judgement(answer))
            return
        wanted = self._asked.pop(answer["id"])
        self._suspects -= set(range(wanted.first, wanted.last + 1))
        for number, findings, fixes in answer["found"]:
            self._writer.put(self._lane, (number, findings, fixes))

    def _pump(self) -> None:
        """Ask for as much as the worker should have before it."""
        while (
            self._process is not None
            and len(self._asked) < IN_FLIGHT
            and len(self._lane.waiting) < MAX_WAITING
            and (wanted := self._next_range())
        ):
            id = next(self._ids)
            self._asked[id] = wanted
            self._send(pack({"id": id, "first": wanted.first, "last": wanted.last}))
        if self._asked or self._again or self._coming:
            self._idle.clear()
        else:
            self._idle.set()

    def _next_range(self) -> Range | None:
        if self._again:
            # Alone, or a second one would be suspected as well.
            return None if self._asked else self._again.popleft()
        if not self._coming:
            return None
        first, last = self._coming[0]
        if last - first < RANGE:
            if self._gathering is not None:
                return None  # more may follow
            return self._coming.popleft()
        self._coming[0] = Range(first + RANGE, last)
        return Range(first, first + RANGE - 1)

    def _send(self, frame: bytes) -> None:
        if self._process is None or (pipe := self._process.stdin) is None or pipe.is_closing():
            return  # it is sent to the next worker
        pipe.write(frame)
        self._start_watch()

    def _start_watch(self) -> None:
        if self._watch is None and (self._asked or self._judging):
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(self._budget_s, self._out_of_patience)

    def _out_of_patience(self) -> None:
        log.error("the lint worker has not answered for %s s; it is killed", self._budget_s)
        if self._process is not None:
            self._process.kill()

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _suspect(self) -> None:
        """Find out who is to blame for the end of a worker: who was there alone, and twice."""
        for wanted in self._asked.values():
            if wanted.first in self._suspects and wanted.first == wanted.last:
                log.error("submission %d can't be linted: two workers died of it", wanted.first)
                self._writer.put(self._lane, (wanted.first, [], None))
                continue
            alone = range(wanted.first, wanted.last + 1)
            self._suspects |= set(alone)
            self._again += (Range(n, n) for n in alone)
        self._asked.clear()
        for judged in self._judging.values():
            if not judged.done():
                log.error("a message could not be linted before its reply: the worker died")
                judged.set_result(Judgement(()))
        self._judging.clear()


def _judgement(answer: dict[str, Any]) -> Judgement:
    fixes = answer["fixes"]
    fixed = None if fixes is None else read_fixed(fixes)
    return Judgement(tuple(map(read_finding, answer["findings"])), fixed)
