"""What a reply means for an event, and how long to wait; pure."""

import random
from dataclasses import dataclass
from enum import Enum, auto

from bridge.ports import Verdict

# Replies about how the bridge is configured, not about the message: RFC 4954 section 6 (530, 534,
# 535, 538), a TLS that isn't there (454), a command that isn't known (502, 504).
_CONFIGURATION = frozenset((454, 502, 504, 530, 534, 535, 538))
_BEFORE_MAIL = frozenset(("connect", "ehlo", "auth"))


class Course(Enum):
    """What to do with an event after a reply."""

    DONE = auto()  # accepted
    PARK = auto()  # refused for good: this message, this recipient
    DEFER = auto()  # try this message again later
    PAUSE = auto()  # the server can't for now: everything waits, no try is counted
    BLOCK = auto()  # the bridge is configured wrongly: everything waits, and somebody must look


def course_of(verdict: Verdict) -> Course:
    """Say what follows from a reply."""
    if verdict.is_accepted:
        return Course.DONE
    if verdict.code in (0, 421):  # 421: the server closes, RFC 5321 section 3.8
        return Course.PAUSE
    if verdict.code in _CONFIGURATION:
        return Course.BLOCK
    is_before_mail = verdict.stage in _BEFORE_MAIL
    if verdict.is_permanent:
        is_policy = verdict.stage == "mail" and verdict.enhanced.startswith("5.7.")
        return Course.BLOCK if is_before_mail or is_policy else Course.PARK
    # x.3.x: the mail system's own trouble, RFC 3463 section 3.4
    is_everybodys = is_before_mail or verdict.enhanced.startswith("4.3.")
    return Course.PAUSE if is_everybodys else Course.DEFER


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long to wait, in seconds; doubled with every failure up to the cap."""

    server_first_s: float = 1.0
    server_cap_s: float = 30.0
    event_first_s: float = 5.0
    event_cap_s: float = 600.0
    claim_every_s: float = 1.0  # how often rows that came back are looked for
    grace_s: float = 30.0  # for a row that should come back, before its followers go on

    def for_server(self, failures: int) -> float:
        """Wait for a server that failed so many times in a row."""
        return _spread(min(self.server_cap_s, self.server_first_s * 2.0 ** min(failures, 30)))

    def for_event(self, attempts: int) -> float:
        """Wait with an event that was tried so many times before."""
        return _spread(min(self.event_cap_s, self.event_first_s * 2.0 ** min(attempts, 30)))


def _spread(delay_s: float) -> float:
    # Several bridges that lost one server should not come back in the same instant.
    return delay_s * random.uniform(0.5, 1.0)  # noqa: S311  # no secret depends on it
