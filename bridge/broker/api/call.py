"""What a handler is given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.broker.node import Node
from bridge.broker.wire import Fields


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and whose it is."""

    fields: Fields
    version: int
    client_id: str
    client_host: str
    reached_at: tuple[str, int]  # the address the client reached us at, to be told it again


Handler = Callable[[Node, Call], Awaitable[Fields | None]]  # None: no answer is sent
