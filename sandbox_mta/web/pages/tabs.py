"""The views of one message: which tabs there are, and what stands in each; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msa.envelope import Kind
from msa.lint.finding import Finding, Severity
from msa.message.view import Attachment, View
from sandbox_mta.mta.status import State
from sandbox_mta.store.stored import Journey as StoredJourney
from sandbox_mta.store.stored import StoredMessage
from sandbox_mta.web.pages import journey
from sandbox_mta.web.pages.frame import Inline, count_remote
from sandbox_mta.web.pages.listing import link

TABS = ("preview", "journey", "lint", "text", "html", "headers", "raw")
WIDTHS = ("320", "375", "600", "768", "full")
SCHEMES = ("light", "dark")
SHOWN_OCTETS = 512 << 10  # of a source; the rest is there to download
SHOWN_RECIPIENTS = 3  # in the head of the page

NAMES = {"html": "HTML"}
SEVERITY_MARKS = {Severity.ERROR: "bad", Severity.WARNING: "warn", Severity.INFO: "idle"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    name: str
    href: str
    is_current: bool
    count: int = 0
    mark: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of the page of a message."""

    id: str
    subject: str
    author: str
    reverse_path: str
    to: tuple[str, ...]
    to_more: int
    event: str
    template: str
    refusal: str


def head(message: StoredMessage) -> Head:
    """Say who wrote to whom, why, and whether it was refused."""
    paths = tuple(recipient.forward_path for recipient in message.recipients)
    event = message.event
    refusal = ""
    if message.refused_at is not None and message.recipients:
        refusal = message.recipients[0].reply
    return Head(
        id=message.id,
        subject=message.subject,
        author=message.author,
        reverse_path=message.reverse_path,
        to=paths[:SHOWN_RECIPIENTS],
        to_more=max(0, len(paths) - SHOWN_RECIPIENTS),
        event=f"{event.type} at {event.topic}/{event.partition}@{event.offset}" if event else "",
        template=f"{event.template} {event.version[:8]}" if event else "",
        refusal=refusal,
    )


def tabs(message: StoredMessage, current: str, q: str) -> tuple[Tab, ...]:
    """Return the tabs with the counts that call for attention."""
    troubled = sum(
        1 for each in message.recipients if journey.mark_of(each.state) in ("bad", "warn")
    )
    errors = sum(1 for finding in message.findings if finding.severity is Severity.ERROR)
    notes = {
        "journey": (troubled, "b", "recipients need attention"),
        "lint": (len(message.findings), "b" if errors else "w", "findings"),
    }
    found = []
    for name in TABS:
        count, mark, hint = notes.get(name, (0, "", ""))
        found.append(
            Tab(
                name=NAMES.get(name, name.capitalize()),
                href=link(f"/m/{message.id}/{name}", q=q),
                is_current=name == current,
                count=count,
                mark=mark,
                hint=hint,
            )
        )
    return tuple(found)


def moments(found: StoredJourney) -> tuple[journey.Moment, ...]:
    """Join a recipient's states and attempts into one story in order of time."""
    replies = {attempt.n: attempt for attempt in found.attempts}
    story = []
    for status in found.statuses:
        attempt = replies.get(status.attempt)
        story.append(
            journey.Moment(
                at=status.at,
                what=status.state,
                attempt=status.attempt,
                exchanger=attempt.exchanger if attempt else "",
                reply=str(attempt.reply) if attempt else "",
            )
        )
    recipient = found.recipient
    if recipient.state in (State.DEFERRED, State.QUEUED) and recipient.due_at is not None:
        due = journey.Moment(
            at=recipient.due_at, what="attempting", attempt=recipient.attempts + 1, is_due=True
        )
        if story and due.at > story[-1].at:
            story.append(due)
    return tuple(story)


def drawn(found: Sequence[StoredJourney], now: datetime) -> journey.Journey:
    """Draw the journey of a message."""
    return journey.draw(
        tuple(
            journey.Recipient(
                forward_path=each.recipient.forward_path,
                state=each.recipient.state,
                attempts=each.recipient.attempts,
                reason=each.recipient.reason,
                moments=moments(each),
            )
            for each in found
        ),
        now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """The findings, and how many there are of each severity."""

    is_pending: bool
    counts: tuple[tuple[str, str], ...]
    findings: tuple[tuple[str, Finding], ...]  # with the mark of each


def lint(message: StoredMessage) -> Lint:
    """Lay out the findings, the worst first."""
    order = list(Severity)
    found = sorted(message.findings, key=lambda finding: order.index(finding.severity))
    counts = []
    for severity in order:
        count = sum(1 for finding in found if finding.severity is severity)
        if count:
            plural = "" if count == 1 or severity is Severity.INFO else "s"
            counts.append((SEVERITY_MARKS[severity], f"{count} {severity.value}{plural}"))
    return Lint(
        is_pending=not message.is_linted,
        counts=tuple(counts),
        findings=tuple((SEVERITY_MARKS[finding.severity], finding) for finding in found),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    href: str
    name: str
    type: str
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The frame, and what can be chosen about it."""

    has_html: bool
    text: str | None
    files: tuple[File, ...]
    widths: tuple[Choice, ...]
    schemes: tuple[Choice, ...]
    width_class: str
    scheme: str
    remote: bool
    remote_count: int
    load_once: str
    body_href: str


def preview(
    message: StoredMessage, view: View, *, width: str, scheme: str, remote: bool, q: str
) -> Preview:
    """Lay out the preview; unknown choices are the first of each."""
    width = width if width in WIDTHS else "full"
    scheme = scheme if scheme in SCHEMES else "light"
    here = f"/m/{message.id}/preview"
    html = view.html
    chosen = "" if width == "full" else width
    return Preview(
        has_html=bool(html.strip()),
        text=view.text or None,
        files=tuple(_file(message.id, part) for part in view.attachments if not part.inline),
        widths=tuple(
            Choice(
                name.capitalize(),
                link(here, width="" if name == "full" else name, scheme=scheme, q=q),
                name == width,
            )
            for name in WIDTHS
        ),
        schemes=tuple(
            Choice(name.capitalize(), link(here, width=chosen, scheme=name, q=q), name == scheme)
            for name in SCHEMES
        ),
        width_class="" if width == "full" else f"w{width}",
        scheme=scheme,
        remote=remote,
        remote_count=0 if remote else count_remote(html),
        load_once=link(here, width=chosen, scheme=scheme, remote=1, q=q),
        body_href=link(f"/m/{message.id}/body", remote=1 if remote else None),
    )


def _file(identifier: str, part: Attachment) -> File:
    return File(
        href=f"/m/{identifier}/part/{part.path}",
        name=part.file_name or f"part {part.path}",
        type=part.content_type,
        size=size_text(part.size_octets),
    )


def size_text(octets: int) -> str:
    """Say a size as people do."""
    if octets < 1000:
        return f"{octets} octets"
    if octets < 1_000_000:
        return f"{octets / 1000:.1f} KB"
    return f"{octets / 1_000_000:.1f} MB"


def inline_parts(view: View) -> dict[str, Inline]:
    """Return the parts that the HTML may show, by Content-ID."""
    return {
        part.content_id: Inline(part.content_type, view.octets(part.path) or b"")
        for part in view.attachments
        if part.content_id
    }


def envelope_rows(message: StoredMessage) -> tuple[tuple[str, str], ...]:
    """Return the envelope and the session as rows of a table."""
    client = message.client
    rows = [("MAIL FROM", f"<{message.reverse_path}>")]
    for recipient in message.recipients:
        options = [f"NOTIFY={','.join(recipient.notify)}"] if recipient.notify else []
        options += [f"ORCPT={recipient.orcpt}"] if recipient.orcpt else []
        rows.append(("RCPT TO", " ".join([f"<{recipient.forward_path}>", *options])))
    rows += [("RET", message.ret or ""), ("ENVID", message.envid or "")]
    rows += [("BODY", message.body or ""), ("SMTPUTF8", "yes" if message.smtputf8 else "")]
    if message.kind is Kind.MAIL:
        rows += [("Client", f"{client.address} ({client.helo})"), ("User", client.user or "")]
        rows += [("TLS", "yes" if client.tls else "no")]
    else:
        rows += [("Report about", message.parent_id or "")]
    rows += [("Size", f"{message.size_octets:,} octets")]
    return tuple((name, value) for name, value in rows if value)


def source_lines(text: str) -> tuple[list[str], str]:
    """Cut a source into lines for show; the second value names the cut, if there was one."""
    shown = text[:SHOWN_OCTETS]
    cut = size_text(SHOWN_OCTETS) if len(text) > SHOWN_OCTETS else ""
    return shown.replace("\r\n", "\n").replace("\r", "␍").split("\n"), cut
