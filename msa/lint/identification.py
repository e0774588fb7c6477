"""HDR: what Date, Message-ID and From say of the message: when, which, and whose it is."""

import re
from collections.abc import Iterator
from datetime import timedelta

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.date import OLD_ZONES, DateTime
from msa.message.structured import blank_comments

MAX_APART = timedelta(hours=24)  # between the Date and the submission
MAX_MESSAGE_ID = 500  # characters, Gmail's limit
_ATOM = rb"[!#$%&'*+/=?^_`{|}~0-9A-Za-z\x80-\xff-]+"
MESSAGE_ID = re.compile(
    rb'<(?:%b(?:\.%b)*|"(?:[^"\\\s]|\\[!-~])*")@(%b(?:\.%b)*|\[[!-Z^-~]*\])>'
    % (_ATOM, _ATOM, _ATOM, _ATOM)
)
_HOME = re.compile(rb"(?:.*\.)?(?:localhost|localdomain)", re.IGNORECASE)


@rule(
    "HDR002",
    "date-syntax",
    Severity.ERROR,
    "RFC 5322 section 3.3",
    fix="Write the date as in Mon, 24 Nov 2025 03:10:00 +0000, in English and with a zone.",
)
def date_syntax(draft: Draft) -> Iterator[Flaw]:
    """The Date field doesn't follow the grammar of RFC 5322, not even its obsolete forms.

    Formats like ISO 8601, and names of days and months in other languages, are not understood by
    readers: they show the time of arrival, 1970, or nothing.

    Use the formatter of a mail library (in Python email.utils.format_datetime), never strftime,
    whose names follow the locale.
    """
    for field, written in draft.dates:
        if written is None:
            yield draft.value_flaw("the date does not follow RFC 5322", field)


@rule(
    "HDR003",
    "date-meaning",
    Severity.WARNING,
    "RFC 5322 section 3.3",
    fix="Let the mail library write the time of sending, with a zone in digits like +0000.",
)
def date_meaning(draft: Draft) -> Iterator[Flaw]:
    """The Date field is well written, but says something that can't be.

    The day of the week doesn't belong to the date, there is no such day or time, the zone is
    missing or a name instead of digits (GMT is only mentioned), or the date is more than a day
    from the time of submission. Readers sort by it, and filters count dates in the past or in the
    future heavily.

    Never put a date together from pieces: format one moment with a mail library, and check the
    clock of the machine.
    """
    for field, written in draft.dates:
        if written is not None:
            for text, severity in _oddities(written, draft):
                yield draft.value_flaw(text, field, severity=severity)


def _oddities(written: DateTime, draft: Draft) -> Iterator[tuple[str, Severity | None]]:
    zone = written.zone
    if zone is None:
        yield "the date has no zone", None
    elif zone[0] not in "+-":
        known = zone in OLD_ZONES
        text = f'the zone "{zone.upper()}" is a name' + ("" if known else " nobody is sure of")
        yield text, Severity.INFO if known else None
    moment = written.moment()
    if moment is None:
        yield "there is no such day, time or zone", None
        return
    day = written.true_weekday()
    if written.weekday is not None and day is not None and written.weekday != day:
        yield f"the date falls on a {day.title()}, not on a {written.weekday.title()}", None
    if draft.facts.received_at is not None and abs(moment - draft.facts.received_at) > MAX_APART:
        apart = abs(moment - draft.facts.received_at) // timedelta(hours=1)
        where = "before" if moment < draft.facts.received_at else "after"
        yield f"the date is {apart} hours {where} the submission", None


@rule(
    "HDR006",
    "message-id-syntax",
    Severity.ERROR,
    "RFC 5322 section 3.6.4",
    fix="Write <unique@your-domain>, as in <20251124.7f3a@shop.example>.",
)
def message_id_syntax(draft: Draft) -> Iterator[Flaw]:
    """The Message-ID is not of the form <left@right>, or can't be unique.

    Answers name it, and threads, bounces and duplicates are found by it; Gmail refuses a message
    whose Message-ID is not valid, or longer than 500 characters. A right side like "localhost" or
    "web1" is a warning: a thousand other machines have the same name.

    Let the mail library make it, and tell the library the domain (in Python
    email.utils.make_msgid(domain=...)).
    """
    for field in draft.fields.get("message-id", ()):
        value = blank_comments(draft.value(field)).strip()
        if not value:
            continue  # HDR005 tells
        found = MESSAGE_ID.fullmatch(value)
        if found is None:
            yield draft.value_flaw("the Message-ID is not <left@right>", field)
            continue
        if len(value) > MAX_MESSAGE_ID:
            text = f"the Message-ID has {len(value)} octets (Gmail takes {MAX_MESSAGE_ID})"
            yield draft.value_flaw(text, field)
        right = found[1]
        if (b"." not in right and right[:1] != b"[") or _HOME.fullmatch(right):
            shown = ascii(right[:64].decode("utf-8", "replace"))[1:-1]
            text = f'the right side "{shown}" of the Message-ID is not a name of your own'
            yield draft.value_flaw(text, field, severity=Severity.WARNING)


@rule(
    "HDR008",
    "from-several",
    Severity.ERROR,
    "RFC 5322 section 3.6.2",
    fix="Name one author in From, or add a Sender field with the one who sends for them all.",
)
def from_several(draft: Draft) -> Iterator[Flaw]:
    """The From field names several authors.

    Then a Sender field must say who of them sends it. With a Sender it is well-formed and still a
    warning: DMARC looks at one author only, and Gmail wants one.

    Name one author; the others may stand in Cc or Reply-To.
    """
    for field in draft.fields.get("from", ()):
        count = len(draft.addresses(field).mailboxes)
        if count > 1:
            sent = "sender" in draft.fields
            text = f"{count} authors in From" + ("" if sent else ", and no Sender")
            yield draft.value_flaw(text, field, severity=Severity.WARNING if sent else None)


RULES: tuple[Rule, ...] = (
    date_syntax,
    date_meaning,
    message_id_syntax,
    from_several,
)
