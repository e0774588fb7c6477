"""Metadata, and the administration of topics."""

from collections.abc import Mapping
from typing import Any

from bridge.broker.api.call import Call
from bridge.broker.codes import Code
from bridge.broker.node import NODE_ID, Node
from bridge.broker.topic_config import MAX_MESSAGE_OCTETS, SETTINGS, Refusal, check, is_legal_name
from bridge.broker.wire import Fields

MAX_PARTITIONS = 10_000  # of all topics together; each costs about 1 KiB of memory

_TOPIC, _BROKER = 2, 4  # kinds of resource that have settings
_SET_ON_TOPIC, _SET_AT_START, _DEFAULT = 1, 4, 5  # where a setting's value comes from


async def metadata(node: Node, call: Call) -> Fields:
    """Describe the cluster; topics somebody names come into being if settings allow it."""
    wanted = call.fields["topics"]
    names = list(node.log.topics) if wanted is None else wanted
    may_create = node.settings.auto_create_topics and call.fields.get(
        "allow_auto_topic_creation", True
    )
    topics = [_describe_topic(node, name, may_create=may_create) for name in names]
    await node.database.durable()
    host, port = call.reached_at
    return {
        "throttle_time_ms": 0,
        "brokers": [{"node_id": NODE_ID, "host": host, "port": port, "rack": None}],
        "cluster_id": node.cluster_id,
        "controller_id": NODE_ID,
        "topics": topics,
    }


def _describe_topic(node: Node, name: str, *, may_create: bool) -> Fields:
    code = Code.NONE
    if name not in node.log.topics:
        refusal = _refusal(node, name, node.settings.default_partitions)
        code = refusal.code if refusal else Code.UNKNOWN_TOPIC_OR_PARTITION
        if may_create and refusal is None:
            node.log.create_topic(name, node.settings.default_partitions, {})
            code = Code.NONE
    count = 0 if code else len(node.log.topics[name].partitions)
    return {
        "error_code": code,
        "topic": name,
        "is_internal": False,
        "partitions": [
            {
                "error_code": Code.NONE,
                "partition": number,
                "leader": NODE_ID,
                "replicas": [NODE_ID],
                "isr": [NODE_ID],
                "offline_replicas": [],
            }
            for number in range(count)
        ],
    }


def _refusal(node: Node, name: str, partitions: int) -> Refusal | None:
    if not is_legal_name(name):
        return Refusal(Code.INVALID_TOPIC, "Topic name is illegal")
    if name in node.log.topics:
        return Refusal(Code.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
    if partitions <= 0:
        return Refusal(Code.INVALID_PARTITIONS, "Number of partitions must be larger than 0.")
    return _too_many(node, partitions)


def _too_many(node: Node, more: int) -> Refusal | None:
    if node.log.partition_count() + more > MAX_PARTITIONS:
        limit = f"This development broker holds at most {MAX_PARTITIONS} partitions."
        return Refusal(Code.POLICY_VIOLATION, limit)
    return None


async def create_topics(node: Node, call: Call) -> Fields:
    answers = []
    for asked in call.fields["create_topic_requests"]:
        refusal = _create(node, asked, validate_only=call.fields["validate_only"])
        answers.append({"topic": asked["topic"], **_verdict(refusal)})
    await node.database.durable()
    return {"throttle_time_ms": 0, "topic_errors": answers}


def _create(node: Node, asked: dict[str, Any], *, validate_only: bool) -> Refusal | None:
    assigned = asked["replica_assignment"]
    partitions = len(assigned) if assigned else asked["num_partitions"]
    if partitions == -1:
        partitions = node.settings.default_partitions
    settings = {given["config_key"]: given["config_value"] for given in asked["configs"]}
    refusal = (
        _refusal(node, asked["topic"], partitions)
        or _replication_refusal(assigned, asked["replication_factor"])
        or check(settings)
    )
    if refusal is None and not validate_only:
        node.log.create_topic(asked["topic"], partitions, _plain(settings))
    return refusal


def _replication_refusal(assigned: list[dict[str, Any]], factor: int) -> Refusal | None:
    if assigned or factor in (1, -1):
        return None
    return Refusal(
        Code.INVALID_REPLICATION_FACTOR,
        f"Replication factor {factor} can't be had: this development broker is one node.",
    )


def _plain(settings: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if value is not None}


def _verdict(refusal: Refusal | None) -> Fields:
    return {
        "error_code": refusal.code if refusal else Code.NONE,
        "error_message": refusal.message if refusal else None,
    }


async def delete_topics(node: Node, call: Call) -> Fields:
    answers = []
    for name in call.fields["topics"]:
        known = name in node.log.topics
        if known:
            node.log.delete_topic(name)
        code = Code.NONE if known else Code.UNKNOWN_TOPIC_OR_PARTITION
        answers.append({"topic": name, "error_code": code})
    await node.database.durable()
    return {"throttle_time_ms": 0, "topic_error_codes": answers}


async def create_partitions(node: Node, call: Call) -> Fields:
    answers = []
    for asked in call.fields["topic_partitions"]:
        name, count = asked["topic"], asked["new_partitions"]["count"]
        refusal = _growth_refusal(node, name, count)
        if refusal is None and not call.fields["validate_only"]:
            node.log.add_partitions(name, count)
        answers.append({"topic": name, **_verdict(refusal)})
    await node.database.durable()
    return {"throttle_time_ms": 0, "topic_errors": answers}


def _growth_refusal(node: Node, name: str, count: int) -> Refusal | None:
    topic = node.log.topics.get(name)
    if topic is None:
        return Refusal(Code.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic.")
    have = len(topic.partitions)
    if count <= have:
        return Refusal(Code.INVALID_PARTITIONS, f"The topic already has {have} partitions.")
    return _too_many(node, count - have)


async def describe_configs(node: Node, call: Call) -> Fields:
    resources = [_describe_configs(node, asked) for asked in call.fields["resources"]]
    return {"throttle_time_ms": 0, "resources": resources}


def _describe_configs(node: Node, asked: dict[str, Any]) -> Fields:
    kind, name, wanted = asked["resource_type"], asked["resource_name"], asked["config_names"]
    refusal = _resource_refusal(node, kind, name)
    entries: list[Fields] = []
    if refusal is None:
        entries = _topic_entries(node, name) if kind == _TOPIC else _broker_entries(node)
    return {
        **_verdict(refusal),
        "resource_type": kind,
        "resource_name": name,
        "config_entries": [e for e in entries if wanted is None or e["config_names"] in wanted],
    }


def _resource_refusal(node: Node, kind: int, name: str) -> Refusal | None:
    if kind == _TOPIC and name not in node.log.topics:
        return Refusal(Code.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic.")
    if kind == _BROKER and name not in ("", str(NODE_ID)):
        return Refusal(Code.INVALID_REQUEST, f"Unexpected broker id, expected {NODE_ID}")
    if kind not in (_TOPIC, _BROKER):
        return Refusal(Code.INVALID_REQUEST, "Only topics and the broker have settings")
    return None


def _topic_entries(node: Node, name: str) -> list[Fields]:
    configs = node.log.topics[name].configs
    return [
        _entry(
            setting, configs.value(setting), _SET_ON_TOPIC if setting in configs.set else _DEFAULT
        )
        for setting in SETTINGS
    ]


def _broker_entries(node: Node) -> list[Fields]:
    values = {
        "auto.create.topics.enable": str(node.settings.auto_create_topics).lower(),
        "log.retention.ms": SETTINGS["retention.ms"].default,
        "message.max.bytes": str(MAX_MESSAGE_OCTETS),
        "num.partitions": str(node.settings.default_partitions),
    }
    return [_entry(name, value, _SET_AT_START, read_only=True) for name, value in values.items()]


def _entry(name: str, value: str, source: int, *, read_only: bool = False) -> Fields:
    return {
        "config_names": name,
        "config_value": value,
        "read_only": read_only,
        "config_source": source,
        "is_sensitive": False,
        "config_synonyms": [],
    }


async def alter_configs(node: Node, call: Call) -> Fields:
    """Replace all settings of a topic."""
    answers = []
    for asked in call.fields["resources"]:
        refusal = _alter(node, asked, validate_only=call.fields["validate_only"])
        answers.append(
            {
                **_verdict(refusal),
                "resource_type": asked["resource_type"],
                "resource_name": asked["resource_name"],
            }
        )
    await node.database.durable()
    return {"throttle_time_ms": 0, "resources": answers}


def _alter(node: Node, asked: dict[str, Any], *, validate_only: bool) -> Refusal | None:
    settings = {given["config_name"]: given["config_value"] for given in asked["config_entries"]}
    refusal = _resource_refusal(node, asked["resource_type"], asked["resource_name"])
    if refusal is None and asked["resource_type"] == _BROKER:
        refusal = Refusal(Code.INVALID_REQUEST, "The broker's settings are made at its start")
    refusal = refusal or check(settings)
    if refusal is None and not validate_only:
        node.log.set_configs(asked["resource_name"], _plain(settings))
    return refusal
