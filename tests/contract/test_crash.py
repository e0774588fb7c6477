"""250 means stored: what was acknowledged is there after kill -9, and after a lost connection."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pymysql
import pytest

from msa.identifier import LENGTH
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import Address, Unavailable
from tests.contract.conftest import SQL_BACKENDS, Databases
from tests.contract.mail import settlement, submission

SESSIONS = 20
ACKNOWLEDGED = 500
WAIT_S = 60

# Accepts without end, and writes each id to the pipe once it is acknowledged.
CHILD = """\
import asyncio, os, sys
from pathlib import Path
from sandbox_mta.mta.status import State
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import parse_url
from tests.contract.mail import settlement, submission
from datetime import UTC, datetime

async def main():
    store = Store(parse_url(sys.argv[1], Path(sys.argv[2])), instance="one")
    await store.open()
    async def accept():
        while True:
            given = submission(b"x" * 3000, submission_key=None)
            os.write(1, (await store.submissions.accept(given)).encode())
    async def deliver():
        while True:
            claimed = await store.deliveries.claim(datetime.now(UTC), 64)
            await store.deliveries.record([settlement(each) for each in claimed])
            await store.deliveries.wait(1)
    await asyncio.gather(deliver(), *(accept() for _ in range(int(sys.argv[3]))))

asyncio.run(main())
"""


@pytest.fixture(params=SQL_BACKENDS)
def address(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path, stack: AsyncExitStack
) -> Address:
    return stack.enter_context(databases.fresh(request.param, tmp_path))


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def url_of(address: Address) -> str:
    if address.dialect == "sqlite":
        return f"sqlite:///{address.path}"
    who = f"{address.user}:{address.password}"
    return f"mysql://{who}@{address.host}:{address.port}/{address.name}"


async def test_kill_9_under_load_loses_nothing_that_was_acknowledged(
    address: Address, tmp_path: Path
) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        url_of(address),
        str(tmp_path),
        str(SESSIONS),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert child.stdout is not None
    async with asyncio.timeout(WAIT_S):
        acknowledged = await child.stdout.readexactly(ACKNOWLEDGED * LENGTH)
        child.kill()
        acknowledged += await child.stdout.read()
        await child.wait()
    ids = [
        acknowledged[start : start + LENGTH].decode()
        for start in range(0, len(acknowledged), LENGTH)
    ]

    store = Store(address, instance="one")
    await store.open()
    lost = [id for id in ids if await store.deliveries.content(id) != b"x" * 3000]
    async with store.database.read() as connection:
        sql = "SELECT COUNT(*) FROM recipients WHERE state = 'queued' AND ready = 0"
        stuck = (await connection.exec_driver_sql(sql)).scalar()
    await store.close()

    assert len(ids) >= ACKNOWLEDGED
    assert lost == []
    assert stuck == 0


@pytest.mark.parametrize("address", SQL_BACKENDS[1:], indirect=True)
async def test_a_connection_that_the_server_closed_is_opened_again(
    address: Address, stack: AsyncExitStack
) -> None:
    store = Store(address, instance="one")
    await store.open()
    stack.push_async_callback(store.close)
    given = [submission() for _ in range(2)]
    await store.submissions.accept(given[0])

    await asyncio.to_thread(disconnect_all, address)

    assert await store.submissions.accept(given[1]) == given[1].id
    assert await store.deliveries.content(given[1].id) == given[1].content


@pytest.mark.parametrize("address", SQL_BACKENDS[1:], indirect=True)
async def test_a_server_that_keeps_closing_connections_loses_and_doubles_nothing(
    address: Address, stack: AsyncExitStack
) -> None:
    store = Store(address, instance="one")
    await store.open()
    stack.push_async_callback(store.close)
    given = [submission(submission_key=f"key-{n}") for n in range(400)]
    todo = iter(given)

    async def session() -> list[str]:
        stored = []
        for each in todo:
            with suppress(Unavailable):  # the client hears 451
                stored.append(await store.submissions.accept(each))
        return stored

    async def deliver() -> None:
        while True:
            with suppress(Unavailable):
                claimed = await store.deliveries.claim(datetime.now(UTC), 64)
                await store.deliveries.record([settlement(each) for each in claimed])
            await store.deliveries.wait(0.1)

    calm = asyncio.Event()

    async def disturb() -> None:
        while not calm.is_set():
            await asyncio.to_thread(disconnect_all, address)
            await asyncio.sleep(0.05)

    others = [asyncio.create_task(deliver()), asyncio.create_task(disturb())]
    async with asyncio.timeout(WAIT_S):
        stored = await asyncio.gather(*(session() for _ in range(SESSIONS)))
        acknowledged = [id for some in stored for id in some]
        calm.set()
        await others[1]
        while await store.deliveries.unsettled():
            await store.deliveries.flush()
        others[0].cancel()
        await asyncio.wait([others[0]])

    async with store.database.read() as connection:
        found = await connection.exec_driver_sql("SELECT id FROM submissions")
        ids = list(found.scalars())
    assert len(acknowledged) >= 100
    assert set(acknowledged) <= set(ids)
    assert len(ids) == len(set(ids))


def disconnect_all(address: Address) -> None:
    """Make the server close every connection to a database."""
    connection = pymysql.connect(
        host=address.host, port=address.port, user=address.user, password=address.password
    )
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM information_schema.processlist WHERE db = %s", (address.name,)
        )
        for (id,) in cursor.fetchall():
            cursor.execute(f"KILL {id}")
