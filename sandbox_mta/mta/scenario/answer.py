"""What an exchanger says and when: `Answer`, before a recipient and a host are filled in.

`decided` plays one answer for one `Case`. What an answer depends on besides the case stands in the
`Memory`, so that the same case and memory give the same outcome.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Protocol

from msa.reply import Reply
from sandbox_mta.mta.exchanger import Outcome, accepts
from sandbox_mta.mta.mx import Exchanger
from sandbox_mta.mta.ports import QueuedRecipient
from sandbox_mta.mta.scenario.memory import Memory
from sandbox_mta.mta.status import State

OWN_ADDRESS = "192.0.2.25"  # of this MTA, in the built-in zone
MAX_LINE = 400  # characters of one line of a reply, after filling in

STAGES = (
    "connect", "banner", "ehlo", "starttls", "tls", "mail", "rcpt", "data", "dot", "quit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One try at one exchanger, for one recipient."""

    recipient: QueuedRecipient
    exchanger: Exchanger
    attempt: int  # from 1
    now: datetime  # time of the clock
    memory: Memory

    @property
    def path(self) -> str:
        return self.recipient.recipient.forward_path

    @property
    def sender_domain(self) -> str:
        return self.recipient.reverse_path.rpartition("@")[2]


class Condition(Protocol):
    """Says whether an exchanger gives its answer; when not, it takes the message."""

    def holds(self, case: Case, rule: str) -> bool:
        """Return whether the answer is given; may take note in the case's memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an exchanger says; `{rcpt}` and the like in `text` are filled in."""

    code: int
    detail: str
    text: str
    stage: str
    reason: str = ""
    when: Condition | None = None  # None: always
    state: State | None = None  # when it is not the one that the code means
    took: timedelta = timedelta(0)  # of the session, in time of the clock


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer of an exchanger that takes the message."""


TAKEN = Taken()


def decided(answer: Answer | Taken, case: Case, rule: str) -> Outcome:
    """Return the outcome of an answer; `rule` is the name of what asked for it."""
    if isinstance(answer, Taken) or (answer.when and not answer.when.holds(case, rule)):
        return accepts(case.exchanger.host, rule)
    return Outcome(
        Reply(answer.code, answer.detail, _filled(answer.text, case)),
        answer.stage,
        rule,
        answer.reason,
        state=answer.state,
        took=answer.took,
    )


_PLACEHOLDER = re.compile(r"\{(rcpt|domain|host|ip|at|session)\}")


def _filled(text: str, case: Case) -> str:
    # Not str.format: what an address or a file says must not reach into objects.
    if "{" in text:
        text = _PLACEHOLDER.sub(lambda match: _value(match[1], case), text)
    if len(text) > MAX_LINE:
        text = "\n".join(line[:MAX_LINE] for line in text.split("\n"))
    return text


def _value(name: str, case: Case) -> str:
    match name:
        case "rcpt":
            return case.path
        case "domain":  # of the sender
            return case.sender_domain or "(null)"
        case "host":
            return case.exchanger.host
        case "ip":  # whom the exchanger sees
            return OWN_ADDRESS
        case "at":  # whom we see
            return f"{case.exchanger.host}[{case.exchanger.addresses[0]}]"
        case _:
            return _session(case.recipient.submission_id, case.path, case.attempt)


@lru_cache(maxsize=256)
def _session(submission_id: str, path: str, attempt: int) -> str:
    """Return the id a provider would give the session, the same for the same attempt."""
    key = f"{submission_id}\0{path}\0{attempt}".encode("utf-8", "surrogatepass")
    return blake2b(key, digest_size=12).hexdigest()
