"""One consumer group: Kafka's classic protocol as a state machine, without I/O and without a clock.

`now` is seconds on any clock that only goes forward. A request that has to wait is named by a
token; every method returns the answers that fall due, each with the token it belongs to.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from bridge.broker.codes import Code
from bridge.broker.member import Answer, Joined, Joining, Member, Synced, Token

MAX_MEMBERS = 1_000


class State(StrEnum):
    """Where a group stands; the words are Kafka's, and DescribeGroups shows them."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    STABLE = "Stable"


class Group:
    """The members of a group, and the rebalance they are in."""

    def __init__(self, new_id: Callable[[str], str], initial_delay_s: float = 0.0) -> None:
        """`new_id` makes a member id that begins with its argument."""
        self._new_id = new_id
        self._initial_delay_s = initial_delay_s
        self.state = State.EMPTY
        self.generation = 0
        self.protocol_type = ""
        self.protocol = ""
        self.members: dict[str, Member] = {}
        self._leader_id = ""
        self._pending: dict[str, float] = {}  # ids handed out, not yet joined: when they lapse
        self._rebalance_ends_at = 0.0
        self._holds_open = False  # the initial delay runs: more members are likely to come

    @property
    def is_idle(self) -> bool:
        return not self.members and not self._pending

    def deadline(self) -> float | None:
        """Say when `tick` has something to do."""
        times = [m.expires_at for m in self.members.values() if m.waits_for_join is None]
        times += self._pending.values()
        if self.state is State.PREPARING:
            times.append(self._rebalance_ends_at)
        return min(times, default=None)

    def tick(self, now: float) -> list[Answer]:
        """Expire who was silent for too long, and end a rebalance that took too long."""
        answers: list[Answer] = []
        for member_id in [m for m, lapses_at in self._pending.items() if lapses_at <= now]:
            del self._pending[member_id]
        for member in list(self.members.values()):
            # A member that waits in JoinGroup can't heartbeat, and counts as alive.
            silent = member.expires_at <= now and member.waits_for_join is None
            if silent and self.members.get(member.id) is member:
                answers += self._remove(now, member, Code.UNKNOWN_MEMBER_ID)
        if self.state is State.PREPARING and self._rebalance_ends_at <= now:
            answers += self._complete_join(now)
        return answers + self._complete_if_all_joined(now)

    # JoinGroup

    def join(self, now: float, token: Token, joining: Joining) -> list[Answer]:
        """Take a member in; it hears the outcome when all members have joined."""
        refusal = self._refusal(joining)
        if refusal is not Code.NONE:
            return [(token, Joined(refusal, joining.member_id))]
        static = self._instance(joining.instance_id)
        if static is not None and joining.member_id not in ("", static.id):
            return [(token, Joined(Code.FENCED_INSTANCE_ID, joining.member_id))]
        if static is not None and not joining.member_id:
            return self._replace_static(now, token, static, joining)
        if joining.member_id in self.members:
            return self._rejoin(now, token, self.members[joining.member_id], joining)
        if not joining.member_id and joining.needs_known_id and joining.instance_id is None:
            member_id = self._new_id(joining.client_id)
            self._pending[member_id] = now + joining.session_timeout_s
            return [(token, Joined(Code.MEMBER_ID_REQUIRED, member_id))]
        return self._enter(now, token, joining)

    def _refusal(self, joining: Joining) -> Code:
        known = joining.member_id in self.members
        if joining.member_id and not known and joining.member_id not in self._pending:
            return Code.UNKNOWN_MEMBER_ID
        if not known and len(self.members) + len(self._pending) >= MAX_MEMBERS:
            return Code.GROUP_MAX_SIZE_REACHED
        if not joining.protocols or not joining.protocol_type:
            return Code.INCONSISTENT_GROUP_PROTOCOL
        others = [m for m in self.members.values() if m.id != joining.member_id]
        if others and (
            joining.protocol_type != self.protocol_type
            or not _common(dict(joining.protocols), *(m.protocols for m in others))
        ):
            return Code.INCONSISTENT_GROUP_PROTOCOL
        return Code.NONE

    def _enter(self, now: float, token: Token, joining: Joining) -> list[Answer]:
        member_id = joining.member_id or self._new_id(joining.instance_id or joining.client_id)
        self._pending.pop(member_id, None)
        member = self.members[member_id] = Member(member_id, joining, now)
        self.protocol_type = joining.protocol_type
        return self._await_join(now, token, member)

    def _rejoin(self, now: float, token: Token, member: Member, joining: Joining) -> list[Answer]:
        unchanged = joining.protocols == member.joining.protocols
        member.joining = joining
        leads = member.id == self._leader_id
        # The answer to the last join may have been lost, so it is given again. In a stable group
        # a leader that joins again wants a new assignment.
        if unchanged and (
            self.state is State.COMPLETING or (self.state is State.STABLE and not leads)
        ):
            member.alive(now)
            return [(token, self._joined(member))]
        return self._await_join(now, token, member)

    def _replace_static(
        self, now: float, token: Token, old: Member, joining: Joining
    ) -> list[Answer]:
        """KIP-345: a restarted instance takes the place of its earlier self."""
        assert joining.instance_id is not None
        del self.members[old.id]
        new = Member(self._new_id(joining.instance_id), joining, now, assignment=old.assignment)
        self.members[new.id] = new
        answers = _dismiss(old, Code.FENCED_INSTANCE_ID)
        led = self._leader_id == old.id
        if led:
            self._leader_id = new.id
        if self.state is State.STABLE and joining.protocols == old.joining.protocols:
            new.alive(now)
            # Named as leader it would assign anew, and a stable group doesn't hear that.
            leader_id = old.id if led else self._leader_id
            joined = Joined(Code.NONE, new.id, self.generation, self.protocol, leader_id)
            return [*answers, (token, joined)]
        return answers + self._await_join(now, token, new)

    def _await_join(self, now: float, token: Token, member: Member) -> list[Answer]:
        answers: list[Answer] = []
        if member.waits_for_join is not None:  # the earlier request of a client that reconnected
            answers.append((member.waits_for_join, Joined(Code.UNKNOWN_MEMBER_ID, member.id)))
        member.waits_for_join = token
        if self.state is not State.PREPARING:
            answers += self._prepare(now)
        return answers + self._complete_if_all_joined(now)

    def _prepare(self, now: float) -> list[Answer]:
        answers: list[Answer] = []
        for member in self.members.values():
            if member.waits_for_sync is not None:
                answers.append((member.waits_for_sync, Synced(Code.REBALANCE_IN_PROGRESS)))
                member.waits_for_sync = None
        first = self.state is State.EMPTY and self._initial_delay_s > 0
        longest = max(m.joining.rebalance_timeout_s for m in self.members.values())
        self._rebalance_ends_at = now + (self._initial_delay_s if first else longest)
        self._holds_open = first
        self.state = State.PREPARING
        return answers

    def _complete_if_all_joined(self, now: float) -> list[Answer]:
        if self.state is not State.PREPARING or self._pending or self._holds_open:
            return []
        if any(member.waits_for_join is None for member in self.members.values()):
            return []
        return self._complete_join(now)

    def _complete_join(self, now: float) -> list[Answer]:
        answers: list[Answer] = []
        for member in list(self.members.values()):
            if member.waits_for_join is None and member.instance_id is None:
                del self.members[member.id]
                answers += _dismiss(member, Code.UNKNOWN_MEMBER_ID)
        self._holds_open = False
        self.generation += 1
        if not self.members:
            self._become_empty()
            return answers
        self._elect()
        self.state = State.COMPLETING
        for member in self.members.values():
            member.assignment = b""
            if member.waits_for_join is not None:
                member.alive(now)
                answers.append((member.waits_for_join, self._joined(member)))
                member.waits_for_join = None
        return answers

    def _elect(self) -> None:
        leader = self.members.get(self._leader_id)
        if leader is None or leader.waits_for_join is None:
            there = (m.id for m in self.members.values() if m.waits_for_join is not None)
            self._leader_id = next(there, next(iter(self.members)))
        common = _common(*(m.protocols for m in self.members.values()))
        votes = [
            next(name for name, _ in m.joining.protocols if name in common)
            for m in self.members.values()
        ]
        self.protocol = max(votes, key=votes.count)

    def _joined(self, member: Member) -> Joined:
        members: tuple[tuple[str, str | None, bytes], ...] = ()
        if member.id == self._leader_id:
            members = tuple(
                (m.id, m.instance_id, m.protocols.get(self.protocol, b""))
                for m in self.members.values()
            )
        return Joined(
            Code.NONE, member.id, self.generation, self.protocol, self._leader_id, members
        )

    # SyncGroup

    def sync(
        self,
        now: float,
        token: Token,
        member_id: str,
        generation: int,
        assignments: Mapping[str, bytes],
    ) -> list[Answer]:
        """Hand a member its assignment, as soon as the leader has brought it."""
        code = self.check(member_id, generation)
        if code is Code.NONE and self.state is State.PREPARING:
            code = Code.REBALANCE_IN_PROGRESS
        if code is not Code.NONE:
            return [(token, Synced(code))]
        member = self.members[member_id]
        member.alive(now)
        if self.state is State.STABLE:
            return [(token, Synced(Code.NONE, member.assignment))]
        answers: list[Answer] = []
        if member.waits_for_sync is not None:
            answers.append((member.waits_for_sync, Synced(Code.UNKNOWN_MEMBER_ID)))
        member.waits_for_sync = token
        if member_id == self._leader_id:
            answers += self._assign(now, assignments)
        return answers

    def _assign(self, now: float, assignments: Mapping[str, bytes]) -> Iterator[Answer]:
        self.state = State.STABLE
        for member in self.members.values():
            member.assignment = assignments.get(member.id, b"")
            if member.waits_for_sync is not None:
                member.alive(now)
                yield member.waits_for_sync, Synced(Code.NONE, member.assignment)
                member.waits_for_sync = None

    # Heartbeat, LeaveGroup, OffsetCommit

    def check(self, member_id: str, generation: int) -> Code:
        """Say whether a request comes from a member, in the group's generation."""
        if member_id not in self.members:
            return Code.UNKNOWN_MEMBER_ID
        if generation != self.generation:
            return Code.ILLEGAL_GENERATION
        return Code.NONE

    def heartbeat(self, now: float, member_id: str, generation: int) -> Code:
        """Keep a member alive, and tell it when it has to join again."""
        code = self.check(member_id, generation)
        if code is not Code.NONE:
            return code
        self.members[member_id].alive(now)
        preparing = self.state is State.PREPARING
        return Code.REBALANCE_IN_PROGRESS if preparing else Code.NONE

    def leave(self, now: float, member_id: str) -> tuple[Code, list[Answer]]:
        """Let a member go."""
        if self._pending.pop(member_id, None) is not None:
            return Code.NONE, self._complete_if_all_joined(now)
        member = self.members.get(member_id)
        if member is None:
            return Code.UNKNOWN_MEMBER_ID, []
        return Code.NONE, self._remove(now, member, Code.UNKNOWN_MEMBER_ID)

    def check_commit(self, now: float, member_id: str, generation: int) -> Code:
        """Say whether offsets may be committed.

        While a rebalance is prepared the old generation may still commit what it did; once the
        next one is being assigned it may not. Who is in no group commits with generation -1,
        while the group is empty.
        """
        if generation < 0 and self.state is State.EMPTY:
            return Code.NONE
        code = self.check(member_id, generation)
        if code is not Code.NONE:
            return code
        self.members[member_id].alive(now)
        completing = self.state is State.COMPLETING
        return Code.REBALANCE_IN_PROGRESS if completing else Code.NONE

    # Inside

    def _instance(self, instance_id: str | None) -> Member | None:
        if instance_id is None:
            return None
        return next((m for m in self.members.values() if m.instance_id == instance_id), None)

    def _remove(self, now: float, member: Member, code: Code) -> list[Answer]:
        del self.members[member.id]
        answers = _dismiss(member, code)
        if not self.members:
            self.generation += 1
            self._become_empty()
        elif self.state in (State.STABLE, State.COMPLETING):
            answers += self._prepare(now)
        return answers + self._complete_if_all_joined(now)

    def _become_empty(self) -> None:
        self.state = State.EMPTY
        self._leader_id = self.protocol = ""
        self._holds_open = False


def _common(*protocols: Mapping[str, bytes]) -> set[str]:
    return set.intersection(*(set(names) for names in protocols))


def _dismiss(member: Member, code: Code) -> list[Answer]:
    answers: list[Answer] = []
    if member.waits_for_join is not None:
        answers.append((member.waits_for_join, Joined(code, member.id)))
    if member.waits_for_sync is not None:
        answers.append((member.waits_for_sync, Synced(code)))
    return answers
