"""The views of one message: which tabs there are, and what stands in the plainer ones; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from msa.envelope import Kind
from msa.lint.finding import Finding, Severity
from msa.message.view import View
from sandbox_mta.store.stored import StoredMessage
from sandbox_mta.web.pages.place import Place
from sandbox_mta.web.pages.states import mark_of

TABS = ("preview", "journey", "lint", "fixes", "text", "html", "headers", "raw", "transcript")
SHOWN_CHARACTERS = 512 << 10  # of a source; the rest is there to download
SHOWN_RECIPIENTS = 3  # in the head of the page

NAMES = {"html": "HTML"}
SEVERITY_MARKS = {Severity.ERROR: "bad", Severity.WARNING: "warn", Severity.INFO: "info"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    name: str
    href: str
    is_current: bool
    count: int = 0
    mark: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the head of a message; the name may be ""."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of the page of a message."""

    id: str
    subject: str
    author: Person
    envelope: str  # the reverse-path, where it is not the author
    to: tuple[Person, ...]
    to_more: int
    event: str
    template: str
    refusal: str


def head(message: StoredMessage, view: View) -> Head:
    """Say who wrote to whom, why, and whether it was refused."""
    paths = [recipient.forward_path for recipient in message.recipients]
    names = {each.address.lower(): each.name for each in _addressees(view)}
    author = next((Person(*each) for each in view.addresses("from")), Person(message.author, ""))
    event = message.event
    refused = message.refused_at is not None and message.recipients
    return Head(
        id=message.id,
        subject=message.subject,
        author=author,
        envelope="" if message.reverse_path == author.address else f"<{message.reverse_path}>",
        to=tuple(Person(names.get(path.lower(), ""), path) for path in paths[:SHOWN_RECIPIENTS]),
        to_more=max(0, len(paths) - SHOWN_RECIPIENTS),
        event=f"{event.type} at {event.topic}/{event.partition}@{event.offset}" if event else "",
        template=f"{event.template} {event.version[:8]}" if event else "",
        refusal=message.recipients[0].reply if refused else "",
    )


def _addressees(view: View) -> Iterator[Person]:
    for field in ("cc", "to"):
        yield from (Person(*address) for address in view.addresses(field))


def tab_name(tab: str) -> str:
    """Return what a tab is called."""
    return NAMES.get(tab, tab.capitalize())


def tabs(message: StoredMessage, current: str, place: Place) -> tuple[Tab, ...]:
    """Return the tabs with the counts that call for attention."""
    marks = [mark_of(each.state) for each in message.recipients]
    troubled = sum(mark in ("bad", "warn") for mark in marks)
    errors = any(finding.severity is Severity.ERROR for finding in message.findings)
    notes = {
        "journey": (troubled, "b" if "bad" in marks else "w", "recipients need attention"),
        "lint": (len(message.findings), "b" if errors else "w", "findings"),
        "fixes": (len(message.fixed.edits) if message.fixed else 0, "w", "edits"),
    }
    found = []
    for name in TABS:
        count, mark, hint = notes.get(name, (0, "", ""))
        found.append(
            Tab(
                name=tab_name(name),
                href=place.link(f"/m/{message.id}/{name}"),
                is_current=name == current,
                count=count,
                mark=mark,
                hint=hint,
            )
        )
    return tuple(found)


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


def header_rows(view: View, *, raw: bool) -> list[tuple[str, str]]:
    """Return the fields in order, decoded or as they were sent."""
    return [
        (field.name, field.raw.decode("utf-8", "replace") if raw else field.value)
        for field in view.fields
    ]


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


def cut(text: str) -> tuple[str, bool]:
    """Return as much of a text as a page shows, and whether that is less than all."""
    return text[:SHOWN_CHARACTERS], len(text) > SHOWN_CHARACTERS


def source_lines(text: str) -> tuple[list[str], bool]:
    """Cut a source into lines for show; the second value tells whether it was cut."""
    shown, is_cut = cut(text)
    return shown.replace("\r\n", "\n").replace("\r", "␍").removesuffix("\n").split("\n"), is_cut
