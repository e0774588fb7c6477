"""Which handler answers which request."""

from collections.abc import Mapping

from bridge.broker.api import groups, records, topics, transactions
from bridge.broker.api.call import Handler
from bridge.broker.codes import Api

HANDLERS: Mapping[Api, Handler] = {
    Api.PRODUCE: records.produce,
    Api.FETCH: records.fetch,
    Api.LIST_OFFSETS: records.list_offsets,
    Api.METADATA: topics.metadata,
    Api.OFFSET_COMMIT: groups.offset_commit,
    Api.OFFSET_FETCH: groups.offset_fetch,
    Api.FIND_COORDINATOR: groups.find_coordinator,
    Api.JOIN_GROUP: groups.join_group,
    Api.HEARTBEAT: groups.heartbeat,
    Api.LEAVE_GROUP: groups.leave_group,
    Api.SYNC_GROUP: groups.sync_group,
    Api.DESCRIBE_GROUPS: groups.describe_groups,
    Api.LIST_GROUPS: groups.list_groups,
    Api.CREATE_TOPICS: topics.create_topics,
    Api.DELETE_TOPICS: topics.delete_topics,
    Api.DELETE_RECORDS: records.delete_records,
    Api.INIT_PRODUCER_ID: transactions.init_producer_id,
    Api.ADD_PARTITIONS_TO_TXN: transactions.add_partitions_to_txn,
    Api.ADD_OFFSETS_TO_TXN: transactions.add_offsets_to_txn,
    Api.END_TXN: transactions.end_txn,
    Api.TXN_OFFSET_COMMIT: transactions.txn_offset_commit,
    Api.DESCRIBE_CONFIGS: topics.describe_configs,
    Api.ALTER_CONFIGS: topics.alter_configs,
    Api.CREATE_PARTITIONS: topics.create_partitions,
    Api.DELETE_GROUPS: groups.delete_groups,
}
