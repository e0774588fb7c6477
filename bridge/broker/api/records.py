"""Produce, Fetch, ListOffsets, DeleteRecords."""

import asyncio
from typing import Any

from bridge.broker.api.call import Call
from bridge.broker.batch import BatchHeader, examine, examine_contents
from bridge.broker.codes import Code
from bridge.broker.database import StorageError
from bridge.broker.node import Node
from bridge.broker.partition import Partition, Waiter
from bridge.broker.producers import Duplicate
from bridge.broker.wire import Fields

MAX_FETCH_OCTETS = 4 * 2**20  # one response, or one batch that is larger; clients fetch again
MAX_WAIT_S = 300.0  # a fetch; clients ask for half a second


async def produce(node: Node, call: Call) -> Fields | None:
    """Append one batch to each partition named; answer when all are durable."""
    acks = call.fields["required_acks"]
    transactional_id = call.fields["transactional_id"]
    answers: list[dict[str, Any]] = []
    for topic in call.fields["topics"]:
        partitions = [
            _append(node, topic["topic"], asked, transactional_id)
            if acks in (-1, 0, 1)
            else _produced(asked["partition"], Code.INVALID_REQUIRED_ACKS)
            for asked in topic["partitions"]
        ]
        answers.append({"topic": topic["topic"], "partitions": partitions})
    if acks == 0:
        return None
    try:
        await node.database.durable()
    except StorageError:
        for answer in answers:
            for partition in answer["partitions"]:
                partition["error_code"] = partition["error_code"] or Code.KAFKA_STORAGE_ERROR
    return {"topics": answers, "throttle_time_ms": 0}


def _append(
    node: Node, topic: str, asked: dict[str, Any], transactional_id: str | None
) -> dict[str, Any]:
    number, data = asked["partition"], asked["messages"]
    partition = node.log.partition(topic, number)
    if partition is None:
        return _produced(number, Code.UNKNOWN_TOPIC_OR_PARTITION)
    header = examine(data, node.log.topics[topic].configs.max_message_octets)
    if isinstance(header, Code):
        return _produced(number, header)
    verdict = _judge(node, partition, header, data, transactional_id)
    if isinstance(verdict, Duplicate):
        return _produced(number, Code.NONE, verdict.base_offset, partition.log_start)
    if verdict is not Code.NONE:
        return _produced(number, verdict)
    base_offset = node.log.append(partition, header, data)
    return _produced(number, Code.NONE, base_offset, partition.log_start)


def _judge(
    node: Node,
    partition: Partition,
    header: BatchHeader,
    data: bytes,
    transactional_id: str | None,
) -> Code | Duplicate:
    verdict = partition.producers.judge(header)
    if verdict is Code.NONE and header.is_transactional:
        verdict = node.transactions.covers(
            transactional_id or "",
            header.producer_id,
            header.producer_epoch,
            (partition.topic, partition.number),
        )
    return examine_contents(data) if verdict is Code.NONE else verdict


def _produced(number: int, code: Code, offset: int = -1, log_start: int = -1) -> dict[str, Any]:
    return {
        "partition": number,
        "error_code": code,
        "offset": offset,
        "timestamp": -1,  # the producer's own timestamps stand
        "log_start_offset": log_start,
    }


async def fetch(node: Node, call: Call) -> Fields:
    """Read from each partition named; wait until there is enough, or for as long as asked.

    Every response offers no session (id 0), so clients name all their partitions every time, which
    KIP-227 allows and which costs nothing on loopback.
    """
    if call.fields.get("session_id", 0) != 0:
        return _fetch_answer(Code.FETCH_SESSION_ID_NOT_FOUND, [])
    loop = asyncio.get_running_loop()
    wait_s = min(max(call.fields["max_wait_time"], 0) / 1000, MAX_WAIT_S)
    until = loop.time() + wait_s
    while True:
        topics, missing = _read_all(node, call.fields)
        if missing <= 0 or not await _more_arrives(node, call.fields, missing, until):
            return _fetch_answer(Code.NONE, topics)


def _fetch_answer(code: Code, topics: list[Fields]) -> Fields:
    return {"throttle_time_ms": 0, "error_code": code, "session_id": 0, "topics": topics}


async def _more_arrives(node: Node, fields: Fields, missing: int, until: float) -> bool:
    waiter = Waiter(missing)
    partitions = [
        partition
        for topic in fields["topics"]
        for asked in topic["partitions"]
        if (partition := node.log.partition(topic["topic"], asked["partition"]))
    ]
    for partition in partitions:
        partition.waiters.add(waiter)
    try:
        async with asyncio.timeout_at(until):
            await waiter.done.wait()
    except TimeoutError:
        return False
    finally:
        for partition in partitions:
            partition.waiters.discard(waiter)
    return True


def _read_all(node: Node, fields: Fields) -> tuple[list[Fields], int]:
    """Return the answer by topic, and how many octets are missing to what the client wants."""
    room = min(fields["max_bytes"], MAX_FETCH_OCTETS)
    wanted = min(fields["min_bytes"], room)
    read, failed = 0, False
    answers: list[Fields] = []
    for topic in fields["topics"]:
        partitions = []
        for asked in topic["partitions"]:
            answer = _read(node, topic["topic"], asked, fields["isolation_level"], room - read)
            partitions.append(answer)
            read += len(answer["message_set"])
            failed = failed or answer["error_code"] != Code.NONE
        answers.append({"topics": topic["topic"], "partitions": partitions})
    return answers, 0 if failed else wanted - read


def _read(
    node: Node, topic: str, asked: dict[str, Any], isolation_level: int, room: int
) -> dict[str, Any]:
    partition = node.log.partition(topic, asked["partition"])
    if partition is None:
        return _fetched(asked["partition"], Code.UNKNOWN_TOPIC_OR_PARTITION, None)
    offset = asked["fetch_offset"] if "fetch_offset" in asked else asked["offset"]  # version 4
    read_committed = isolation_level == 1
    if not partition.log_start <= offset <= partition.high_watermark:
        return _fetched(partition.number, Code.OFFSET_OUT_OF_RANGE, partition)
    end = partition.visible_end(read_committed=read_committed)
    answer = _fetched(partition.number, Code.NONE, partition)
    if offset < end and room > 0:
        found = node.log.read(partition, offset, end, min(asked["max_bytes"], room))
        answer["message_set"] = found.data
        if read_committed:
            answer["aborted_transactions"] = [
                {"producer_id": producer_id, "first_offset": first_offset}
                for producer_id, first_offset in node.log.aborted(partition, offset, found.end)
            ]
    return answer


def _fetched(number: int, code: Code, partition: Partition | None) -> dict[str, Any]:
    return {
        "partition": number,
        "error_code": code,
        "highwater_offset": partition.high_watermark if partition else -1,
        "last_stable_offset": partition.last_stable_offset if partition else -1,
        "log_start_offset": partition.log_start if partition else -1,
        "aborted_transactions": None,
        "preferred_read_replica": -1,
        "message_set": b"",
    }


async def list_offsets(node: Node, call: Call) -> Fields:
    """Say where partitions begin or end, or which record is the first at or after a time."""
    read_committed = call.fields.get("isolation_level", 0) == 1
    topics = [
        {
            "topic": topic["topic"],
            "partitions": [
                _located(node, topic["topic"], asked, read_committed=read_committed)
                for asked in topic["partitions"]
            ],
        }
        for topic in call.fields["topics"]
    ]
    return {"throttle_time_ms": 0, "topics": topics}


def _located(
    node: Node, topic: str, asked: dict[str, Any], *, read_committed: bool
) -> dict[str, Any]:
    partition = node.log.partition(topic, asked["partition"])
    code, timestamp, offset = Code.NONE, -1, -1
    if partition is None:
        code = Code.UNKNOWN_TOPIC_OR_PARTITION
    else:
        end = partition.visible_end(read_committed=read_committed)
        match asked["timestamp"]:
            case -1:
                offset = end
            case -2:
                offset = partition.log_start
            case wanted if wanted >= 0:
                timestamp, offset = node.log.find_time(partition, wanted, end) or (-1, -1)
            case _:  # kinds of offset that later versions ask for
                code = Code.UNSUPPORTED_VERSION
    return {
        "partition": asked["partition"],
        "error_code": code,
        "timestamp": timestamp,
        "offset": offset,
    }


async def delete_records(node: Node, call: Call) -> Fields:
    """Drop the records before an offset; -1 stands for all there are."""
    topics = [
        {
            "name": topic["name"],
            "partitions": [_delete(node, topic["name"], asked) for asked in topic["partitions"]],
        }
        for topic in call.fields["topics"]
    ]
    await node.database.durable()
    return {"throttle_time_ms": 0, "topics": topics}


def _delete(node: Node, topic: str, asked: dict[str, Any]) -> dict[str, Any]:
    partition = node.log.partition(topic, asked["partition_index"])
    code, low_watermark = Code.NONE, -1
    if partition is None:
        code = Code.UNKNOWN_TOPIC_OR_PARTITION
    else:
        offset = asked["offset"]
        offset = partition.high_watermark if offset == -1 else offset
        if 0 <= offset <= partition.high_watermark:
            node.log.delete_until(partition, offset)
            low_watermark = partition.log_start
        else:
            code = Code.OFFSET_OUT_OF_RANGE
    return {
        "partition_index": asked["partition_index"],
        "low_watermark": low_watermark,
        "error_code": code,
    }
