"""What a submission is in tables: its rows, and the steps that insert many of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msa.envelope import Recipient, Submission
from msa.fix.edit import Fixed
from msa.lint.finding import Finding
from msa.message.summary import summarise
from msa.reply import Reply, queued
from msa.transcript import with_reply
from sandbox_mta.store.fix_rows import fix_fields, insert_fixes
from sandbox_mta.store.statements import Insert, InsertNumbered, Row, Statement, Steps, marks
from sandbox_mta.store.times import to_microseconds

PIECE_OCTETS = 2**20  # of a content; twice as many in a literal, and 4 MiB is a usual packet limit
MAX_RECIPIENTS = 1024  # of one message: recipients.number has ten bits for the position
MAX_HELO = MAX_USER = 255  # characters, as wide as the columns

_COLUMNS = (
    "id",
    "kind",
    "reverse_path",
    "ret",
    "envid",
    "body",
    "smtputf8",
    "author",
    "subject",
    "message_id",
    "size_octets",
    "accepted_at",
    "refused_at",
    "linted_at",
    "fixed_at",
    "client_address",
    "helo",
    "auth_user",
    "tls",
    "submission_key",
    "parent_id",
    "asks_outcome",
)
_RECIPIENT = (
    "INSERT INTO recipients (number, forward_path, notify, orcpt, due_at, queued_at,"
    " state, ready, attempts, reason, lease_owner, lease_until, lease_epoch,"
    " reply_code, reply_enhanced, reply_text)"
)
_LEASED = "(?, ?, ?, ?, ?, ?, 'queued', 0, 0, '', ?, ?, 1, NULL, NULL, NULL)"
_WAITING = "(?, ?, ?, ?, ?, ?, 'queued', 1, 0, '', NULL, NULL, 0, NULL, NULL, NULL)"
_REJECTED = "(?, ?, ?, ?, ?, ?, 'rejected', 0, 0, '', NULL, NULL, 0, ?, ?, ?)"
_STATUS = "INSERT INTO statuses (recipient, n, state, attempt, at, recorded_at)"
FINDING = (
    "INSERT INTO findings (submission, n, code, name, severity, text, part, `offset`, line,"
    " `column`, evidence, reference, fix)"
)


class Lease(NamedTuple):
    """Who may settle a recipient, and until when (microseconds of real time)."""

    owner: str
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """A submission that is to be stored, with what is decided about it by then."""

    submission: Submission
    queued_at: int  # microseconds of the clock
    findings: Sequence[Finding] | None = None  # None: lint has still to run
    fixed: Fixed | None = None  # None: nobody has looked for fixes
    refusal: Reply | None = None  # what its client hears when it is turned away
    lease: Lease | None = None  # None: its recipients wait to be claimed
    row: Row = ()  # of `submissions`, made when the submission came in

    @property
    def key(self) -> str | None:
        """The submission key, when it counts: a refused message may come again."""
        return self.submission.submission_key if self.refusal is None else None


class Stored(NamedTuple):
    """What a submission is stored as; `number` is 0 when it repeats an earlier one."""

    id: str
    number: int


def recipient_number(number: int, position: int) -> int:
    """Return recipients.number for a position in the envelope of a submission."""
    return number << 10 | position


def submission_row(
    submission: Submission, *, refused: bool, linted: bool, fixed: bool = False
) -> Row:
    """Return the row of `submissions`, without its number.

    Raises ValueError for more than MAX_RECIPIENTS recipients.
    """
    envelope, client = submission.envelope, submission.client
    if len(envelope.recipients) > MAX_RECIPIENTS:
        raise ValueError(f"a message has at most {MAX_RECIPIENTS} recipients here")
    summary = summarise(submission.content)
    stored_at = to_microseconds(submission.accepted_at)
    return (
        submission.id,
        submission.kind.value,
        clean(envelope.reverse_path),
        envelope.ret,
        envelope.envid,
        envelope.body,
        int(envelope.smtputf8),
        clean(summary.author),
        clean(summary.subject),
        clean(summary.message_id),
        len(submission.content),
        None if refused else stored_at,
        stored_at if refused else None,
        stored_at if linted else None,
        stored_at if fixed else None,
        client.address,
        clean(client.helo)[:MAX_HELO],
        client.user if client.user is None else clean(client.user)[:MAX_USER],
        int(client.tls),
        submission.submission_key,
        submission.parent_id,
        int(summary.asks_outcome),
    )


def clean(text: str) -> str:
    """Replace what is no character: a lone surrogate has no place in UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def finding_row(submission: int, n: int, finding: Finding) -> Row:
    """Return a row of `findings`."""
    return (
        submission,
        n,
        finding.code,
        finding.name,
        finding.severity.value,
        clean(finding.text),
        finding.part,
        finding.offset,
        finding.line,
        finding.column,
        clean(finding.evidence),
        finding.reference,
        finding.fix,
    )


def insert(items: Sequence[Intake]) -> Steps[list[Stored]]:
    """Store what repeats no submission key, and say under which id each is stored."""
    known = yield from _known_keys([item.key for item in items if item.key is not None])
    fresh = []
    for item in items:
        if item.key is not None:
            if item.key in known:
                continue
            known[item.key] = item.submission.id
        fresh.append(item)
    numbers: dict[str, int] = {}
    if fresh:
        result = yield InsertNumbered("submissions", _COLUMNS, [item.row for item in fresh])
        numbered = list(zip(result.numbers, fresh, strict=True))
        numbers = {item.submission.id: number for number, item in numbered}
        yield Insert(
            "INSERT INTO contents (submission, n, octets)", "(?, ?, ?)", list(_pieces(numbered))
        )
        yield from _insert_transcripts(numbered)
        yield from _insert_recipients(numbered)
        yield from _insert_keys(fresh)
        yield from insert_findings(
            [(number, item.findings) for number, item in numbered if item.findings]
        )
        yield from insert_fixes(
            [(number, fix_fields(item.fixed)) for number, item in numbered if item.fixed]
        )
    ids = [item.submission.id if item.key is None else known[item.key] for item in items]
    return [
        Stored(id, numbers.get(id, 0) if id == item.submission.id else 0)
        for id, item in zip(ids, items, strict=True)
    ]


def insert_findings(found: Iterable[tuple[int, Sequence[Finding]]]) -> Steps[None]:
    """Write the findings of submissions, given by their numbers."""
    rows = [
        finding_row(number, n, finding)
        for number, findings in found
        for n, finding in enumerate(findings)
    ]
    if rows:
        yield Insert(FINDING, f"({marks(rows[0])})", rows)


def _known_keys(keys: Sequence[str]) -> Steps[dict[str, str]]:
    if not keys:
        return {}
    result = yield Statement(
        "SELECT submission_key, submission_id FROM submission_keys"
        f" WHERE submission_key IN ({marks(keys)})",
        tuple(keys),
    )
    return dict(result.rows)


def _insert_keys(fresh: Sequence[Intake]) -> Steps[None]:
    rows = [
        (item.key, item.submission.id, to_microseconds(item.submission.accepted_at))
        for item in fresh
        if item.key is not None
    ]
    if rows:
        yield Insert(
            "INSERT INTO submission_keys (submission_key, submission_id, accepted_at)",
            "(?, ?, ?)",
            rows,
        )


def _pieces(numbered: Iterable[tuple[int, Intake]]) -> Iterator[Row]:
    for number, item in numbered:
        content = item.submission.content
        if len(content) <= PIECE_OCTETS:
            yield (number, 0, content)
            continue
        for n, start in enumerate(range(0, len(content), PIECE_OCTETS)):
            yield (number, n, content[start : start + PIECE_OCTETS])


def _insert_transcripts(numbered: Iterable[tuple[int, Intake]]) -> Steps[None]:
    rows: list[Row] = [
        (number, with_reply(item.submission.transcript, _final_reply(item)))
        for number, item in numbered
        if item.submission.transcript
    ]
    if rows:
        yield Insert("INSERT INTO transcripts (submission, transcript)", "(?, ?)", rows)


def _final_reply(item: Intake) -> Reply:
    # An accepted message's goes out after this commit, and only then.
    return queued(item.submission.id) if item.refusal is None else item.refusal


def _insert_recipients(numbered: Sequence[tuple[int, Intake]]) -> Steps[None]:
    rows: dict[str, list[Row]] = {}
    statuses: dict[str, list[Row]] = {}
    for number, item in numbered:
        marks, tail = _kind(item)
        state = "queued" if item.refusal is None else "rejected"
        at, stored_at = item.queued_at, to_microseconds(item.submission.accepted_at)
        some_rows, some_statuses = rows.setdefault(marks, []), statuses.setdefault(state, [])
        for position, recipient in enumerate(item.submission.envelope.recipients):
            own = recipient_number(number, position)
            some_rows.append((own, *_asked(recipient), at, at, *tail))
            some_statuses.append((own, at, stored_at))
    for marks, values in rows.items():
        yield Insert(_RECIPIENT, marks, values)
    for state, values in statuses.items():
        yield Insert(_STATUS, f"(?, 0, '{state}', 0, ?, ?)", values)


def _kind(item: Intake) -> tuple[str, Row]:
    """Return how the rows of its recipients look, and the values they have in common."""
    if item.refusal is not None:
        reply = item.refusal
        return _REJECTED, (reply.code, reply.enhanced, clean(reply.text))
    return (_WAITING, ()) if item.lease is None else (_LEASED, item.lease)


def _asked(recipient: Recipient) -> tuple[str, str | None, str | None]:
    notify = None if recipient.notify is None else ",".join(recipient.notify)
    return clean(recipient.forward_path), notify, recipient.orcpt
