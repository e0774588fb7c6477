"""Server-sent events: what is new in the inbox, while somebody has it open.

The store is asked for its position, a cheap question, at most `PATCHES_PER_S` times a second and
only while a page listens; so it works alike whichever process stored the message.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict

from sandbox_mta.store.stored import Position

PATCHES_PER_S = 2
KEEP_ALIVE_S = 15.0  # proxies drop a silent stream, often after 30 s


async def positions(
    ask: Callable[[], Awaitable[Position]], stopping: asyncio.Event
) -> AsyncIterator[bytes]:
    """Yield the inbox's position as an event whenever it changes, until `stopping` is set."""
    last: Position | None = None
    silent_s = 0.0
    while not stopping.is_set():
        position = await ask()
        if position != last:
            yield b"event: inbox\ndata: " + json.dumps(asdict(position)).encode() + b"\n\n"
            last, silent_s = position, 0.0
        elif silent_s >= KEEP_ALIVE_S:
            yield b": still here\n\n"
            silent_s = 0.0
        try:
            await asyncio.wait_for(stopping.wait(), 1 / PATCHES_PER_S)
        except TimeoutError:
            silent_s += 1 / PATCHES_PER_S
