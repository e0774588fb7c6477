"""ADR: whether the domains of addresses are what they seem, and whether anybody is there."""

from collections.abc import Iterator
from itertools import islice

from msa.lint.domain import a_label, is_mixed, is_reserved, is_twin, meant, u_label
from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.optional import is_robot
from msa.lint.rule import Rule, rule
from msa.message.mailbox import Mailbox
from msa.message.tree import Field

MAX_FOREIGN = 1_000  # addresses of one message whose domains are looked at: 0.1 ms each
_REAL = ("prod", "strict")  # profiles of mail that real recipients will get


@rule(
    "ADR006",
    "address-international",
    Severity.ERROR,
    "RFC 6531 section 3.3; RFC 5891 section 5",
    fix="Write the domain in its ASCII form (xn--...), or ask for SMTPUTF8.",
)
def international(draft: Draft) -> Iterator[Flaw]:
    """An address of the header is not ASCII without SMTPUTF8, or its domain can't exist.

    A server that wasn't asked for SMTPUTF8 refuses such a message or garbles the address. A
    domain has an ASCII form, which works everywhere: the finding gives it. A local part has none.
    A domain that IDNA 2008 doesn't allow (an emoji, a broken xn-- label) can't be looked up.

    Turn domains into ASCII when addresses are entered (in Python with the package idna).
    """
    asked = draft.envelope is not None and draft.envelope.smtputf8
    for field, box, local, domain in _foreign(draft):
        known = a_label(domain) if not domain.isascii() else u_label(domain)
        if known is None:
            text = f'"{_shown(domain)}" is no domain name of IDNA 2008'
            yield _flaw(draft, text, field, box)
        elif not asked and not local.isascii():
            text = f'the local part "{_shown(local)}" is not ASCII, and SMTPUTF8 was not asked'
            yield _flaw(draft, text, field, box)
        elif not asked and not domain.isascii():
            text = f'"{_shown(domain)}" is not ASCII, and SMTPUTF8 was not asked; write {known}'
            yield _flaw(draft, text, field, box)


@rule(
    "ADR007",
    "domain-confusable",
    Severity.WARNING,
    "UTS 39 section 5.2",
    fix="Look at the domain letter by letter; use one whose letters are of one script.",
)
def confusable(draft: Draft) -> Iterator[Flaw]:
    """A domain mixes scripts that no language mixes, or is spelled in twins of Latin letters.

    A Cyrillic letter among Latin ones, or a whole name of Cyrillic letters that look Latin, is how
    domains are forged. Gmail refuses such addresses (UTS 39, "Highly Restrictive"). Latin beside
    the scripts of Chinese, Japanese or Korean is usual and fine.

    Such an address rarely comes from a keyboard: ask where it was copied from.
    """
    for field, box, _, domain in _foreign(draft):
        labels = (u_label(domain) or "").split(".")
        for label in labels:
            if is_mixed(label):
                text = f'the label "{_shown(label)}" mixes scripts'
            elif is_twin(label) and labels[-1].isascii():
                text = f'the label "{_shown(label)}" looks Latin, and is not'
            else:
                continue
            yield _flaw(draft, text, field, box)


@rule(
    "ADR008",
    "address-doubtful",
    Severity.WARNING,
    "RFC 2606; RFC 6761; practice",
    fix="Correct the domain, or ask the user for the address again.",
)
def doubtful(draft: Draft) -> Iterator[Flaw]:
    """A domain is probably a slip (gmial.com), or nobody can be reached there.

    Mail to a slip goes to strangers or bounces, and bounces cost the good name of the sender.
    Names that are reserved for tests and local networks (.test, .invalid, .local, example.com)
    are at home in development; the profiles prod and strict warn of them. Those and bulk mention
    an author like no-reply@ without a Reply-To: Microsoft and Yahoo want an address that answers.

    Suggest the correction where users type their address, and confirm it by a first mail.
    """
    slips: dict[str, str | None] = {}
    for field, box in draft.mailboxes:
        domain = box.domain.decode("utf-8", "replace").lower()
        if domain not in slips:
            slips[domain] = meant(domain)
        provider = slips[domain]
        if provider is not None:
            yield _flaw(draft, f'"{_shown(domain)}" is probably a slip of {provider}', field, box)
        elif draft.profile in _REAL and is_reserved(domain):
            yield _flaw(draft, f'"{_shown(domain)}" is reserved and reaches nobody', field, box)
    if draft.profile != "txn" and "reply-to" not in draft.fields:
        yield from _unanswerable(draft)


def _unanswerable(draft: Draft) -> Iterator[Flaw]:
    for field, box in draft.mailboxes:
        if field.name.lower() == "from" and is_robot(box.local):
            shown = _shown(box.local.decode("utf-8", "replace"))
            text = f"answers go to {shown}, and there is no Reply-To"
            yield _flaw(draft, text, field, box, Severity.INFO)


def _foreign(draft: Draft) -> Iterator[tuple[Field, Mailbox, str, str]]:
    """Yield the addresses with other letters than ASCII's, also in disguise: local and domain."""
    foreign = (
        (field, box)
        for field, box in draft.mailboxes
        if not box.address.isascii() or b"xn--" in box.domain.lower()
    )
    for field, box in islice(foreign, MAX_FOREIGN):
        try:
            yield field, box, box.local.decode("utf-8"), box.domain.decode("utf-8").lower()
        except UnicodeDecodeError:
            continue  # HDR014 tells


def _flaw(
    draft: Draft, text: str, field: Field, box: Mailbox, severity: Severity | None = None
) -> Flaw:
    start, end = field.value_start + box.start, field.value_start + box.end
    return draft.flaw(text, start, end, severity=severity)


def _shown(text: str) -> str:
    return ascii(text[:64])[1:-1]


RULES: tuple[Rule, ...] = (
    international,
    confusable,
    doubtful,
)
