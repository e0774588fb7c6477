"""The group protocol, step by step; times are seconds, tokens name waiting requests."""

from dataclasses import dataclass, field

import pytest

from bridge.broker.codes import Code
from bridge.broker.groups import MAX_MEMBERS, Group, State
from bridge.broker.member import Answer, Joined, Joining, Synced

SESSION_S, REBALANCE_S = 10.0, 60.0


@dataclass
class Play:
    """A group, a clock that is moved by hand, and the answers by token."""

    group: Group
    now: float = 0.0
    answers: dict[object, Joined | Synced] = field(default_factory=dict)

    def heard(self, answers: list[Answer]) -> None:
        for token, answer in answers:
            assert token not in self.answers, "answered twice"
            self.answers[token] = answer

    def join(
        self,
        token: str,
        member_id: str = "",
        instance_id: str | None = None,
        protocols: tuple[tuple[str, bytes], ...] = (("range", b"topics"),),
        needs_known_id: bool = False,
    ) -> None:
        joining = Joining(
            member_id=member_id,
            instance_id=instance_id,
            client_id=token,
            client_host="127.0.0.1",
            session_timeout_s=SESSION_S,
            rebalance_timeout_s=REBALANCE_S,
            protocol_type="consumer",
            protocols=protocols,
            needs_known_id=needs_known_id,
        )
        self.heard(self.group.join(self.now, token, joining))

    def sync(self, token: str, member_id: str, **assignments: bytes) -> None:
        named = {name.replace("_", "-"): data for name, data in assignments.items()}
        generation = self.group.generation
        self.heard(self.group.sync(self.now, token, member_id, generation, named))

    def leave(self, member_id: str) -> Code:
        code, answers = self.group.leave(self.now, member_id)
        self.heard(answers)
        return code

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.heard(self.group.tick(self.now))

    def heartbeat(self, member_id: str) -> Code:
        return self.group.heartbeat(self.now, member_id, self.group.generation)

    def joined(self, token: str) -> Joined:
        answer = self.answers.pop(token)
        assert isinstance(answer, Joined)
        return answer

    def synced(self, token: str) -> Synced:
        answer = self.answers.pop(token)
        assert isinstance(answer, Synced)
        return answer


@pytest.fixture
def play() -> Play:
    return Play(Group(lambda prefix: f"{prefix}-id"))


@pytest.fixture
def alone(play: Play) -> Play:
    """One member, `a-id`, stable in generation 1."""
    play.join("a")
    play.joined("a")
    play.sync("s", "a-id", a_id=b"all")
    assert play.synced("s") == Synced(Code.NONE, b"all")
    return play


@pytest.fixture
def pair(alone: Play) -> Play:
    """Two members, `a-id` (leader) and `b-id`, stable in generation 2."""
    alone.join("b")
    alone.join("a", "a-id")
    alone.joined("a")
    alone.joined("b")
    alone.sync("sb", "b-id")
    alone.sync("sa", "a-id", a_id=b"left", b_id=b"right")
    assert alone.synced("sa").assignment == b"left"
    assert alone.synced("sb").assignment == b"right"
    return alone


def test_the_first_member_leads_and_sees_everybody(play: Play) -> None:
    play.join("a")

    assert play.joined("a") == Joined(
        Code.NONE, "a-id", 1, "range", "a-id", (("a-id", None, b"topics"),)
    )
    assert play.group.state is State.COMPLETING


def test_a_newcomer_waits_until_the_others_join_again(alone: Play) -> None:
    alone.join("b")

    assert alone.answers == {}
    assert alone.heartbeat("a-id") is Code.REBALANCE_IN_PROGRESS
    alone.join("a", "a-id")
    assert alone.joined("b").generation == alone.joined("a").generation == 2


def test_only_the_leader_is_told_the_members(pair: Play) -> None:
    pair.join("a", "a-id")
    pair.join("b", "b-id")

    assert len(pair.joined("a").members) == 2
    assert pair.joined("b").members == ()


def test_followers_wait_for_the_leaders_assignment(alone: Play) -> None:
    alone.join("b")
    alone.join("a", "a-id")

    alone.sync("sb", "b-id")

    assert "sb" not in alone.answers
    alone.sync("sa", "a-id", b_id=b"yours")
    assert alone.synced("sb") == Synced(Code.NONE, b"yours")
    assert alone.synced("sa") == Synced(Code.NONE, b"")


def test_a_member_that_leaves_makes_the_others_join_again(pair: Play) -> None:
    assert pair.leave("b-id") is Code.NONE

    assert pair.heartbeat("a-id") is Code.REBALANCE_IN_PROGRESS
    pair.join("a", "a-id")
    assert pair.joined("a").generation == 3


def test_a_silent_member_expires_after_its_session(pair: Play) -> None:
    pair.advance(SESSION_S - 1)
    pair.heartbeat("a-id")

    pair.advance(1)

    assert list(pair.group.members) == ["a-id"]
    assert pair.group.state is State.PREPARING


def test_the_deadline_is_the_earliest_expiry(pair: Play) -> None:
    pair.now = 3.0
    pair.heartbeat("a-id")

    assert pair.group.deadline() == SESSION_S


def test_a_sole_member_that_died_makes_room_for_its_successor(alone: Play) -> None:
    alone.join("b")

    alone.advance(SESSION_S)

    assert alone.joined("b").leader_id == "b-id"
    assert list(alone.group.members) == ["b-id"]


def test_who_does_not_join_again_in_time_is_left_behind(pair: Play) -> None:
    pair.join("c")
    pair.join("a", "a-id")
    for _ in range(int(REBALANCE_S)):
        if "b-id" in pair.group.members:
            pair.heartbeat("b-id")
        pair.advance(1)

    assert set(pair.group.members) == {"a-id", "c-id"}
    assert pair.joined("a").generation == pair.joined("c").generation == 3
    assert pair.heartbeat("b-id") is Code.UNKNOWN_MEMBER_ID


def test_a_member_waiting_to_join_is_alive(pair: Play) -> None:
    pair.join("a", "a-id")

    for _ in range(20):
        pair.heartbeat("b-id")
        pair.advance(1)

    assert set(pair.group.members) == {"a-id", "b-id"}


def test_the_last_to_leave_empties_the_group(alone: Play) -> None:
    alone.leave("a-id")

    assert alone.group.state is State.EMPTY
    assert alone.group.is_idle
    assert alone.group.deadline() is None


def test_unknown_members_and_old_generations_are_told_so(alone: Play) -> None:
    assert alone.group.heartbeat(0, "nobody", 1) is Code.UNKNOWN_MEMBER_ID
    assert alone.group.heartbeat(0, "a-id", 0) is Code.ILLEGAL_GENERATION
    assert alone.leave("nobody") is Code.UNKNOWN_MEMBER_ID
    alone.join("x", "nobody")
    assert alone.joined("x").code is Code.UNKNOWN_MEMBER_ID
    alone.heard(alone.group.sync(0, "s", "a-id", 0, {}))
    assert alone.synced("s").code is Code.ILLEGAL_GENERATION


def test_a_rebalance_takes_a_waiting_sync_back(alone: Play) -> None:
    alone.join("b")
    alone.join("a", "a-id")
    alone.sync("sb", "b-id")

    alone.join("c")

    assert alone.synced("sb").code is Code.REBALANCE_IN_PROGRESS


def test_a_sync_during_a_rebalance_is_refused(alone: Play) -> None:
    alone.join("b")

    alone.sync("s", "a-id", a_id=b"all")

    assert alone.synced("s").code is Code.REBALANCE_IN_PROGRESS


def test_the_protocol_is_the_one_most_prefer_of_those_all_know(play: Play) -> None:
    play.join("a", protocols=(("range", b""), ("sticky", b""), ("mine", b"")))
    play.joined("a")
    play.join("b", protocols=(("sticky", b""), ("range", b"")))
    play.join("c", protocols=(("sticky", b""), ("range", b"")))
    play.join("a", "a-id", protocols=(("mine", b""), ("range", b""), ("sticky", b"")))

    assert play.joined("b").protocol == "sticky"


def test_a_member_that_shares_no_protocol_is_refused(alone: Play) -> None:
    alone.join("b", protocols=(("mine", b""),))

    assert alone.joined("b").code is Code.INCONSISTENT_GROUP_PROTOCOL
    assert alone.group.state is State.STABLE


def test_a_repeated_join_is_answered_without_a_rebalance(pair: Play) -> None:
    pair.join("b", "b-id")

    assert pair.joined("b").generation == 2
    assert pair.group.state is State.STABLE


def test_a_leader_that_joins_again_wants_a_new_assignment(pair: Play) -> None:
    pair.join("a", "a-id")

    assert pair.group.state is State.PREPARING


def test_new_topics_of_a_member_start_a_rebalance(pair: Play) -> None:
    pair.join("b", "b-id", protocols=(("range", b"other topics"),))

    assert pair.group.state is State.PREPARING


def test_a_first_join_can_be_asked_to_come_back_with_its_id(play: Play) -> None:
    play.join("a", needs_known_id=True)
    handed_out = play.joined("a")
    assert handed_out == Joined(Code.MEMBER_ID_REQUIRED, "a-id")

    play.join("a", "a-id", needs_known_id=True)

    assert play.joined("a").code is Code.NONE


def test_an_id_that_was_handed_out_lapses(play: Play) -> None:
    play.join("a", needs_known_id=True)

    play.advance(SESSION_S)

    assert play.group.is_idle


def test_a_group_takes_only_so_many_members(play: Play) -> None:
    play.group = Group(lambda prefix: prefix)
    for number in range(MAX_MEMBERS):
        play.join(f"m{number}", needs_known_id=True)

    play.join("one more", needs_known_id=True)

    assert play.joined("one more").code is Code.GROUP_MAX_SIZE_REACHED


def test_an_initial_delay_lets_more_members_come() -> None:
    play = Play(Group(lambda prefix: f"{prefix}-id", initial_delay_s=3.0))
    play.join("a")
    play.join("b")
    assert play.answers == {}

    play.advance(3)

    assert play.joined("a").generation == play.joined("b").generation == 1


class TestStaticMembership:
    """KIP-345: an instance that restarts keeps its place."""

    @pytest.fixture
    def static(self) -> Play:
        numbers = iter(range(100))
        play = Play(Group(lambda prefix: f"{prefix}-{next(numbers)}"))
        play.join("a", instance_id="one")
        play.joined("a")
        play.sync("s", "one-0", one_0=b"all")
        play.synced("s")
        return play

    def test_a_restarted_instance_gets_its_assignment_without_a_rebalance(
        self, static: Play
    ) -> None:
        static.join("again", instance_id="one")

        joined = static.joined("again")
        assert (joined.code, joined.member_id, joined.generation) == (Code.NONE, "one-1", 1)
        assert joined.leader_id != joined.member_id
        static.sync("s", "one-1")
        assert static.synced("s") == Synced(Code.NONE, b"all")

    def test_the_earlier_self_is_forgotten(self, static: Play) -> None:
        static.join("again", instance_id="one")

        assert static.heartbeat("one-0") is Code.UNKNOWN_MEMBER_ID

    def test_two_that_claim_one_instance_fence_each_other(self, static: Play) -> None:
        static.join("other")
        static.join("again", instance_id="one")

        static.join("old", "one-0", instance_id="one")

        assert static.joined("old").code is Code.UNKNOWN_MEMBER_ID

    def test_a_wrong_id_for_an_instance_is_fenced(self, static: Play) -> None:
        static.join("other")
        static.join("a", "one-0", instance_id="one")

        static.join("thief", "other-1", instance_id="one")

        assert static.joined("thief").code is Code.FENCED_INSTANCE_ID

    def test_other_topics_after_a_restart_start_a_rebalance(self, static: Play) -> None:
        static.join("again", instance_id="one", protocols=(("range", b"other"),))

        assert static.joined("again").generation == 2

    def test_an_instance_that_stays_away_expires(self, static: Play) -> None:
        static.advance(SESSION_S)

        assert static.group.is_idle


class TestCommits:
    """Who may commit when, as Kafka has it."""

    def test_a_member_commits_in_its_generation(self, alone: Play) -> None:
        assert alone.group.check_commit(0, "a-id", 1) is Code.NONE
        assert alone.group.check_commit(0, "a-id", 0) is Code.ILLEGAL_GENERATION
        assert alone.group.check_commit(0, "nobody", 1) is Code.UNKNOWN_MEMBER_ID

    def test_the_old_generation_commits_while_a_rebalance_is_prepared(self, alone: Play) -> None:
        alone.join("b")

        assert alone.group.check_commit(0, "a-id", 1) is Code.NONE

    def test_nobody_commits_while_the_assignment_is_awaited(self, alone: Play) -> None:
        alone.join("b")
        alone.join("a", "a-id")

        assert alone.group.check_commit(0, "a-id", 2) is Code.REBALANCE_IN_PROGRESS

    def test_who_is_no_member_commits_only_to_an_empty_group(self, alone: Play) -> None:
        assert alone.group.check_commit(0, "", -1) is Code.UNKNOWN_MEMBER_ID
        alone.leave("a-id")
        assert alone.group.check_commit(0, "", -1) is Code.NONE

    def test_a_commit_keeps_its_member_alive(self, alone: Play) -> None:
        alone.now = SESSION_S - 1
        alone.group.check_commit(alone.now, "a-id", 1)

        alone.advance(SESSION_S - 1)

        assert not alone.group.is_idle
