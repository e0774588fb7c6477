"""HDR: which fields the header section has, and whether it is one."""

from collections.abc import Iterator

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.structured import blank_comments

# RFC 5322 section 3.6, the table; then RFC 2045's, which may stand in every part.
_ONCE = frozenset(
    (
        *("from", "sender", "reply-to", "to", "cc", "bcc", "date", "subject"),
        *("message-id", "in-reply-to", "references", "mime-version", "content-type"),
        *("content-transfer-encoding", "content-disposition", "content-id", "content-description"),
    )
)


@rule(
    "HDR001",
    "date-missing",
    Severity.ERROR,
    "RFC 5322 section 3.6",
    fix="Add a Date field with the time of sending, as in Mon, 24 Nov 2025 03:10:00 +0000.",
)
def date_missing(draft: Draft) -> Iterator[Flaw]:
    """The message has no Date field.

    Date and From are the two fields that every message must have. Without it readers sort the
    message wrongly, and spam filters count it heavily.

    Let the mail library set the date, or write it yourself in the form of RFC 5322.
    """
    if "date" not in draft.fields and not draft.stray_named("date"):
        yield draft.flaw("the Date field is missing", 0, 0)


@rule(
    "HDR004",
    "from-missing",
    Severity.ERROR,
    "RFC 5322 section 3.6",
    fix="Add a From field with the author's address.",
)
def from_missing(draft: Draft) -> Iterator[Flaw]:
    """The message has no From field, or an empty one.

    Every message must name its author. Big providers refuse a message without it.

    Set the author in the mail library; the address given to MAIL FROM is not used for it.
    """
    fields = draft.fields.get("from", ())
    if not fields and not draft.stray_named("from"):
        yield draft.flaw("the From field is missing", 0, 0)
    for field in fields:
        if not blank_comments(draft.value(field)).strip():
            yield draft.flaw("the From field is empty", field.start, field.end)


@rule(
    "HDR005",
    "message-id-missing",
    Severity.WARNING,
    "RFC 5322 section 3.6.4",
    fix="Add a Message-ID field with a unique value, as in <20251124.7f3a@shop.example>.",
)
def message_id_missing(draft: Draft) -> Iterator[Flaw]:
    """The message has no Message-ID field, or an empty one.

    Threads, bounces and duplicates are told apart by it. Some servers add one, others (Gmail
    among them) refuse messages without a valid one.

    Let the mail library make one (in Python email.utils.make_msgid), with your own domain.
    """
    fields = draft.fields.get("message-id", ())
    if not fields and not draft.stray_named("message-id"):
        yield draft.flaw("the Message-ID field is missing", 0, 0)
    for field in fields:
        if not draft.value(field).strip():
            yield draft.flaw("the Message-ID field is empty", field.start, field.end)


@rule(
    "HDR007",
    "field-repeated",
    Severity.ERROR,
    "RFC 5322 section 3.6",
    fix="Keep one of the fields, or join their values in one.",
)
def field_repeated(draft: Draft) -> Iterator[Flaw]:
    """A field that may stand once stands twice.

    Readers and filters disagree on which one counts, which is why Gmail refuses a second From,
    Subject or Message-ID. It often comes from setting a field on a message object where setting
    means adding.

    Delete the field before you set it again; join the addresses of two To fields with a comma.
    """
    for part in draft.parts:
        seen: set[str] = set()
        for field in part.fields:
            name = field.name.lower()
            if name in seen:
                yield draft.flaw(f"a second {field.name} field", field.start, field.end, part)
            elif name in _ONCE:
                seen.add(name)


@rule(
    "HDR009",
    "subject-missing",
    Severity.WARNING,
    "RFC 5322 section 3.6.5",
    fix="Give the message a Subject that says what it is about.",
)
def subject_missing(draft: Draft) -> Iterator[Flaw]:
    """The message has no Subject field, or an empty one.

    Readers list it as "(no subject)", people take it for spam, and filters do too.

    Set a subject; when a template makes it, look whether the template came out empty.
    """
    fields = draft.fields.get("subject", ())
    if not fields and not draft.stray_named("subject"):
        yield draft.flaw("the Subject field is missing", 0, 0)
    for field, text in draft.subjects:
        if not text:
            yield draft.flaw("the Subject field is empty", field.start, field.end)


_DESTINATIONS = ("to", "cc", "bcc")


@rule(
    "HDR010",
    "destination-missing",
    Severity.WARNING,
    "RFC 5322 section 3.6.3",
    fix="Add a To field; when all copies are blind, an empty group as its value.",
)
def destination_missing(draft: Draft) -> Iterator[Flaw]:
    """The message has neither To, nor Cc, nor Bcc.

    The standard allows it, but filters count it as spam, and some servers add a To field of their
    own, which may tell the blind recipients.

    Write the recipients into To, or the empty group "undisclosed-recipients:;".
    """
    if not any(name in draft.fields for name in _DESTINATIONS) and not any(
        draft.stray_named(name) for name in _DESTINATIONS
    ):
        yield draft.flaw("there is no To, Cc or Bcc field", 0, 0)


@rule(
    "HDR011",
    "bcc-present",
    Severity.WARNING,
    "RFC 5322 section 3.6.3",
    fix="Take the Bcc field out, and give its addresses to RCPT only.",
)
def bcc_present(draft: Draft) -> Iterator[Flaw]:
    """The submitted message still has a Bcc field.

    Not every server takes it out, and then each recipient reads who got a blind copy.

    Pass these recipients to the envelope only.
    """
    for name in ("bcc", "resent-bcc"):
        for field in draft.fields.get(name, ()):
            if draft.value(field).strip():
                text = f"the {field.name} field tells the blind recipients"
                yield draft.value_flaw(text, field)


@rule(
    "HDR012",
    "not-a-field",
    Severity.ERROR,
    "RFC 5322 section 2.2",
    fix="Write Name: value, fold long values with a leading space, and put a blank line before "
    "the body.",
)
def not_a_field(draft: Draft) -> Iterator[Flaw]:
    """A line of the header section is no field.

    It has no colon, a space before the colon, or a character that field names can't have; or the
    blank line before the body is missing. Parsers differ: many end the header section here, so
    that From, To and Subject below are lost.

    Look for a value with a line break in it, and for the blank line after the last field.
    """
    for part in draft.parts:
        last, stop = -1, part.header.end
        for stray in part.strays:
            if not draft.content[stray.start : stray.end].strip(b"\r\n"):
                stop = stray.start  # a blank line in CR CR LF: SEC002 tells, and below is the body
                break
            if stray.start != last:
                yield draft.flaw("a line is no header field", stray.start, stray.end, part)
            last = stray.end
        for field in part.fields:
            if field.value_start - field.start != len(field.name) + 1 and field.start < stop:
                text = "a space stands before the colon"
                yield draft.flaw(text, field.start, field.value_start, part)


RULES: tuple[Rule, ...] = (
    date_missing,
    from_missing,
    message_id_missing,
    field_repeated,
    subject_missing,
    destination_missing,
    bcc_present,
    not_a_field,
)
