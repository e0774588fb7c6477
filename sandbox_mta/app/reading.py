"""`sandbox-mta dump` and `migrate`: the commands that open the database without a sandbox."""

import sys
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from sandbox_mta import dump as writing
from sandbox_mta.app.trouble import Trouble
from sandbox_mta.settings import Settings
from sandbox_mta.store.database import Database, StoreError, parse_url
from sandbox_mta.store.inbox import Inbox
from sandbox_mta.store.migrations import migrate as migrate_store
from sandbox_mta.store.query import Query, QueryError, parse_query


async def dump(
    settings: Settings, text: str, form: str, output: Path | None, *, with_content: bool
) -> int:
    """Write the messages that a query finds, and return how many; raises `Trouble`."""
    query = _read(text)
    if form not in writing.FORMATS:
        raise Trouble(f"no format {form!r}; there are {', '.join(writing.FORMATS)}")
    if form == "eml" and output is None:
        raise Trouble("eml files need a folder; name one with --output")
    async with _inbox(settings) as inbox:

        async def content(identifier: str) -> bytes:
            return await inbox.content(identifier) or b""

        messages = inbox.stream(query)
        if form == "eml" and output is not None:
            return await writing.write_eml(messages, content, output)
        with _opened(output) as to:
            if form == "mbox":
                return await writing.write_mbox(messages, content, to)
            return await writing.write_jsonl(messages, content if with_content else None, to)


def _read(text: str) -> Query:
    try:
        return parse_query(text, datetime.now(UTC))
    except QueryError as error:
        raise Trouble(str(error)) from None


def _opened(output: Path | None) -> AbstractContextManager[BinaryIO]:
    if output is None:
        return nullcontext(sys.stdout.buffer)
    try:
        return output.open("wb")
    except OSError as error:
        raise Trouble(f"can't write {output}: {error.strerror}") from None


@asynccontextmanager
async def _inbox(settings: Settings) -> AsyncIterator[Inbox]:
    try:
        address = parse_url(settings.database, settings.data)
        if address.dialect == "sqlite" and not address.path.exists():
            raise Trouble(f"there is no database {address.path}; name another with --data")
        database = Database(address)
        try:
            yield Inbox(database)
        finally:
            await database.close()
    except StoreError as error:
        raise Trouble(str(error)) from None


async def migrate(settings: Settings) -> str:
    """Bring the tables up to date, and return a line that says what was done."""
    try:
        address = parse_url(settings.database, settings.data)
        applied = migrate_store(address)
    except StoreError as error:
        raise Trouble(str(error)) from None
    return f"{address}: " + (f"applied {', '.join(applied)}" if applied else "up to date")
