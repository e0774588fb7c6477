"""Producing: by hand, and whenever there is something to tell."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from bridge.event import EventRef, NewRecord
from bridge.options import KafkaOptions

START_S = 30.0
SEND_S = 10.0
STOP_S = 1.0


async def produce(
    options: KafkaOptions, topic: str, records: Iterable[NewRecord]
) -> tuple[EventRef, ...]:
    """Produce records in order, and return where each one stands.

    Raises `KafkaError`, `OSError` or `TimeoutError`.
    """
    producer = AIOKafkaProducer(**options.client(), enable_idempotence=True, acks="all")
    try:
        async with asyncio.timeout(START_S):
            await producer.start()
        sent = [
            await producer.send(topic, record.value, record.key, headers=list(record.headers))
            for record in records
        ]
        placed = [await future for future in sent]
    finally:
        await producer.stop()
    return tuple(EventRef(topic, p.partition, p.offset, p.timestamp) for p in placed)


class Producer:
    """Produces one record after the other; connects when there is a first one."""

    def __init__(self, options: KafkaOptions, *, send_s: float = SEND_S) -> None:
        """`send_s` is how long connecting and sending are tried before they have failed."""
        self._options = options
        self._send_s = send_s
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def send(self, topic: str, record: NewRecord) -> None:
        """Return when a record is stored; it may be stored twice when the connection breaks.

        Raises `KafkaError`, `OSError` or `TimeoutError`; then it is tried no more.
        """
        producer = await self._started()
        await producer.send_and_wait(topic, record.value, record.key, headers=list(record.headers))

    async def close(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await producer.stop()

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._options.client(),
                    # An idempotent one never gives a record up: it would come after its own repeat.
                    enable_idempotence=False,
                    acks="all",
                    request_timeout_ms=int(self._send_s * 1000),
                )
                try:
                    async with asyncio.timeout(self._send_s):
                        await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer
