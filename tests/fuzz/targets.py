"""What must hold whatever the octets: one function a part of ours that reads what is hostile.

Each takes any octets, and raises when something doesn't hold. They know no fuzzer:
`atheris_targets.py` runs them by coverage, `test_targets.py` over what once broke them.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from io import BytesIO
from ipaddress import IPv4Address, IPv6Address
from xml.etree import ElementTree

from bridge.event import EventRef, Record
from bridge.formats import identify, read_event
from msa.address import Mailbox, Malformed, parse_mailbox, read_forward_path, read_reverse_path
from msa.auth.spf import MAX_EXCHANGERS, MAX_LOOK_UPS, check_host
from msa.envelope import Envelope, Recipient
from msa.fix import Context, _sorted_out, apply
from msa.grade import grade
from msa.lint import MAX_FINDINGS, RULES, Draft, LintOptions, Severity, lint, run
from msa.lint.finding import MAX_EVIDENCE, Flaw
from msa.lint.gather import _facts
from msa.lint.profile import PROFILES
from msa.message import Part, Span, parse
from msa.message.date import read_date
from msa.message.mailbox import read_addresses
from msa.message.structured import read_structured
from msa.message.summary import MAX_SUMMARY, summarise
from msa.message.view import View
from msa.message.words import decode_words
from msa.options import ServerOptions
from msa.policy import judge
from msa.proxy import NoHeader, take_header
from msa.recorder import MAX_REFUSALS
from msa.reply import Refused, Reply
from msa.transcript import MAX_TEXT
from sandbox_mta.linting.report import FORMATS, reporter
from sandbox_mta.linting.run import File, Tally
from sandbox_mta.linting.run import run as lint_files
from tests.dialogues.serving import NOW, tls_context
from tests.fuzz.conversation import Conversation
from tests.fuzz.hostile_dns import HostileResolver


def session(octets: bytes) -> None:
    """A session answers soundly, and the same however its octets were cut into segments.

    The first octet chooses the server's options, the second the length of the segments.
    """
    choice, length, stream = octets[:1], octets[1:2], octets[2:]
    options = _options(choice[0] if choice else 0)
    size = length[0] + 1 if length else 1
    address = "127.0.0.1" if choice < b"\x80" else "192.0.2.1"
    whole, cut = Conversation(options, address), Conversation(options, address)
    whole.receive(stream)
    for start in range(0, len(stream), size):
        cut.receive(stream[start : start + size])

    for answer in whole.replies + cut.replies:
        check_reply(answer)
    if options.tls_context is None:  # what comes behind STARTTLS in one segment is discarded
        assert [_comparable(said) for said in whole.replies] == [
            _comparable(said) for said in cut.replies
        ]
        assert [(one.envelope, one.content) for one in whole.accepted] == [
            (one.envelope, one.content) for one in cut.accepted
        ]
    assert all(len(one.content) <= options.max_size for one in whole.accepted)
    check_record(whole)


def _options(choice: int) -> ServerOptions:
    return ServerOptions(
        max_size=64 if choice & 1 else 100_000,
        max_recipients=2 if choice & 2 else 1_000,
        auth=("any", "required", "off", "any")[choice >> 2 & 3],
        tls_context=tls_context() if choice & 16 else None,
        submission_keys=not choice & 32,
    )


def _comparable(said: Reply) -> Reply:
    return Reply(334, "", "") if said.code == 334 else said  # CRAM-MD5 asks differently each time


def check_reply(said: Reply) -> None:
    """A reply is of lines of ASCII and at most 512 octets, all with the same code."""
    wire = said.wire()
    assert wire.isascii()
    for line in wire.removesuffix(b"\r\n").split(b"\r\n"):
        assert 4 <= len(line) <= 510
        assert line[:3] == wire[:3]
        assert b"\r" not in line
        assert b"\n" not in line


def check_record(conversation: Conversation) -> None:
    """Each refusal is recorded, and the transcript is lines of printable ASCII, bounded."""
    record = conversation.recorder.record(conversation.session)
    assert record.refused == sum(said.code >= 400 for said in conversation.replies)
    assert len(record.refusals) <= min(record.refused, MAX_REFUSALS)
    assert record.messages == len(conversation.accepted)
    for text in (record.transcript, *(one.transcript for one in conversation.accepted)):
        assert text.isascii()
        assert all(line.isprintable() for line in text.split("\n"))
        assert len(text) <= MAX_TEXT + 100  # with the note of what was left out


def address(octets: bytes) -> None:
    """A path is read or refused; a mailbox is as written, or malformed at a place in it."""
    text = octets.decode("utf-8", "surrogateescape")
    parsed = parse_mailbox(text)
    match parsed:
        case Mailbox():
            assert str(parsed) == text
        case Malformed(problem, position):
            assert problem.isascii()
            assert 1 <= position <= len(text) + 1
    grade(text)
    for read in (read_forward_path, read_reverse_path):
        for smtputf8 in (False, True):
            try:
                path = read(text, smtputf8=smtputf8)
            except Refused as refused:
                check_reply(refused.reply)
            else:
                path.encode()
                assert path.isascii() or smtputf8


def header(octets: bytes) -> None:
    """Readers of header fields take anything, and their positions lie in the value."""
    found = read_addresses(octets)
    for mailbox in found.mailboxes:
        assert 0 <= mailbox.start <= mailbox.end <= len(octets)
    for trouble in found.troubles:
        assert 0 <= trouble.start <= trouble.end <= len(octets)
    read_structured(octets)
    read_date(octets)
    decode_words(octets).encode()


def tree(octets: bytes) -> None:
    """The spans of the parser nest, lie in the message, and cover its header."""
    message = parse(octets)
    root = message.root
    check_part(root, octets, is_cut="fields" in message.caps)
    assert (root.header.start, root.body.end) == (0, len(octets))
    paths = [part.path for part in root.walk()]
    assert len(set(paths)) == len(paths)


def check_part(part: Part, content: bytes, *, is_cut: bool = False) -> None:
    """What `tree` says, of one part and all within; when it `is_cut` some fields were left out."""
    assert part.header.start <= part.header.end <= part.body.start <= part.body.end
    lines = sorted([*part.strays, *(Span(field.start, field.end) for field in part.fields)])
    at = part.header.start
    for line in lines:
        assert line.start == at < line.end
        at = line.end
    assert at == part.header.end or is_cut
    for field in part.fields:
        assert content.startswith(field.name.encode(), field.start)
        assert field.start < field.value_start <= field.value_end <= field.end
    last = part.body.start
    for child in part.parts:
        assert part.body.start <= child.header.start <= child.body.end <= part.body.end
        assert child.header.start >= last
        last = child.body.end
        check_part(child, content, is_cut=is_cut)


def view(octets: bytes) -> None:
    """What readers are shown is text that any database takes."""
    shown = View(octets)
    texts = [shown.subject, shown.text, shown.html, *(field.value for field in shown.fields)]
    texts += [word for name in ("from", "to") for box in shown.addresses(name) for word in box]
    texts += [word for a in shown.attachments for word in (a.file_name, a.content_id)]
    read = summarise(octets)
    summary = (read.author, read.subject, read.message_id)
    for text in [*texts, *summary]:
        text.encode("utf-8")
    assert all(len(value) <= MAX_SUMMARY for value in summary)
    assert not any(character < " " for value in summary for character in value)
    assert shown.date is None or shown.date.utcoffset() is not None


# Without an envelope, and with ones that the rules of the envelope look at.
ENVELOPES = (
    None,
    Envelope(reverse_path="", recipients=(Recipient("bob@customer.example"),)),
    Envelope(reverse_path="@relay:ada@shop", recipients=(Recipient("bør@x"),) * 3, smtputf8=True),
)


def linter(octets: bytes) -> None:
    """No rule raises, and every finding lies in the message.

    The first octet chooses envelope and profile. `lint` itself swallows what a rule raises.
    """
    choice = octets[0] if octets else 0
    envelope = ENVELOPES[choice % len(ENVELOPES)]
    profile = PROFILES[choice // len(ENVELOPES) % len(PROFILES)]
    content = octets[1:]
    draft = Draft(content, envelope, profile=profile)
    for rule in RULES:
        flaws = run(rule, draft)
        assert len(flaws) <= MAX_FINDINGS
        for flaw in flaws:
            check_flaw(flaw, content)
    findings = lint(content, envelope, profile=profile)
    for finding in findings:
        assert finding.evidence.isprintable()
        assert finding.text.isprintable()
    refusal = judge(findings)
    if refusal is not None:
        check_reply(refusal)


def authentication(octets: bytes) -> None:
    """What DNS says of a sender is found out and judged, whatever it says.

    Up to two NULs stand the texts of DNS, a NUL between them; then follows the message.
    """
    answers, _, content = octets.partition(b"\0\0")
    resolver = HostileResolver(answers.split(b"\0"))
    for envelope in (None, ENVELOPES[1]):
        draft = Draft(content, envelope)
        draft.facts = _facts(draft, resolver)
        for rule in RULES:
            for flaw in run(rule, draft):
                check_flaw(flaw, content)
    for host in (IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")):
        resolver.asked = 0
        outcome = check_host(host, "shop.example", "a.b-c@shop.example", "helo.example", resolver)
        assert outcome.look_ups <= MAX_LOOK_UPS + 1
        assert resolver.asked <= 10 * MAX_LOOK_UPS * MAX_EXCHANGERS


CONTEXT = Context(id="7N42cgS2", hostname="mail.example", accepted_at=NOW, user="ada@example.org")


def fixes(octets: bytes) -> None:
    """Fixes are edits in order that don't overlap, and what is fixed needs no fix.

    The first octet chooses the envelope. `fix` itself swallows what goes wrong.
    """
    envelope = ENVELOPES[octets[0] % len(ENVELOPES)] if octets else None
    content = octets[1:]
    edits = _sorted_out(Draft(content, envelope), CONTEXT).edits
    at = 0
    for edit in edits:
        assert at <= edit.start <= edit.end <= len(content)
        at = edit.end
    assert _sorted_out(Draft(apply(content, edits), envelope), CONTEXT).edits == ()


def check_flaw(flaw: Flaw, content: bytes) -> None:
    """A flaw lies in the message and quotes what stands there."""
    if flaw.offset is None:
        assert flaw.part == "envelope"
    else:
        assert 0 <= flaw.offset <= len(content)
        assert content.startswith(flaw.evidence[:MAX_EVIDENCE], flaw.offset)


def reports(octets: bytes) -> None:
    """Reports of a file or a mailbox can be read, and name places in the file."""
    file = File("a.eml", lambda: nullcontext(BytesIO(octets)))
    tally = Tally()
    linted = list(lint_files([file], LintOptions(), None, tally))
    for one in linted:
        for finding in one.findings:
            if finding.offset is not None:
                before = octets[: finding.offset]
                start = before.rfind(b"\n") + 1
                assert finding.line == before.count(b"\n") + 1
                assert finding.column == finding.offset - start + 1
    written = {
        name: list(reporter(name, colour=False)(linted, tally, Severity.WARNING))
        for name in FORMATS
    }
    assert all(line.isprintable() for text in written["text"] for line in text.split("\n"))
    for line in written["jsonl"]:
        json.loads(line)
    json.loads("\n".join(written["sarif"]))
    ElementTree.fromstring("\n".join(written["junit"]).partition("\n")[2])


def proxy(octets: bytes) -> None:
    """A PROXY header is taken off to its end or refused, whole or an octet at a time."""
    whole = _taken([octets])
    assert whole == _taken([octets[at : at + 1] for at in range(len(octets))])


def _taken(segments: list[bytes]) -> tuple[str | None, bytes]:
    buffer = bytearray()
    found: str | None = None
    for segment in segments:
        buffer += segment
        if found is None:
            try:
                found = take_header(buffer)
            except NoHeader:
                return "none", b""
    return found, bytes(buffer)


def event(octets: bytes) -> None:
    """A record is an event, a tombstone or unusable, and always has an identity.

    What stands before the first NUL are its headers, `name=value` a line.
    """
    head, _, value = octets.partition(b"\0")
    named = (line.partition(b"=") for line in head.split(b"\n"))
    record = Record(
        ref=EventRef(topic="events", partition=0, offset=1, timestamp_ms=1),
        key=None,
        value=value,
        headers=tuple((name.decode("latin-1"), text) for name, _, text in named),
    )
    read_event(record)
    identify(record).identity.encode()


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "session": session,
    "address": address,
    "header": header,
    "tree": tree,
    "view": view,
    "linter": linter,
    "fixes": fixes,
    "authentication": authentication,
    "reports": reports,
    "proxy": proxy,
    "event": event,
}
