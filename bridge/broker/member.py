"""What consumer groups exchange: members, and the answers they get."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from bridge.broker.codes import Code

Token = Hashable  # names one request that waits for its answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """A JoinGroup request."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_s: float
    rebalance_timeout_s: float
    protocol_type: str
    protocols: tuple[tuple[str, bytes], ...]  # name and metadata, in order of preference
    needs_known_id: bool  # KIP-394: a first join only hands out a member id


@dataclass(frozen=True, slots=True)
class Joined:
    """The answer to a JoinGroup request."""

    code: Code
    member_id: str
    generation: int = -1
    protocol: str = ""
    leader_id: str = ""
    members: tuple[tuple[str, str | None, bytes], ...] = ()  # for the leader: id, instance, data


@dataclass(frozen=True, slots=True)
class Synced:
    """The answer to a SyncGroup request."""

    code: Code
    assignment: bytes = b""


Answer = tuple[Token, Joined | Synced]


@dataclass(slots=True)
class Member:
    """One member of a group."""

    id: str
    joining: Joining
    expires_at: float
    assignment: bytes = b""
    waits_for_join: Token | None = None
    waits_for_sync: Token | None = None

    @property
    def instance_id(self) -> str | None:
        return self.joining.instance_id

    @property
    def protocols(self) -> Mapping[str, bytes]:
        return dict(self.joining.protocols)

    def alive(self, now: float) -> None:
        self.expires_at = now + self.joining.session_timeout_s
