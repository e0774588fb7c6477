"""ADR: addresses in header fields (RFC 5322 section 3.4)."""

import re
from collections.abc import Iterator

from msa.auth.exchangers import Reach
from msa.auth.names import domain_of
from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.mailbox import Mailbox, TroubleKind, display_name
from msa.message.structured import blank_comments
from msa.message.tree import Field
from msa.message.words import decode_words

MAY_BE_EMPTY = ("bcc", "resent-bcc", "from")  # RFC 5322 section 3.6.3; an empty From is HDR004
MAX_LOCAL = 64  # octets, RFC 5321 section 4.5.3.1.1
MAX_DOMAIN = 255  # octets, RFC 5321 section 4.5.3.1.2
MAX_PHRASE = 2_000  # octets of a display name that are searched

# Labels of 1 to 63 octets. The underscore is no part of a host name, but of many in development.
_LABEL = rb"[A-Za-z0-9_\x80-\xff](?:[A-Za-z0-9_\x80-\xff-]{0,61}[A-Za-z0-9_\x80-\xff])?"
# An address inside a text; no two pieces can take the same character twice over.
_ADDRESS = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,9}[\w-]{2,63}")
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
    yield from _troubles(draft, TroubleKind.SYNTAX)
    yield from _unroutable(draft)
    for field, read in draft.address_lists:
        if read.mailboxes or read.troubles or field.name.lower() in MAY_BE_EMPTY:
            continue
        if not blank_comments(draft.value(field)).strip():
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
    yield from _troubles(draft, TroubleKind.NO_DOMAIN)
    for field, box in draft.mailboxes:
        if b"." not in box.domain and not box.domain.startswith(b"["):
            text = f'the domain "{_shown(box.domain)}" is not fully qualified'
            yield _box_flaw(draft, text, field, box)


@rule(
    "ADR003",
    "address-obsolete",
    Severity.WARNING,
    "RFC 5322 section 4.4",
    fix="Write the plain address, without route, spaces and comments, and one comma between two.",
)
def obsolete(draft: Draft) -> Iterator[Flaw]:
    """An address is written in a form that may be read, but no longer written.

    That is a source route (<@relay.example:ada@example.org>), a comma with nothing beside it,
    spaces or comments inside the address, or a local part in several quoted pieces. Many parsers
    don't know these forms: they drop the address, or read another one.

    Join addresses with a mail library; leave empty strings out of the list before joining.
    """
    yield from _troubles(draft, TroubleKind.OBSOLETE)


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
    yield from _troubles(draft, TroubleKind.UNQUOTED)


@rule(
    "ADR005",
    "display-name-holds-address",
    Severity.WARNING,
    "practice: SpamAssassin FROMNAME_SPOOFED_EMAIL, Gmail's sender guidelines",
    fix="Write a name into the display name, and the address into the angle brackets only.",
)
def name_holds_address(draft: Draft) -> Iterator[Flaw]:
    """A display name holds an address, and it is another one than the field's own.

    Most readers show the name alone: whoever reads "ceo@bank.example" believes that it is from
    there. Gmail and spam filters take it for an impersonation. The same address twice is fine.

    Write the name of the person, and give their address in Reply-To if you send in their name.
    """
    for field, box in draft.mailboxes:
        if b"@" not in box.phrase and b"=?" not in box.phrase:
            continue
        own = box.address.decode("utf-8", "replace").lower()
        name = decode_words(display_name(box.phrase[:MAX_PHRASE]))
        found = next((one[0] for one in _ADDRESS.finditer(name) if one[0].lower() != own), None)
        if found is not None:
            text = (
                f"the display name holds {ascii(found)[1:-1]}, the address is {_shown(box.address)}"
            )
            yield _box_flaw(draft, text, field, box)


def _unroutable(draft: Draft) -> Iterator[Flaw]:
    for field, box in draft.mailboxes:
        reason = ""
        if len(box.local) > MAX_LOCAL:
            reason = f"the local part has {len(box.local)} octets (at most {MAX_LOCAL})"
        elif not box.domain.startswith(b"[") and not _HOST.fullmatch(box.domain):
            reason = "the domain is no host name"
        elif len(box.domain) > MAX_DOMAIN:
            reason = f"the domain has {len(box.domain)} octets (at most {MAX_DOMAIN})"
        if reason:
            yield _box_flaw(draft, f"{reason}, in the {field.name} field", field, box)


def _troubles(draft: Draft, kind: TroubleKind) -> Iterator[Flaw]:
    for field, read in draft.address_lists:
        for trouble in read.obsolete if kind is TroubleKind.OBSOLETE else read.troubles:
            if trouble.kind is kind:
                start, end = field.value_start + trouble.start, field.value_start + trouble.end
                yield draft.flaw(f"{trouble.text}, in the {field.name} field", start, end)


def _box_flaw(
    draft: Draft, text: str, field: Field, box: Mailbox, severity: Severity | None = None
) -> Flaw:
    start, end = field.value_start + box.start, field.value_start + box.end
    return draft.flaw(text, start, end, severity=severity)


def _shown(octets: bytes) -> str:
    return ascii(octets[:64].decode("utf-8", "replace"))[1:-1]


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
    obsolete,
    unquoted_specials,
    name_holds_address,
    domain_takes_no_mail,
)
