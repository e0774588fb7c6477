"""The process that lints: asked over its standard input, it answers on its standard output.

It reads messages over a read-only connection of its own and imports nothing of the database's
libraries but the driver. A frame is the length of a JSON text, the length of the octets that
follow it, and both. It ends when its input does, which is when the parent is gone.
"""

import json
import logging
import os
import queue
import signal
import sqlite3
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol
from urllib.parse import quote

from msa.envelope import Envelope, Kind, Recipient, Submission
from msa.fix import Context, fix
from msa.lint import Draft, inspect
from msa.lint.facts import NOTHING, Facts
from msa.lint.finding import Finding
from msa.lint.gather import Gatherer, ask_links
from msa.lint.options import LintOptions, read_options
from msa.ports import LinkProbe, Resolver
from sandbox_mta.store.database import Address
from sandbox_mta.store.fix_rows import fix_fields
from sandbox_mta.store.times import to_datetime, to_microseconds

NICENESS = 19  # intake and delivery go first when the machine is full
AT_ONCE_OCTETS = 4 * 2**20  # of contents in memory, unless one message alone is larger
OUTSIDE_S = 15.0  # for the outside of all messages of a range; `LintFeed` waits 30 for the answer
DNS_S = 3.0  # for the look-ups of one message, whose client may be waiting
DATABASE_FAILED = 3  # exit status: no message is to blame
HEAD = struct.Struct(">II")

log = logging.getLogger(__name__)

Frame = tuple[dict[str, Any], bytes]


def pack(message: dict[str, Any], octets: bytes = b"") -> bytes:
    """Make a frame."""
    text = json.dumps(message).encode()
    return HEAD.pack(len(text), len(octets)) + text + octets


def submission_fields(submission: Submission) -> dict[str, Any]:
    """Make a submission fit for JSON, all but its content."""
    about = (submission.id, to_microseconds(submission.accepted_at), submission.client.user)
    return {"envelope": _envelope_fields(submission.envelope), "about": about}


def _envelope_fields(envelope: Envelope) -> dict[str, Any]:
    recipients = [
        (one.forward_path, None if one.notify is None else ",".join(one.notify), one.orcpt)
        for one in envelope.recipients
    ]
    return {
        "reverse_path": envelope.reverse_path,
        "ret": envelope.ret,
        "envid": envelope.envid,
        "body": envelope.body,
        "smtputf8": envelope.smtputf8,
        "recipients": recipients,
    }


def _envelope(fields: dict[str, Any]) -> Envelope:
    recipients = tuple(
        Recipient(path, None if notify is None else tuple(notify.split(",")), orcpt)
        for path, notify, orcpt in fields["recipients"]
    )
    return Envelope(**{**fields, "smtputf8": bool(fields["smtputf8"]), "recipients": recipients})


def finding_fields(finding: Finding) -> list[Any]:
    """Return the fields of a finding, in order and fit for JSON."""
    return [getattr(finding, name) for name in Finding.__slots__]


def judge(
    content: bytes,
    envelope: Envelope,
    options: LintOptions,
    context: Context | None,
    facts: Facts,
    look_up: Callable[[Draft], None] = lambda draft: None,
) -> tuple[list[Any], list[Any] | None]:
    """Return the findings, and the fixes unless `context` is None; both fit for JSON.

    `look_up` adds what the outside says to the draft's facts.
    """
    profile, clients = options.profile, options.clients
    try:
        draft = Draft(content, envelope, profile=profile, facts=facts, clients=clients)
    except Exception:
        log.exception("the message could not be parsed: a bug of ours")
        return [], None
    look_up(draft)
    findings = [finding_fields(each) for each in inspect(draft, options)]
    return findings, None if context is None else fix_fields(fix(draft, context))


class DatabaseError(Exception):
    """The database can't be read."""


class Source(Protocol):
    """A database that is read."""

    def ask(self, sql: str, values: Sequence[int]) -> Sequence[tuple[Any, ...]]:
        """Return the rows that a query finds; `?` stands for a value. Raises `DatabaseError`."""


class _Sqlite:
    def __init__(self, path: Path) -> None:
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None)

    def ask(self, sql: str, values: Sequence[int]) -> Sequence[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise DatabaseError(str(error)) from error


class _Mysql:
    def __init__(self, address: Address) -> None:
        import pymysql

        self._error = pymysql.MySQLError
        try:
            self._connection = pymysql.connect(
                **address.login(), database=address.name, autocommit=True
            )
        except (pymysql.MySQLError, OSError) as error:
            raise DatabaseError(str(error)) from error

    def ask(self, sql: str, values: Sequence[int]) -> Sequence[tuple[Any, ...]]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql.replace("?", "%s"), values)
                rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
                return rows
        except (self._error, OSError) as error:
            raise DatabaseError(str(error)) from error


def _open(address: Address) -> Source:
    return _Sqlite(address.path) if address.dialect == "sqlite" else _Mysql(address)


class Pending(NamedTuple):
    """A submission that is not linted yet."""

    number: int
    envelope: Envelope
    content: bytes
    about: tuple[str, int | None, str | None]  # id, accepted_at (None: it was refused), auth_user
    facts: Facts


def pending(source: Source, first: int, last: int) -> Iterator[Pending]:
    """Read the submissions of a range that are not linted yet, a bearable lot at a time."""
    heads = source.ask(
        "SELECT number, size_octets, id, accepted_at, auth_user, kind,"
        " reverse_path, ret, envid, body, smtputf8 FROM submissions"
        " WHERE number BETWEEN ? AND ? AND linted_at IS NULL ORDER BY number",
        (first, last),
    )
    if not heads:
        return
    recipients: dict[int, list[tuple[Any, ...]]] = {}
    for number, *asked in source.ask(
        "SELECT number, forward_path, notify, orcpt FROM recipients"
        " WHERE number BETWEEN ? AND ? ORDER BY number",
        (first << 10, last << 10 | 1023),
    ):
        recipients.setdefault(number >> 10, []).append(tuple(asked))
    for some in _lots(heads):
        contents = _contents(source, [head[0] for head in some])
        for number, _, id, accepted_at, user, kind, *fields in some:
            names = ("reverse_path", "ret", "envid", "body", "smtputf8")
            envelope = dict(zip(names, fields, strict=True))
            envelope["recipients"] = recipients.get(number, [])
            content = contents.get(number, b"")
            # The Date of a report comes from the clock of the sandbox, not from an application's.
            facts = _received(accepted_at) if kind == Kind.MAIL else NOTHING
            about = id, accepted_at, user
            yield Pending(number, _envelope(envelope), content, about, facts)


def _received(accepted_at: int | None) -> Facts:
    return NOTHING if accepted_at is None else Facts(received_at=to_datetime(accepted_at))


def _lots(heads: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    lot: list[tuple[Any, ...]] = []
    octets = 0
    for head in heads:
        if lot and octets + head[1] > AT_ONCE_OCTETS:
            yield lot
            lot, octets = [], 0
        lot.append(head)
        octets += head[1]
    if lot:
        yield lot


def _contents(source: Source, numbers: Sequence[int]) -> dict[int, bytes]:
    pieces: dict[int, list[bytes]] = {}
    marks = ", ".join("?" for _ in numbers)
    for number, octets in source.ask(
        f"SELECT submission, octets FROM contents WHERE submission IN ({marks})"
        " ORDER BY submission, n",
        numbers,
    ):
        pieces.setdefault(number, []).append(octets)
    return {number: b"".join(some) for number, some in pieces.items()}


def _resolver(options: LintOptions) -> Resolver | None:
    if options.dns == "off":
        return None
    from sandbox_mta.mta.lookups import ZoneFileError
    from sandbox_mta.outbound.live_dns import NoDns, resolver_for

    try:
        return resolver_for(options.dns)
    except (NoDns, ZoneFileError) as error:
        log.error("lint goes on without DNS: %s", error)
        return None


def _links(options: LintOptions) -> LinkProbe | None:
    if not options.links:
        return None
    from sandbox_mta.outbound.links import links_for

    return links_for(options.links_allow)


class Worker:
    """Answers requests; a message whose client waits goes before those that are stored."""

    def __init__(
        self,
        source: Source,
        answers: BinaryIO,
        options: LintOptions,
        fixes_as: str | None,
    ) -> None:
        """`fixes_as` is the host name that is put into fixes; None: nothing is fixed."""
        self._source = source
        self._fixes_as = fixes_as
        self._answers = answers
        self._options = options
        self._links = _links(options)
        self._resolver = _resolver(options)
        self._urgent: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._requests: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()

    def listen(self, requests: BinaryIO) -> None:
        """Sort what comes in until it ends; runs in a thread of its own."""
        while (frame := read_frame(requests)) is not None:
            if "envelope" in frame[0]:
                self._urgent.put(frame)
            self._requests.put(frame)  # an urgent one is found done when its turn comes
        self._requests.put(None)

    def run(self) -> None:
        """Answer until there are no more requests."""
        while (frame := self._requests.get()) is not None:
            self._answer_urgent()
            if "first" in frame[0]:
                self._answer_range(frame[0])

    def _answer_range(self, request: dict[str, Any]) -> None:
        found = []
        until = time.monotonic() + OUTSIDE_S
        for each in pending(self._source, request["first"], request["last"]):
            context = self._context(*each.about)
            ask = partial(self._ask, until=until)
            judged = judge(each.content, each.envelope, self._options, context, each.facts, ask)
            found.append((each.number, *judged))
            self._answer_urgent()
        self._send({"id": request["id"], "found": found})

    def _look_up(self, budget_s: float) -> Callable[[Draft], None]:
        """Return what looks names up, within a budget, as far as the settings say."""
        if self._resolver is None:
            return lambda draft: None
        gatherer = Gatherer(self._resolver)  # of this message: live answers get old
        return lambda draft: gatherer.add_to(draft, min(budget_s, DNS_S))

    def _ask(self, draft: Draft, until: float) -> None:
        """Ask the outside as far as the settings say; whose client waits is answered meanwhile."""
        self._look_up(until - time.monotonic())(draft)
        if self._links is not None:
            ask_links(draft, self._links, until - time.monotonic(), self._answer_urgent)

    def _answer_urgent(self) -> None:
        while not self._urgent.empty():
            request, content = self._urgent.get()
            context = self._context(*request["about"])
            envelope = _envelope(request["envelope"])
            facts = _received(request["about"][1])
            look_up = self._look_up(DNS_S)
            judged = judge(content, envelope, self._options, context, facts, look_up)
            findings, fixes = judged
            self._send({"id": request["id"], "findings": findings, "fixes": fixes})

    def _context(self, id: str, accepted_at: int | None, user: str | None) -> Context | None:
        if self._fixes_as is None or accepted_at is None:
            return None
        at = to_datetime(accepted_at)
        return Context(id=id, hostname=self._fixes_as, accepted_at=at, user=user)

    def _send(self, message: dict[str, Any]) -> None:
        self._answers.write(pack(message))
        self._answers.flush()


def read_frame(stream: BinaryIO) -> Frame | None:
    """Read one frame; None at the end of the stream, also in the middle of a frame."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    length, octets = HEAD.unpack(head)
    text, content = stream.read(length), stream.read(octets)
    if len(text) < length or len(content) < octets:
        return None
    message: dict[str, Any] = json.loads(text)
    return message, content


def main() -> int:
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the parent decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else writes to standard output must not spoil a frame
    opening = read_frame(sys.stdin.buffer)
    if opening is None:
        return 0
    given = opening[0]["address"]
    address = Address(**{**given, "path": Path(given["path"])})
    options, fixes_as = read_options(opening[0]["lint"]), opening[0]["fixes_as"]
    try:
        worker = Worker(_open(address), answers, options, fixes_as)
        threading.Thread(target=worker.listen, args=(sys.stdin.buffer,), daemon=True).start()
        worker.run()
    except BrokenPipeError:
        _end(0)  # the parent died
    except DatabaseError as error:
        log.warning("lint can't read the database: %s", error)
        _end(DATABASE_FAILED)
    return 0


def _end(status: int) -> None:
    # Not sys.exit(): the interpreter would flush into the pipe once more.
    os._exit(status)
