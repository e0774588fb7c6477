"""What the parts of a broker do together, without a connection."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.broker.codes import Code
from bridge.broker.database import StorageError
from bridge.broker.node import Node, Settings, now_ms
from bridge.broker.transactions import Ending


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    made = Node(tmp_path / "log.db", Settings(default_topics={"orders": 2}))
    await made.open()
    yield made
    made.close()


async def reopened(node: Node, tmp_path: Path) -> Node:
    node.close()
    again = Node(tmp_path / "log.db", Settings())
    await again.open()
    return again


async def test_the_cluster_keeps_its_name(node: Node, tmp_path: Path) -> None:
    name = node.cluster_id

    again = await reopened(node, tmp_path)

    assert again.cluster_id == name != ""
    assert set(again.log.topics) == {"orders"}


async def test_producer_ids_are_never_given_out_twice(node: Node, tmp_path: Path) -> None:
    before = {node.new_producer_id() for _ in range(1_500)}

    again = await reopened(node, tmp_path)

    after = {again.new_producer_id() for _ in range(1_500)}
    assert len(before | after) == 3_000


async def test_a_running_transaction_is_known_after_a_restart(node: Node, tmp_path: Path) -> None:
    node.transactions.begin_producer("t", 60_000)
    node.transactions.add_partitions("t", [("orders", 0)], now_ms())
    node.keep_transaction("t")

    again = await reopened(node, tmp_path)

    assert again.transactions.state("t").is_running


async def test_a_transaction_that_takes_too_long_is_aborted(node: Node) -> None:
    node.transactions.begin_producer("t", 1_000)
    node.transactions.add_partitions("t", [("orders", 0)], now_ms() - 1_000)

    await node.abort_expired_transactions()

    assert not node.transactions.state("t").is_running


async def test_an_end_that_could_not_be_written_can_be_asked_for_again(node: Node) -> None:
    known, _ = node.transactions.begin_producer("t", 60_000)
    node.transactions.add_partitions("t", [("orders", 0)], now_ms())
    node.keep_transaction("t")
    await node.database.durable()
    ending = node.transactions.end("t", commit=True)
    assert isinstance(ending, Ending)

    node.end_transaction(ending)
    with pytest.raises(StorageError):
        node.database.write("insert into no_such_table values (1)")  # the disk fails

    assert node.transactions.check("t", known.producer_id, known.epoch) is Code.NONE
    assert isinstance(node.transactions.end("t", commit=True), Ending)


@pytest.mark.parametrize(("topic", "partitions"), [("^orders.*", 1), ("..", 1), ("orders", 0)])
def test_a_topic_that_cannot_be_is_no_setting(topic: str, partitions: int) -> None:
    with pytest.raises(ValueError, match="no topic"):
        Settings(default_topics={topic: partitions})
