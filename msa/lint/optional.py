"""HDR: the fields beside those every message has (RFC 5322 section 3.6.8): whose they are."""

import re
from collections.abc import Iterator

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.structured import read_structured
from msa.message.tree import Field

_OF_SERVERS = frozenset(
    (
        *("return-path", "delivered-to", "x-original-to", "authentication-results"),
        *("received-spf", "x-forefront-antispam-report", "x-ms-exchange-organization-scl"),
    )
)
_INSTEAD = {
    "errors-to": "bounces go to the address of MAIL FROM",
    "return-receipt-to": "Disposition-Notification-To and DSN ask for receipts",
    "return-receipt-requested": "Disposition-Notification-To and DSN ask for receipts",
    "read-receipt-to": "Disposition-Notification-To asks for it",
    "x-confirm-reading-to": "Disposition-Notification-To asks for it",
    "generate-delivery-report": "DSN (NOTIFY=SUCCESS) asks for it",
    "precedence": "Auto-Submitted and List-Id say what kind of mail it is",
    "apparently-to": "To and Cc name the recipients",
    "x-priority": "Importance is the field of the standards",
    "x-msmail-priority": "Importance is the field of the standards",
    "x-sender": "From and Sender name who sends",
}


def is_of_servers(name: str) -> bool:
    """Say whether a field, given in lower case, is for servers alone to add."""
    return name in _OF_SERVERS or name.startswith("x-spam-")


@rule(
    "HDR016",
    "trace-field-submitted",
    Severity.WARNING,
    "RFC 5321 section 4.4; RFC 8601 section 5",
    fix="Leave out the fields that servers add on the way and at delivery.",
)
def trace_submitted(draft: Draft) -> Iterator[Flaw]:
    """The message brings fields that only a server on its way may add.

    Return-Path, Delivered-To, Authentication-Results and X-Spam-... tell what happened to a
    message and what a server thought of it. Brought by the sender they are wrong: servers strip
    them, take the message for a loop, or for an attempt to forge a verdict. A Received field is
    left alone, since a relay of your own adds one.

    It often comes from sending a message again that was read from a mailbox: copy the fields you
    want, not all of them.
    """
    for name in draft.fields:
        if is_of_servers(name):
            for field in draft.fields[name]:
                text = f"the {field.name} field is for servers to add"
                yield draft.flaw(text, field.start, field.end)


@rule(
    "HDR017",
    "field-deprecated",
    Severity.INFO,
    "RFC 2076 sections 3.5 to 3.9",
    fix="Use the field that replaced it, or leave it out.",
)
def deprecated(draft: Draft) -> Iterator[Flaw]:
    """A field was never standardised, or was given up.

    Few readers and servers know Errors-To, Return-Receipt-To, Precedence, Apparently-To or
    X-Priority, and those that do disagree; filters know X-Priority from spam.

    The finding names what to use instead. Precedence is left alone where it says bulk, junk or
    list, which programs that answer by themselves still look for.
    """
    for name in draft.fields:
        instead = _INSTEAD.get(name)
        for field in draft.fields[name] if instead else ():
            if name == "precedence" and _is_impersonal(draft, field):
                continue
            text = f"the {field.name} field is no standard; {instead}"
            yield draft.flaw(text, field.start, field.end)


# IANA's registry of Auto-Submitted keywords (RFC 3834 section 5, RFC 5436 section 2.7.1).
_KEYWORDS = ("no", "auto-generated", "auto-replied", "auto-notified")
_ROBOT = re.compile(rb"(?:no|do-?not)[-_.]?reply(?:[-_.+].{0,64})?", re.IGNORECASE | re.DOTALL)
_IMPERSONAL = (b"bulk", b"junk", b"list")


@rule(
    "HDR018",
    "auto-submitted",
    Severity.INFO,
    "RFC 3834 section 5",
    fix="Add Auto-Submitted: auto-generated to what a program sends by itself.",
)
def auto_submitted(draft: Draft) -> Iterator[Flaw]:
    """The message is evidently automatic and doesn't say so, or says so in a wrong word.

    Without Auto-Submitted: auto-generated, holiday notes and ticket systems answer your program.
    Only two signs count as evident: an author like no-reply@, and a Precedence field of bulk, junk
    or list. Messages with the fields of a mailing list (List-Id, List-Unsubscribe ...) are left
    out, since those keep automatic answers away as well.

    Set the field where the application makes its messages; answers to a message take
    auto-replied.
    """
    fields = draft.fields.get("auto-submitted", ())
    for field in fields:
        keyword = read_structured(draft.value(field)).token
        if keyword not in _KEYWORDS:
            shown = ascii(keyword[:40])[1:-1]
            yield draft.value_flaw(f'"{shown}" is no keyword of Auto-Submitted', field)
    if not fields and not draft.is_of_a_list:
        yield from _signs(draft)


def _signs(draft: Draft) -> Iterator[Flaw]:
    """Yield a flaw for the first sign that nobody wrote the message by hand."""
    for field in draft.fields.get("from", ()):
        for box in draft.addresses(field).mailboxes:
            if is_robot(box.local):
                shown = ascii(box.local[:64].decode("utf-8", "replace"))[1:-1]
                yield draft.value_flaw(f"mail of {shown} without Auto-Submitted", field)
                return
    for field in draft.fields.get("precedence", ()):
        if _is_impersonal(draft, field):
            yield draft.value_flaw("Precedence without Auto-Submitted", field)
            return


def _is_impersonal(draft: Draft, field: Field) -> bool:
    return draft.value(field).strip().lower() in _IMPERSONAL


def is_robot(local: bytes) -> bool:
    """Say whether a local part means that nobody reads the answers: no-reply, donotreply."""
    return _ROBOT.fullmatch(local) is not None


RULES: tuple[Rule, ...] = (
    trace_submitted,
    deprecated,
    auto_submitted,
)
