"""What a simulated exchanger answers: `Outcome`, and the function that decides one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol

from msa.reply import Reply
from sandbox_mta.mta.mx import Exchanger
from sandbox_mta.mta.ports import QueuedRecipient
from sandbox_mta.mta.status import State

# Stages of a session at which the answer is not the exchanger's but ours.
LOCAL_STAGES = frozenset({"routing", "connect"})
# How our own answers at the other stages begin: the exchanger fell silent, or lacks something.
_OWN_WORDS = (
    "lost connection with ",
    "conversation with ",
    "TLS is required, but was not offered by ",
    "Server certificate not trusted: ",
    "SMTPUTF8 is required, but was not offered by ",
    "message size exceeds size limit ",
)


def is_ours(stage: str, reply: Reply) -> bool:
    """Tell whether a reply is what we say of an exchanger, and not what it said itself."""
    return stage in LOCAL_STAGES or reply.text.startswith(_OWN_WORDS)


DISCARDED = "discarded"  # the reason of a delivery that comes to nothing


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one session with one exchanger, for one recipient."""

    reply: Reply
    stage: str  # "banner", "mail", "rcpt", "data", "dot", ...: what was answered
    rule: str  # what decided it: "default", "magic:bounce"
    reason: str = ""  # classification of a failure
    state: State | None = None  # of the recipient, when it is not the one that the reply means
    took: timedelta = timedelta(0)  # of the session, in time of the clock


class Decide(Protocol):
    """Decides what an exchanger answers; the same arguments give the same outcome."""

    def __call__(
        self, recipient: QueuedRecipient, exchanger: Exchanger, attempt: int, now: datetime
    ) -> Outcome:
        """Return the outcome of the attempt of that number (from 1) at a time of the clock."""


@lru_cache(maxsize=4096)  # most mail is delivered, and to few hosts
def accepts(host: str, rule: str = "default") -> Outcome:
    """Return the outcome of a host that takes the message."""
    return Outcome(Reply(250, "0.0", f"Ok: {host} took the message"), "dot", rule)


def refuses_connection(exchanger: Exchanger, rule: str) -> Outcome:
    """Return the outcome of a host on which nobody listens."""
    text = f"connect to {exchanger.host}[{exchanger.addresses[0]}]:25: Connection refused"
    return Outcome(Reply(451, "4.1", text), "connect", rule, "network")
