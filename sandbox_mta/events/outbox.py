"""What sending events needs of the store: a place where they wait until a listener has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sandbox_mta.events.event import StatusEvent


class Channel(StrEnum):
    """Who may listen."""

    WEBHOOK = "webhook"
    TOPIC = "topic"


@dataclass(frozen=True, slots=True)
class Owed:
    """An event that a listener has not got yet."""

    number: int  # order of happening
    tries: int  # that failed so far
    event: StatusEvent


@dataclass(frozen=True, slots=True)
class Later:
    """An event whose listener did not take it."""

    number: int
    due_at: datetime  # real time of the next try


class Outbox(Protocol):
    """Keeps events, written in the transaction in which they happened."""

    async def lead(self, channel: Channel, until: datetime) -> bool:
        """Take or keep the right to send to a listener, up to a real time; False: another has it.

        One process at a time sends, or events about one message could overtake each other.
        """

    async def owed(self, channel: Channel, now: datetime, limit: int) -> Sequence[Owed]:
        """Return what is to be sent by `now` (real time), oldest first.

        An event is left out while an earlier one of the same message waits for its next try.
        """

    async def settle(self, done: Sequence[int], later: Sequence[Later]) -> None:
        """Forget the events that are `done`, and try others `later`; durable on return."""

    async def wait(self, timeout_s: float) -> None:
        """Return as soon as there may be something to send, or after `timeout_s`."""
