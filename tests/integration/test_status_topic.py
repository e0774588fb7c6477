"""The status topic on a broker: in order, keyed, and again after the broker was gone."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from bridge.broker import EmbeddedBroker
from bridge.consumer import Producer
from bridge.options import KafkaOptions
from sandbox_mta.events.sender import Unreachable
from sandbox_mta.events.status_topic import StatusTopic
from tests.end_to_end.sandbox import free_port
from tests.unit.events.sample import event

COUNT = 20


async def test_events_of_a_message_are_in_order_also_after_the_broker_was_gone(
    tmp_path: Path,
) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"
    producer = Producer(KafkaOptions(bootstrap=address), send_s=1.0)
    topic = StatusTopic(producer, "mail-status", hostname="sandbox.test")
    events = [replace(event(), id=str(n)) for n in range(COUNT)]

    with pytest.raises(Unreachable):
        await topic.tell(events[0])

    broker = EmbeddedBroker(tmp_path, "127.0.0.1", port)
    await broker.start()
    for one in events[: COUNT // 2]:
        await topic.tell(one)
    await broker.stop()
    with pytest.raises(Unreachable):
        await topic.tell(events[COUNT // 2])
    broker = EmbeddedBroker(tmp_path, "127.0.0.1", port)
    await broker.start()
    for one in events[COUNT // 2 :]:
        await topic.tell(one)
    await producer.close()

    records = await consumed(address)
    await broker.stop()
    ids = [dict(record.headers)["ce_id"].decode() for record in records]
    assert [int(id) for id in dict.fromkeys(ids)] == list(range(COUNT))
    assert {record.partition for record in records} == {records[0].partition}
    assert records[0].key == event().submission_id.encode()
    assert json.loads(records[0].value) == event().data()


async def consumed(address: str) -> list[Any]:
    """Return all records up to that of the last event."""
    consumer = AIOKafkaConsumer(
        "mail-status", bootstrap_servers=address, auto_offset_reset="earliest"
    )
    await consumer.start()
    records: list[Any] = []
    try:
        async with asyncio.timeout(20):
            while not records or dict(records[-1].headers)["ce_id"] != str(COUNT - 1).encode():
                records.append(await consumer.getone())
        return records
    finally:
        await consumer.stop()
