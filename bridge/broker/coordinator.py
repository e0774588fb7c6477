"""Runs the groups: gives them the time, holds requests that wait, delivers their answers."""

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

from bridge.broker.codes import Code
from bridge.broker.groups import Group
from bridge.broker.member import Answer, Joined, Joining, Synced

MAX_GROUPS = 10_000  # with members; groups that only hold offsets cost no memory


class Coordinator:
    """All consumer groups that have members."""

    def __init__(self, initial_delay_s: float = 0.0) -> None:
        self._initial_delay_s = initial_delay_s
        self._groups: dict[str, Group] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def find(self, group_id: str) -> Group | None:
        return self._groups.get(group_id)

    def names(self) -> list[str]:
        return list(self._groups)

    async def join(self, group_id: str, joining: Joining) -> Joined:
        """Join a group; returns when its rebalance completes."""
        group = self._groups.get(group_id)
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                return Joined(Code.GROUP_MAX_SIZE_REACHED, joining.member_id)
            group = self._groups[group_id] = Group(_new_id, self._initial_delay_s)
        waiting: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
        self._deliver(group_id, group.join(_now(), waiting, joining))
        return await waiting

    async def sync(
        self, group_id: str, member_id: str, generation: int, assignments: Mapping[str, bytes]
    ) -> Synced:
        """Return a member's assignment when the leader has brought it."""
        group = self._groups.get(group_id)
        if group is None:
            return Synced(Code.UNKNOWN_MEMBER_ID)
        waiting: asyncio.Future[Synced] = asyncio.get_running_loop().create_future()
        answers = group.sync(_now(), waiting, member_id, generation, assignments)
        self._deliver(group_id, answers)
        return await waiting

    def heartbeat(self, group_id: str, member_id: str, generation: int) -> Code:
        group = self._groups.get(group_id)
        if group is None:
            return Code.UNKNOWN_MEMBER_ID
        code = group.heartbeat(_now(), member_id, generation)
        self._deliver(group_id, [])
        return code

    def leave(self, group_id: str, member_id: str) -> Code:
        group = self._groups.get(group_id)
        if group is None:
            return Code.UNKNOWN_MEMBER_ID
        code, answers = group.leave(_now(), member_id)
        self._deliver(group_id, answers)
        return code

    def check_commit(self, group_id: str, member_id: str, generation: int) -> Code:
        group = self._groups.get(group_id)
        if group is None:
            # Nobody is in the group: whoever names a generation means an earlier one.
            return Code.NONE if generation < 0 else Code.ILLEGAL_GENERATION
        code = group.check_commit(_now(), member_id, generation)
        self._deliver(group_id, [])
        return code

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()

    def _tick(self, group_id: str) -> None:
        self._deliver(group_id, self._groups[group_id].tick(_now()))

    def _deliver(self, group_id: str, answers: list[Answer]) -> None:
        for token, answer in answers:
            waiting: Any = token  # a future made above; gone if its client is
            if not waiting.done():
                waiting.set_result(answer)
        if timer := self._timers.pop(group_id, None):
            timer.cancel()
        deadline = self._groups[group_id].deadline()
        if deadline is None:
            del self._groups[group_id]
        else:
            loop = asyncio.get_running_loop()
            self._timers[group_id] = loop.call_at(deadline, self._tick, group_id)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _new_id(prefix: str) -> str:
    return f"{prefix[:100] or 'member'}-{uuid.uuid4()}"
