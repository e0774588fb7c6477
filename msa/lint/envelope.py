"""ENV: the paths of MAIL and RCPT (RFC 5321 section 4.1.2), and how the message fits to them."""

import ipaddress
import re
from collections.abc import Iterator
from itertools import islice

from msa.lint.domain import a_label
from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule

MAX_LOCAL = 64  # octets, RFC 5321 section 4.5.3.1.1
MAX_DOMAIN = 255  # octets, section 4.5.3.1.2
MAX_PATH = 254  # octets, section 4.5.3.1.3 without the two brackets
MAX_COMPARED = 1_000  # addresses of To and Cc that are looked for in the envelope
MAX_LABEL = 63  # octets, RFC 1035 section 2.3.4

_TEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_LOCAL = re.compile(rf'{_TEXT}(?:\.{_TEXT})*|"(?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*"')
_LABEL = re.compile(
    r"[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\u0080-\U0010ffff-]*[A-Za-z0-9\u0080-\U0010ffff])?"
)
# Nearly every path, in a third of the time; a short one keeps all limits.
_PLAIN = re.compile(
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@"
    r"[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)*"
)
_LITERAL = re.compile(r"\[(?:(IPv6):)?([!-Z^-~]+)\]", re.IGNORECASE)
_ROUTE = re.compile(r"@[^,:@]+(?:,@[^,:@]+)*:")


@rule(
    "ENV001",
    "path-syntax",
    Severity.ERROR,
    "RFC 5321 section 4.1.2",
    fix="Give MAIL and RCPT one plain address in angle brackets, as in <ada@example.org>.",
)
def path_syntax(draft: Draft) -> Iterator[Flaw]:
    """A path of the envelope is no mailbox, or is over a limit.

    Servers answer 501 or 553 to such a path, and the recipient gets nothing. The limits are 64
    octets for the local part, 255 for the domain and 256 for the whole path with its brackets.

    Pass the bare address to the mail library: the display name belongs in the header field only.
    """
    for path in _paths(draft):
        trouble = _trouble(path)
        if trouble:
            yield _flaw(f"{trouble} in the path <{_shown(path)}>", path)


@rule(
    "ENV002",
    "path-domain-unqualified",
    Severity.WARNING,
    "RFC 6409 section 4.2",
    fix="Use the full domain name, as in ada@mail.example.org.",
)
def domain_unqualified(draft: Draft) -> Iterator[Flaw]:
    """A domain of the envelope is not fully qualified.

    A name like "web1" or "localhost" means something on your network only: other servers can't
    reply or bounce to it, and most refuse it. A warning here, since such names are at home in
    development.

    Set the sender domain in the application's mail settings.
    """
    for path in _paths(draft):
        domain = _split(path)[1]
        if domain and "." not in domain and domain[0] != "[" and not _trouble(path):
            yield _flaw(f'the domain "{_shown(domain)}" is not fully qualified', path)


@rule(
    "ENV003",
    "path-not-ascii",
    Severity.ERROR,
    "RFC 6531 section 3.3",
    fix="Add SMTPUTF8 to MAIL when the server offers it, or use an ASCII address.",
)
def path_not_ascii(draft: Draft) -> Iterator[Flaw]:
    """A path holds octets over 127 without the SMTPUTF8 parameter, or is not UTF-8.

    Without SMTPUTF8 the next server doesn't expect such an address and refuses it.

    Ask for SMTPUTF8, or write the domain in its ASCII form (xn--...); a local part has none.
    """
    for path in _paths(draft):
        if path.isascii():
            continue
        if any("\ud800" <= character <= "\udfff" for character in path):
            yield _flaw(f"the path <{_shown(path)}> is not UTF-8", path)
        elif draft.envelope is not None and not draft.envelope.smtputf8:
            yield _flaw(f"the path <{_shown(path)}> is not ASCII, and SMTPUTF8 was not asked", path)


_EIGHT_BIT = re.compile(rb"[\x80-\xff]")


@rule(
    "ENV004",
    "body-8bit-undeclared",
    Severity.WARNING,
    "RFC 6152 section 3",
    fix="Say BODY=8BITMIME in MAIL when the server offers it, or encode the text as "
    "quoted-printable.",
)
def body_8bit(draft: Draft) -> Iterator[Flaw]:
    """The body holds octets over 127, but MAIL didn't say BODY=8BITMIME.

    A server that was told nothing may take the message for seven bits and clear the eighth, and
    it has no reason to encode it for a next server that takes only seven.

    Let the SMTP library say BODY=8BITMIME, or let the mail library encode the text
    (quoted-printable, base64), which needs no agreement at all.
    """
    envelope = draft.envelope
    if envelope is None or draft.is_ascii or envelope.body in ("8BITMIME", "BINARYMIME"):
        return
    found = _EIGHT_BIT.search(draft.content, draft.root.body.start)
    if found is not None:
        said = "without BODY in MAIL" if envelope.body is None else f"after BODY={envelope.body}"
        yield draft.flaw(f"the body is not ASCII, {said}", found.start(), len(draft.content))


@rule(
    "ENV005",
    "recipient-not-in-envelope",
    Severity.INFO,
    "RFC 5321 appendix B",
    fix="Give RCPT every address of To and Cc, or take the address out of the header.",
)
def not_in_envelope(draft: Draft) -> Iterator[Flaw]:
    """To or Cc names somebody whom no RCPT names, and who gets no copy of this message.

    Servers deliver to the envelope and never look into the header. Everybody who reads the
    message believes that this person has got it too.

    Pass all the recipients to the SMTP library. It is as it should be where a message is sent to
    each recipient alone; mailing lists (with a List-Id or List-Unsubscribe field) and messages
    that were sent again (Resent-To) are left out, and blind copies are not looked for.
    """
    if draft.envelope is None or draft.is_of_a_list or "resent-to" in draft.fields:
        return
    known = {_comparable(recipient.forward_path) for recipient in draft.envelope.recipients}
    named = (pair for pair in draft.mailboxes if pair[0].name.lower() in ("to", "cc"))
    for field, box in islice(named, MAX_COMPARED):
        address = box.address.decode("utf-8", "surrogateescape")
        if address.lower() not in known and _comparable(address) not in known:
            start, end = field.value_start + box.start, field.value_start + box.end
            text = f"{_shown(address)} stands in {field.name}, and no RCPT names it"
            yield draft.flaw(text, start, end)


@rule(
    "ENV006",
    "null-path-on-ordinary-message",
    Severity.WARNING,
    "RFC 5321 section 4.5.5",
    fix="Give MAIL FROM the address that bounces shall go to.",
)
def null_path(draft: Draft) -> Iterator[Flaw]:
    """The reverse-path is empty, as in MAIL FROM:<>, and the message is no report or auto-reply.

    The empty path is for bounces, receipts and automatic replies, so that nobody answers them. An
    ordinary message with it can't bounce: when it isn't delivered, nobody is told, and many
    filters count it as spam.

    Set the envelope sender (also called return path or bounce address) in the mail settings.
    """
    if draft.envelope is None or draft.envelope.reverse_path or _is_answer(draft):
        return
    yield Flaw("the reverse-path is empty, but the message is no report", None, "envelope")


def _is_answer(draft: Draft) -> bool:
    if draft.root.type in ("multipart/report", "message/disposition-notification"):
        return True
    values = (draft.value(field).lower() for field in draft.fields.get("auto-submitted", ()))
    return any(b"auto-replied" in value or b"auto-notified" in value for value in values)


def _comparable(path: str) -> str:
    """Return an address as one compares it: no route, small letters, the domain in ASCII."""
    local, domain = _split(path)
    if not domain.isascii():
        domain = a_label(domain) or domain
    return f"{local}@{domain}".lower()


def _paths(draft: Draft) -> Iterator[str]:
    if draft.envelope is not None:
        if draft.envelope.reverse_path:  # "" is the null reverse-path
            yield draft.envelope.reverse_path
        yield from (recipient.forward_path for recipient in draft.envelope.recipients)


def _split(path: str) -> tuple[str, str]:
    route = _ROUTE.match(path)
    mailbox = path[route.end() if route else 0 :]
    local, at, domain = mailbox.rpartition("@")
    return (local, domain) if at else (mailbox, "")


def _trouble(path: str) -> str:
    if len(path) <= MAX_LOCAL and _PLAIN.fullmatch(path):
        return ""
    if path.lower() == "postmaster":  # RFC 5321 section 4.5.1: the one path without a domain
        return ""
    local, domain = _split(path)
    if not domain or not local:
        return "no domain" if "@" not in path else "an empty local part or domain"
    return _too_long(path, local, domain) or _bad_local(local) or _bad_domain(domain)


def _too_long(path: str, local: str, domain: str) -> str:
    for what, text, limit in (
        ("a local part", local, MAX_LOCAL),
        ("a domain", domain, MAX_DOMAIN),
        ("a length", path, MAX_PATH),
    ):
        size = len(text.encode("utf-8", "surrogateescape"))
        if size > limit:
            return f"{what} of {size} octets (at most {limit})"
    return ""


def _bad_local(local: str) -> str:
    return "" if _LOCAL.fullmatch(local) else "a local part that is neither dotted nor quoted"


def _bad_domain(domain: str) -> str:
    if domain.startswith("["):
        return "" if _literal_is_good(domain) else "an address literal that is none"
    for label in domain.split("."):
        if not _LABEL.fullmatch(label) or len(label) > MAX_LABEL:
            return f'a domain with the label "{_shown(label)}"'
    return ""


def _literal_is_good(domain: str) -> bool:
    found = _LITERAL.fullmatch(domain)
    if found is None:
        return False
    try:
        ipaddress.IPv6Address(found[2]) if found[1] else ipaddress.IPv4Address(found[2])
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    return ascii(text[:MAX_LOCAL])[1:-1]


def _flaw(text: str, path: str) -> Flaw:
    return Flaw(text, None, "envelope", path.encode("utf-8", "surrogateescape"))


RULES: tuple[Rule, ...] = (
    path_syntax,
    domain_unqualified,
    path_not_ascii,
    body_8bit,
    not_in_envelope,
    null_path,
)
