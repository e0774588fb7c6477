"""What is worth keeping of a session besides its messages: `Recorder`, without a socket.

Rejected mail is what people look for, so each refused command is kept with its reply. A session is
kept when something was refused, when it delivered nothing, or when it broke off in a transaction;
each message that it delivered has its own part of the transcript anyway.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from msa import reply
from msa.command import read_path, read_verb
from msa.envelope import Client
from msa.reply import Refused, Reply
from msa.session import Session
from msa.transcript import Transcript

MAX_REFUSALS = 1_000  # kept of one session, each; the rest is counted


class Ending(StrEnum):
    """How a session ended."""

    QUIT = "quit"
    DROPPED = "dropped"  # the client left without QUIT
    TIMEOUT = "timeout"
    REFUSED = "refused"  # we hung up, with 421
    SHUTDOWN = "shutdown"


_ENDINGS = {
    reply.BYE: Ending.QUIT,
    reply.IDLE: Ending.TIMEOUT,
    reply.SHUTTING_DOWN: Ending.SHUTDOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One command, or one message after DATA or BDAT, that was declined."""

    at: datetime
    command: str  # as the transcript shows it; "" when the connection itself was refused
    reply: Reply
    reverse_path: str | None = None  # None: not known
    forward_path: str | None = None
    submission_id: str | None = None  # of the message that was refused


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session so far, with what was refused since the last record of it."""

    id: str
    started_at: datetime
    ended_at: datetime | None  # None while it goes on
    ending: Ending | None
    client: Client
    messages: int  # accepted
    refused: int  # commands and messages, all of the session
    refusals: tuple[Refusal, ...]  # those that no record before has
    transcript: str


class Recorder:
    """Follows one session, and says what is to be kept of it.

    `started_s` and `at_s` are times of one monotonic clock, in seconds.
    """

    def __init__(
        self, *, started_s: float, now: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._now, self._new_id = now, new_id
        self._started_at, self._started_s = now(), started_s
        self._transcript = Transcript()
        self._id = ""
        self._line = b""
        self._reverse_path: str | None = None
        self._submission_id: str | None = None
        self._is_end_of_message = False
        self._messages = self._refused = 0
        self._refusals: list[Refusal] = []
        self._ending: Ending | None = None

    @property
    def has_news(self) -> bool:
        """Whether something was refused that no record has yet."""
        return bool(self._refusals)

    def heard(self, line: bytes, at_s: float, dialogue: Session) -> None:
        """Take note of a line that the dialogue is about to answer."""
        self._line, self._reverse_path = line, dialogue.reverse_path
        self._transcript.heard(line, at_s - self._started_s, is_secret=dialogue.in_auth)

    def content(self, octets: int) -> str:
        """Take note that a content came; return what was said of its message up to here."""
        self._transcript.content(octets)
        self._is_end_of_message = True
        return self._transcript.message()

    def judged(self, submission_id: str, answer: Reply) -> None:
        """Take note of what became of the message; the reply follows."""
        if answer.code == 250:
            self._messages += 1
        elif not answer.is_transient:
            self._submission_id = submission_id  # kept as a message that was refused

    def said(self, answer: Reply, wire: bytes) -> None:
        """Take note of a reply, given with its octets too."""
        if answer.code >= 400:
            # Of all replies to a line that is no command it alone quotes the line.
            hidden = reply.unknown_command("***")
            if self._transcript.hides and (answer.code, answer.detail) == (500, hidden.detail):
                answer = hidden
                wire = answer.wire()
            self._decline(answer)
        elif answer.code == 221:
            self._ending = Ending.QUIT
        self._transcript.said(wire)
        if self._is_end_of_message:
            self._is_end_of_message = False
            self._transcript.message_ended()

    def record(self, dialogue: Session) -> SessionRecord:
        """Return the session so far; what it says was refused is not said again."""
        self._id = self._id or self._new_id()
        refusals, self._refusals = tuple(self._refusals), []
        return SessionRecord(
            id=self._id,
            started_at=self._started_at,
            ended_at=self._now() if self._ending else None,
            ending=self._ending,
            client=dialogue.client,
            messages=self._messages,
            refused=self._refused,
            refusals=refusals,
            transcript=self._transcript.text(),
        )

    def end(self, dialogue: Session) -> SessionRecord | None:
        """Return the session that has ended; None when there is nothing to keep of it."""
        self._ending = self._ending or Ending.DROPPED
        if self._refused or not self._messages or dialogue.in_transaction:
            return self.record(dialogue)
        return None

    def _decline(self, answer: Reply) -> None:
        if answer.code == 421:
            self._ending = _ENDINGS.get(answer, Ending.REFUSED)
            if self._ending is not Ending.REFUSED:
                return
        self._refused += 1
        if self._refused <= MAX_REFUSALS:
            self._refusals.append(self._refusal(answer))
        self._submission_id = None

    def _refusal(self, answer: Reply) -> Refusal:
        mailed, rcpted = _path(b"MAIL", self._line), _path(b"RCPT", self._line)
        return Refusal(
            at=self._now(),
            command=self._transcript.command,
            reply=answer,
            reverse_path=self._reverse_path if mailed is None else mailed,
            forward_path=rcpted,
            submission_id=self._submission_id,
        )


def _path(verb: bytes, line: bytes) -> str | None:
    """Return the path that a line of MAIL or RCPT names, if it can be read."""
    if line[:4].upper() != verb:
        return None
    try:
        said, argument = read_verb(line)
        if said.encode() != verb:
            return None
        keyword = "FROM:" if said == "MAIL" else "TO:"
        return read_path(said, keyword, argument, reply.malformed_forward_path)[0]
    except Refused:
        return None
