"""ADR: addresses in header fields (RFC 5322 section 3.4)."""

import re
from collections.abc import Iterator

from msa.auth.exchangers import Reach
from msa.auth.names import domain_of
from msa.lint.draft import ADDRESS_FIELDS, Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.mailbox import TroubleKind
from msa.message.structured import blank_comments
from msa.message.tree import Field

MAY_BE_EMPTY = ("bcc", "resent-bcc", "from")  # RFC 5322 section 3.6.3; an empty From is HDR004
MAX_LOCAL = 64  # octets, RFC 5321 section 4.5.3.1.1
MAX_DOMAIN = 255  # octets, RFC 5321 section 4.5.3.1.2

# Labels of 1 to 63 octets. The underscore is no part of a host name, but of many in development.
_LABEL = rb"[A-Za-z0-9_\x80-\xff](?:[A-Za-z0-9_\x80-\xff-]{0,61}[A-Za-z0-9_\x80-\xff])?"
_HOST = re.compile(rb"%b(?:\.%b)*" % (_LABEL, _LABEL))


@rule(
    "ADR001",
    "address-syntax",
    Severity.ERROR,
    "RFC 5322 section 3.4",
    fix='Write addresses as ada@example.org or "Ada Lovelace" <ada@example.org>, with commas '
    "between them.",
)
def syntax(draft: Draft) -> Iterator[Flaw]:
    """An address field holds something that is no address.

    That includes what no server can route: a local part over 64 octets, and a domain with a label
    that is over 63 octets, begins or ends with a hyphen, or has a character that host names lack.

    Servers refuse the message, or a reply to it goes nowhere.

    Let the mail library write address fields; check addresses when users type them in.
    """
    for name in ADDRESS_FIELDS:
        for field in draft.fields.get(name, ()):
            yield from _troubles(draft, field, TroubleKind.SYNTAX)
            yield from _unroutable(draft, field)
            if name not in MAY_BE_EMPTY and not blank_comments(draft.value(field)).strip():
                yield draft.flaw(f"the {field.name} field is empty", field.start, field.end)


@rule(
    "ADR002",
    "address-domain-unqualified",
    Severity.WARNING,
    "RFC 6409 section 4.2",
    fix="Use the full domain name, as in ada@mail.example.org.",
)
def domain_unqualified(draft: Draft) -> Iterator[Flaw]:
    """An address in a header field has no domain, or one that is not fully qualified.

    "root" or "app@web1" means something on your machine only: nobody elsewhere can answer it. A
    warning here, since such names are at home in development.

    Set the sender's domain in the application's mail settings.
    """
    for name in ADDRESS_FIELDS:
        for field in draft.fields.get(name, ()):
            yield from _troubles(draft, field, TroubleKind.NO_DOMAIN)
            for box in draft.addresses(field).mailboxes:
                if b"." not in box.domain and not box.domain.startswith(b"["):
                    shown = ascii(box.domain[:64].decode("utf-8", "replace"))[1:-1]
                    text = f'the domain "{shown}" is not fully qualified'
                    start = field.value_start
                    yield draft.flaw(text, start + box.start, start + box.end)


@rule(
    "ADR004",
    "display-name-unquoted",
    Severity.ERROR,
    "RFC 5322 section 3.2.3",
    fix='Put the display name in double quotes, as in "Acme, Inc." <sales@acme.example>.',
)
def unquoted_specials(draft: Draft) -> Iterator[Flaw]:
    """A display name holds a comma, colon or another special character without quotes.

    The field then means something else: "Acme, Inc. <a@x>" is two addresses, the first of them
    "Acme". Servers refuse it, or show the wrong author.

    Let the mail library join name and address (in Python email.utils.formataddr).
    """
    for name in ADDRESS_FIELDS:
        for field in draft.fields.get(name, ()):
            yield from _troubles(draft, field, TroubleKind.UNQUOTED)


def _unroutable(draft: Draft, field: Field) -> Iterator[Flaw]:
    for box in draft.addresses(field).mailboxes:
        reason = ""
        if len(box.local) > MAX_LOCAL:
            reason = f"the local part has {len(box.local)} octets (at most {MAX_LOCAL})"
        elif not box.domain.startswith(b"[") and not _HOST.fullmatch(box.domain):
            reason = "the domain is no host name"
        elif len(box.domain) > MAX_DOMAIN:
            reason = f"the domain has {len(box.domain)} octets (at most {MAX_DOMAIN})"
        if reason:
            start, end = field.value_start + box.start, field.value_start + box.end
            yield draft.flaw(f"{reason}, in the {field.name} field", start, end)


def _troubles(draft: Draft, field: Field, kind: TroubleKind) -> Iterator[Flaw]:
    for trouble in draft.addresses(field).troubles:
        if trouble.kind is kind:
            start, end = field.value_start + trouble.start, field.value_start + trouble.end
            yield draft.flaw(f"{trouble.text}, in the {field.name} field", start, end)


@rule(
    "ADR009",
    "address-domain-takes-no-mail",
    Severity.WARNING,
    "RFC 7505, RFC 5321 section 5.1",
    fix="Correct the domain, or publish an MX record for it.",
)
def domain_takes_no_mail(draft: Draft) -> Iterator[Flaw]:
    """The domain of an address takes no mail: it has a null MX, or neither MX nor address.

    Mail to it, and an answer to an author there, can't be delivered. Many servers refuse a
    message whose sender has such a domain (550 5.7.27, 550 5.1.8). Silent until DNS is asked.

    Look for a typing error; check domains when users type them in.
    """
    if not draft.facts.reach:
        return
    told: set[str] = set()
    for field, mailbox in draft.mailboxes:
        domain = domain_of(mailbox.address.decode("utf-8", "replace"))
        why = _UNREACHED.get(draft.facts.reach.get(domain or "", Reach.UNKNOWN))
        if domain is None or why is None or domain in told:
            continue
        told.add(domain)
        start = field.value_start + mailbox.start
        text = f"mail for {domain} can't be delivered: {why}"
        yield draft.flaw(text, start, field.value_start + mailbox.end)


_UNREACHED = {
    Reach.NULL_MX: "it has a null MX record",
    Reach.NO_ADDRESS: "it has neither an MX record nor an address",
}

RULES: tuple[Rule, ...] = (
    syntax,
    domain_unqualified,
    unquoted_specials,
    domain_takes_no_mail,
)
