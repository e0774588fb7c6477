"""Producer ids and transactions (KIP-98)."""

from bridge.broker.api.call import Call
from bridge.broker.codes import Code
from bridge.broker.node import Node, now_ms
from bridge.broker.transactions import MAX_TIMEOUT_MS, Ending
from bridge.broker.wire import Fields


async def init_producer_id(node: Node, call: Call) -> Fields:
    """Give a producer its id and epoch; with a transactional id, fence who had it before."""
    transactional_id = call.fields["transactional_id"]
    code, producer_id, epoch = Code.NONE, -1, -1
    if transactional_id is None:
        producer_id, epoch = node.new_producer_id(), 0
    elif not transactional_id:
        code = Code.INVALID_REQUEST
    elif not 0 < call.fields["transaction_timeout_ms"] <= MAX_TIMEOUT_MS:
        code = Code.INVALID_TRANSACTION_TIMEOUT
    else:
        producer_id, epoch = _begin(node, transactional_id, call.fields["transaction_timeout_ms"])
    await node.database.durable()
    return {
        "throttle_time_ms": 0,
        "error_code": code,
        "producer_id": producer_id,
        "producer_epoch": epoch,
    }


def _begin(node: Node, transactional_id: str, timeout_ms: int) -> tuple[int, int]:
    known, ending = node.transactions.begin_producer(transactional_id, timeout_ms)
    if ending is not None:
        node.end_transaction(ending)
    node.keep_transaction(transactional_id)
    for idle in node.transactions.forget_idle():
        node.database.write("delete from transactions where id = ?", (idle,))
    return known.producer_id, known.epoch


def _check(node: Node, fields: Fields) -> Code:
    return node.transactions.check(
        fields["transactional_id"], fields["producer_id"], fields["producer_epoch"]
    )


async def add_partitions_to_txn(node: Node, call: Call) -> Fields:
    """Make partitions part of the transaction, all of them or none."""
    wanted = [
        (topic["topic"], number)
        for topic in call.fields["topics"]
        for number in topic["partitions"]
    ]
    missing = {key for key in wanted if node.log.partition(*key) is None}
    code = _check(node, call.fields)
    if code is Code.NONE and missing:
        code = Code.OPERATION_NOT_ATTEMPTED
    if code is Code.NONE:
        node.transactions.add_partitions(call.fields["transactional_id"], wanted, now_ms())
        node.keep_transaction(call.fields["transactional_id"])
        await node.database.durable()

    def outcome(key: tuple[str, int]) -> Code:
        unknown = code is Code.OPERATION_NOT_ATTEMPTED and key in missing
        return Code.UNKNOWN_TOPIC_OR_PARTITION if unknown else code

    return {
        "throttle_time_ms": 0,
        "errors": [
            {
                "topic": topic["topic"],
                "partition_errors": [
                    {"partition": number, "error_code": outcome((topic["topic"], number))}
                    for number in topic["partitions"]
                ],
            }
            for topic in call.fields["topics"]
        ],
    }


async def add_offsets_to_txn(node: Node, call: Call) -> Fields:
    code = _check(node, call.fields)
    if code is Code.NONE:
        node.transactions.add_group(call.fields["transactional_id"], now_ms())
        node.keep_transaction(call.fields["transactional_id"])
        await node.database.durable()
    return {"throttle_time_ms": 0, "error_code": code}


async def txn_offset_commit(node: Node, call: Call) -> Fields:
    """Keep offsets until the transaction ends; they count if it is committed."""
    code = _check(node, call.fields)
    transactional_id, group_id = call.fields["transactional_id"], call.fields["group_id"]
    if code is Code.NONE and not node.transactions.state(transactional_id).is_running:
        code = Code.INVALID_TXN_STATE
    if code is Code.NONE:
        offsets = [
            (group_id, topic["topic"], p["partition"], p["offset"], p["metadata"] or "")
            for topic in call.fields["topics"]
            for p in topic["partitions"]
        ]
        node.transactions.add_offsets(transactional_id, offsets)
        node.keep_transaction(transactional_id)
        await node.database.durable()
    return {
        "throttle_time_ms": 0,
        "errors": [
            {
                "topic": topic["topic"],
                "partition_errors": [
                    {"partition": p["partition"], "error_code": code} for p in topic["partitions"]
                ],
            }
            for topic in call.fields["topics"]
        ],
    }


async def end_txn(node: Node, call: Call) -> Fields:
    """Commit or abort; answer when markers and offsets are durable."""
    code = _check(node, call.fields)
    if code is Code.NONE:
        transactional_id = call.fields["transactional_id"]
        ending = node.transactions.end(transactional_id, commit=call.fields["transaction_result"])
        if isinstance(ending, Ending):
            node.end_transaction(ending)
        else:
            code = ending
        await node.database.durable()
    return {"throttle_time_ms": 0, "error_code": code}
