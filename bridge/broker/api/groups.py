"""FindCoordinator, the consumer groups, and their offsets."""

from typing import Any

from bridge.broker.api.call import Call
from bridge.broker.codes import Code
from bridge.broker.groups import State
from bridge.broker.member import Joined, Joining
from bridge.broker.node import NODE_ID, Node
from bridge.broker.offsets import MAX_METADATA
from bridge.broker.wire import Fields

# Kafka's group.min.session.timeout.ms is 6 s; tests like theirs shorter.
MIN_SESSION_TIMEOUT_MS, MAX_SESSION_TIMEOUT_MS = 100, 1_800_000
_FIRST_VERSION_WITH_REQUIRED_IDS = 4  # of JoinGroup


async def find_coordinator(node: Node, call: Call) -> Fields:
    """Name the coordinator of a group or a transactional id: this broker."""
    host, port = call.reached_at
    return {
        "throttle_time_ms": 0,
        "error_code": Code.NONE,
        "error_message": None,
        "coordinator_id": NODE_ID,
        "host": host,
        "port": port,
    }


async def join_group(node: Node, call: Call) -> Fields:
    fields = call.fields
    joining = Joining(
        member_id=fields["member_id"],
        instance_id=fields.get("group_instance_id"),
        client_id=call.client_id,
        client_host=call.client_host,
        session_timeout_s=fields["session_timeout"] / 1000,
        rebalance_timeout_s=max(fields["rebalance_timeout"], 0) / 1000,
        protocol_type=fields["protocol_type"],
        protocols=tuple(
            (offered["protocol_name"], offered["protocol_metadata"])
            for offered in fields["group_protocols"]
        ),
        needs_known_id=call.version >= _FIRST_VERSION_WITH_REQUIRED_IDS,
    )
    if not fields["group"]:
        joined = Joined(Code.INVALID_GROUP_ID, joining.member_id)
    elif not MIN_SESSION_TIMEOUT_MS <= fields["session_timeout"] <= MAX_SESSION_TIMEOUT_MS:
        joined = Joined(Code.INVALID_SESSION_TIMEOUT, joining.member_id)
    else:
        joined = await node.coordinator.join(fields["group"], joining)
    return {
        "throttle_time_ms": 0,
        "error_code": joined.code,
        "generation_id": joined.generation,
        "group_protocol": joined.protocol,
        "leader_id": joined.leader_id,
        "member_id": joined.member_id,
        "members": [
            {"member_id": member_id, "group_instance_id": instance_id, "member_metadata": metadata}
            for member_id, instance_id, metadata in joined.members
        ],
    }


async def sync_group(node: Node, call: Call) -> Fields:
    assignments = {
        given["member_id"]: given["member_metadata"] for given in call.fields["group_assignment"]
    }
    synced = await node.coordinator.sync(
        call.fields["group"], call.fields["member_id"], call.fields["generation_id"], assignments
    )
    return {
        "throttle_time_ms": 0,
        "error_code": synced.code,
        "member_assignment": synced.assignment,
    }


async def heartbeat(node: Node, call: Call) -> Fields:
    code = node.coordinator.heartbeat(
        call.fields["group"], call.fields["member_id"], call.fields["generation_id"]
    )
    return {"throttle_time_ms": 0, "error_code": code}


async def leave_group(node: Node, call: Call) -> Fields:
    code = node.coordinator.leave(call.fields["group"], call.fields["member_id"])
    return {"throttle_time_ms": 0, "error_code": code}


async def offset_commit(node: Node, call: Call) -> Fields:
    """Keep offsets of a group; answer when they are durable."""
    group_id = call.fields["consumer_group"]
    code = node.coordinator.check_commit(
        group_id, call.fields["consumer_id"], call.fields["consumer_group_generation_id"]
    )
    topics = []
    for topic in call.fields["topics"]:
        partitions = [
            {
                "partition": asked["partition"],
                "error_code": code or _commit(node, group_id, topic["topic"], asked),
            }
            for asked in topic["partitions"]
        ]
        topics.append({"topic": topic["topic"], "partitions": partitions})
    await node.database.durable()
    return {"throttle_time_ms": 0, "topics": topics}


def _commit(node: Node, group_id: str, topic: str, asked: dict[str, Any]) -> Code:
    metadata = asked["metadata"] or ""
    if len(metadata) > MAX_METADATA:
        return Code.OFFSET_METADATA_TOO_LARGE
    if node.log.partition(topic, asked["partition"]) is None:
        return Code.UNKNOWN_TOPIC_OR_PARTITION
    node.offsets.commit(group_id, topic, asked["partition"], asked["offset"], metadata)
    return Code.NONE


async def offset_fetch(node: Node, call: Call) -> Fields:
    """Say what a group has committed; -1 where it has committed nothing."""
    committed = node.offsets.of_group(call.fields["consumer_group"])
    wanted = call.fields["topics"]
    if wanted is None:
        by_topic: dict[str, list[int]] = {}
        for topic, number in committed:
            by_topic.setdefault(topic, []).append(number)
        wanted = [{"topic": name, "partitions": numbers} for name, numbers in by_topic.items()]
    topics = [
        {
            "topic": topic["topic"],
            "partitions": [
                _committed(number, *committed.get((topic["topic"], number), (-1, "")))
                for number in topic["partitions"]
            ],
        }
        for topic in wanted
    ]
    return {"throttle_time_ms": 0, "topics": topics, "error_code": Code.NONE}


def _committed(number: int, offset: int, metadata: str) -> Fields:
    return {
        "partition": number,
        "offset": offset,
        "metadata": metadata,
        "error_code": Code.NONE,
    }


async def list_groups(node: Node, call: Call) -> Fields:
    names = dict.fromkeys((*node.coordinator.names(), *node.offsets.groups()))
    return {
        "throttle_time_ms": 0,
        "error_code": Code.NONE,
        "groups": [{"group": name, "protocol_type": "consumer"} for name in names],
    }


async def describe_groups(node: Node, call: Call) -> Fields:
    return {
        "throttle_time_ms": 0,
        "groups": [_describe(node, name) for name in call.fields["groups"]],
    }


def _describe(node: Node, name: str) -> Fields:
    group = node.coordinator.find(name)
    if group is None:
        state = State.EMPTY if node.offsets.of_group(name) else "Dead"
        return _description(name, state, "consumer" if state is State.EMPTY else "", "", [])
    members = [
        {
            "member_id": member.id,
            "client_id": member.joining.client_id,
            "client_host": f"/{member.joining.client_host}",
            "member_metadata": member.protocols.get(group.protocol, b""),
            "member_assignment": member.assignment,
        }
        for member in group.members.values()
    ]
    return _description(name, group.state, group.protocol_type, group.protocol, members)


def _description(
    name: str, state: str, protocol_type: str, protocol: str, members: list[dict[str, Any]]
) -> Fields:
    return {
        "error_code": Code.NONE,
        "group": name,
        "state": state,
        "protocol_type": protocol_type,
        "protocol": protocol,
        "members": members,
    }


async def delete_groups(node: Node, call: Call) -> Fields:
    """Forget groups that have no members, with their offsets."""
    results = []
    for name in call.fields["groups_names"]:
        if node.coordinator.find(name):
            code = Code.NON_EMPTY_GROUP
        else:
            code = Code.NONE if node.offsets.delete_group(name) else Code.GROUP_ID_NOT_FOUND
        results.append({"group_id": name, "error_code": code})
    await node.database.durable()
    return {"throttle_time_ms": 0, "results": results}
