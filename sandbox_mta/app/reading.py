"""`sandbox-mta dump` and `migrate`: the commands that open the database without a sandbox."""

import sys
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from sandbox_mta import dump as writing
from sandbox_mta.app.trouble import Trouble
from sandbox_mta.mta.recorded import master_file
from sandbox_mta.settings import Settings
from sandbox_mta.store.database import Database, StoreError, parse_url
from sandbox_mta.store.dns_answers import DnsAnswers
from sandbox_mta.store.inbox import Inbox
from sandbox_mta.store.migrations import check_schema
from sandbox_mta.store.migrations import migrate as migrate_store
from sandbox_mta.store.query import Query, QueryError, parse_query
from sandbox_mta.store.stored import StoredMessage
from sandbox_mta.store.versions import VERSIONS, Version, missing, version


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How messages are written out."""

    name: str  # one of `dump.FORMATS`
    output: Path | None = None  # None: standard output
    with_content: bool = False  # of a JSON line
    version: str = "submitted"


@dataclass(slots=True)
class Dumped:
    """How many messages were written, and how many have no such version."""

    written: int = 0
    left_out: int = 0


async def dump(settings: Settings, text: str, wanted: Form) -> Dumped:
    """Write the messages that a query finds; raises `Trouble`."""
    query, form, output = _read(text), wanted.name, wanted.output
    if form not in writing.FORMATS:
        raise Trouble(f"no format {form!r}; there are {', '.join(writing.FORMATS)}")
    if form == "eml" and output is None:
        raise Trouble("eml files need a folder; name one with --output")
    which = _version(wanted)
    dumped = Dumped()
    async with open_inbox(settings) as inbox:

        async def content(message: StoredMessage) -> bytes:
            octets = await inbox.content(message.id) or b""
            return version(message, octets, which, settings.hostname)

        messages = _having(inbox.stream(query), which, dumped)
        if form == "eml" and output is not None:
            dumped.written = await writing.write_eml(messages, content, output)
            return dumped
        with _opened(output) as to:
            if form == "mbox":
                dumped.written = await writing.write_mbox(messages, content, to)
            else:
                of_each = content if wanted.with_content else None
                dumped.written = await writing.write_jsonl(messages, of_each, to)
    return dumped


def _version(wanted: Form) -> Version:
    known = {str(name): name for name in VERSIONS}
    if wanted.version not in known:
        raise Trouble(f"no version {wanted.version!r}; there are {', '.join(known)}")
    if wanted.version != "submitted" and wanted.name == "jsonl" and not wanted.with_content:
        raise Trouble("--version is about octets; add --content, or take --format eml or mbox")
    return known[wanted.version]


async def _having(
    messages: AsyncIterator[StoredMessage], wanted: Version, dumped: Dumped
) -> AsyncIterator[StoredMessage]:
    """Pass on the messages that have a version, and count the others."""
    async for message in messages:
        if missing(message, wanted):
            dumped.left_out += 1
        else:
            yield message


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


async def export_zone(settings: Settings, output: Path | None) -> int:
    """Write what name servers answered as a master file; returns how many answers those are.

    Raises `Trouble`.
    """
    async with _database(settings) as database:
        answers = await DnsAnswers(database).all()
    with _opened(output) as to:
        to.write(master_file(answers).encode())
        to.flush()
    return len(answers)


@asynccontextmanager
async def open_inbox(settings: Settings) -> AsyncIterator[Inbox]:
    """Open the inbox of a database, which must be there; raises `Trouble`."""
    async with _database(settings) as database:
        yield Inbox(database)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    try:
        address = parse_url(settings.database, settings.data)
        if address.dialect == "sqlite" and not address.path.exists():
            raise Trouble(f"there is no database {address.path}; name another with --data")
        database = Database(address)
        try:
            await check_schema(database)
            yield database
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
