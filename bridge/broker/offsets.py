"""Committed offsets of consumer groups, in the database alone."""

from collections.abc import Iterable

from bridge.broker.database import Database

MAX_METADATA = 4_096  # characters; Kafka's offset.metadata.max.bytes


class Offsets:
    """What each group has committed; durable with the transaction it is written in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def commit(self, group_id: str, topic: str, partition: int, offset: int, metadata: str) -> None:
        self._database.write(
            "insert or replace into committed_offsets values (?,?,?,?,?)",
            (group_id, topic, partition, offset, metadata),
        )

    def of_group(self, group_id: str) -> dict[tuple[str, int], tuple[int, str]]:
        """Return offset and metadata by topic and partition."""
        rows = self._database.read(
            "select topic, partition, offset, metadata from committed_offsets where group_id = ?",
            (group_id,),
        )
        return {(topic, partition): (offset, text) for topic, partition, offset, text in rows}

    def groups(self) -> Iterable[str]:
        rows = self._database.read("select distinct group_id from committed_offsets")
        return [group_id for (group_id,) in rows]

    def delete_group(self, group_id: str) -> bool:
        """Forget a group; say whether it had offsets."""
        statement = "delete from committed_offsets where group_id = ?"
        return self._database.write(statement, (group_id,)) > 0
