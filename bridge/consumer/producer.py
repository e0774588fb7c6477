"""Producing by hand."""

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from bridge.event import EventRef, NewRecord
from bridge.options import KafkaOptions

START_S = 30.0


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
