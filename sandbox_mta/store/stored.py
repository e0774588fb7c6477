"""What readers of the store see: messages, summaries for lists, journeys and events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.ports import EventState
from msa.envelope import Client, Kind
from msa.fix.edit import Fixed
from msa.lint.finding import Finding, Severity
from sandbox_mta.mta.ports import Attempt
from sandbox_mta.mta.status import Action, State, action_of

MAX_SHOWN_RECIPIENTS = 10  # of a message in a list


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """The event that made a message."""

    topic: str
    partition: int
    offset: int
    id: str
    type: str
    template: str
    version: str  # of the template


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecipient:
    """One recipient and where it stands."""

    number: int  # submission number << 10 | position in the envelope
    forward_path: str
    state: State
    attempts: int
    reply: str  # to the last attempt, "550 5.1.1 No such user"; "" before the first
    exchanger: str  # of the last attempt
    reason: str  # classification of a failure
    queued_at: datetime
    due_at: datetime | None  # of the next attempt; None when none is waited for
    notify: tuple[str, ...] | None
    orcpt: str | None

    @property
    def action(self) -> Action | None:
        """RFC 3464's word for the state; None when it has none."""
        return action_of(self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHead:
    """What a message and its summary have in common."""

    number: int  # order of arrival: the cursor of lists
    id: str
    kind: Kind
    accepted_at: datetime | None  # None when it was refused
    refused_at: datetime | None
    reverse_path: str
    author: str
    subject: str
    message_id: str
    size_octets: int
    is_linted: bool
    is_read: bool
    client: Client
    event: StoredEvent | None

    @property
    def arrived_at(self) -> datetime:
        """When it was accepted or refused."""
        moment = self.accepted_at or self.refused_at
        assert moment is not None  # the MSA did one or the other
        return moment

    @property
    def lint(self) -> str:
        """Say "done", or "pending" while it has still to run."""
        return "done" if self.is_linted else "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(StoredHead):
    """A row of a list: counts in place of findings and recipients."""

    forward_paths: tuple[str, ...]  # the first `MAX_SHOWN_RECIPIENTS`
    states: Mapping[State, int]  # how many recipients are in each
    severities: Mapping[Severity, int]  # how many findings there are of each

    @property
    def recipients(self) -> int:
        """How many there are in all."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage(StoredHead):
    """Everything about a message but its content."""

    ret: str | None
    envid: str | None
    body: str | None
    smtputf8: bool
    submission_key: str | None
    parent_id: str | None
    recipients: tuple[StoredRecipient, ...]
    findings: tuple[Finding, ...]
    fixed: Fixed | None = None  # None: nobody has looked for fixes, or not yet


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStatus:
    """A state that a recipient reached."""

    state: State
    attempt: int  # that led there; 0: none
    at: datetime  # time of the clock
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One recipient's way: its states and the attempts between them, in order."""

    recipient: StoredRecipient
    statuses: tuple[StoredStatus, ...]
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMessage:
    """One message that an event made, or tried to make."""

    submission_id: str  # "" when it was refused, or another server took it
    forward_path: str
    template: str
    template_version: str
    locale: str
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedEvent:
    """One record from Kafka and what became of it."""

    number: int  # order of receipt: the cursor of lists
    topic: str
    partition: int
    offset: int
    timestamp: datetime
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None  # in lists its beginning
    value_octets: int  # of all of it
    id: str
    source: str
    type: str
    received_at: datetime
    state: EventState
    reason: str
    detail: str
    attempts: int
    messages: tuple[EventMessage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRefusal:
    """A command or a message that was declined, and to whom."""

    number: int  # order of recording: the cursor of lists
    at: datetime
    session_id: str
    client: Client  # empty when the session is not kept any more
    command: str  # as the transcript shows it; "" when the connection itself was refused
    reply: str
    reverse_path: str | None
    forward_path: str | None
    submission_id: str | None  # of a message that was refused and is still there


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session in which something was refused, or nothing delivered."""

    number: int  # order of recording: the cursor of lists
    id: str
    started_at: datetime
    ended_at: datetime | None  # None while it goes on
    ending: str  # "" while it goes on
    client: Client
    messages: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far the inbox has come; changes whenever a message arrives, is read or goes."""

    newest: int  # number of the newest message; 0 when there is none
    total: int
    unread: int
