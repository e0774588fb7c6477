"""AUT: who answers for a message: signatures, and what DNS says of the sender."""

from collections.abc import Iterator

from msa.auth.arc import NAMES as ARC_NAMES
from msa.auth.arc import read_chain
from msa.auth.canonical import Line
from msa.auth.dkim import GOOD_BITS, MIN_BITS, Result
from msa.auth.names import organisation
from msa.auth.spf import Result as SpfResult
from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.tree import Field

# Where an application can't get an account for its own mail: the consumer domains of the big
# operators, chosen by hand and not complete.
FREE_MAIL = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), "Google"),
    **dict.fromkeys(("yahoo.com", "ymail.com", "rocketmail.com", "aol.com"), "Yahoo"),
    **dict.fromkeys(("yahoo.co.uk", "yahoo.de", "yahoo.fr", "yahoo.it", "yahoo.co.jp"), "Yahoo"),
    **dict.fromkeys(("outlook.com", "hotmail.com", "live.com", "msn.com"), "Microsoft"),
    **dict.fromkeys(("icloud.com", "me.com", "mac.com"), "Apple"),
    **dict.fromkeys(("gmx.de", "gmx.net", "gmx.com", "web.de", "mail.com"), "1&1"),
    **dict.fromkeys(("proton.me", "protonmail.com", "pm.me"), "Proton"),
    **dict.fromkeys(("mail.ru", "bk.ru", "inbox.ru", "list.ru"), "VK"),
    **dict.fromkeys(("yandex.ru", "yandex.com"), "Yandex"),
    **dict.fromkeys(("qq.com", "foxmail.com"), "Tencent"),
    **dict.fromkeys(("163.com", "126.com"), "NetEase"),
}


@rule(
    "AUT001",
    "dkim-missing",
    Severity.WARNING,
    "RFC 6376",
    fix="Sign with DKIM, or let the server that sends the mail on sign it.",
    profiles={"txn": None},
)
def dkim_missing(draft: Draft) -> Iterator[Flaw]:
    """The message carries no DKIM signature.

    Gmail and Yahoo want one from everybody who sends in bulk, and Microsoft refuses such mail
    with 550 5.7.515. Silent in the profile `txn`, since most applications leave signing to the
    server that they submit to.

    Turn signing on in the mail service, or ignore this rule where the service signs.
    """
    if "dkim-signature" not in draft.fields:
        yield draft.flaw("there is no DKIM-Signature field", 0, 0)


@rule(
    "AUT002",
    "dkim-broken",
    Severity.ERROR,
    "RFC 6376 section 6",
    fix="Sign last, after everything that changes the message, with the key that DNS publishes.",
)
def dkim_broken(draft: Draft) -> Iterator[Flaw]:
    """A DKIM signature, or the chain of ARC, does not verify with the key that DNS gives.

    Something changed the message after it was signed, or the key is missing, revoked or another
    one. Receivers treat the message as unsigned; where DMARC says reject, they refuse it. Silent
    until DNS is asked.

    Compare the key in DNS with the one that signs. When the body changed, look for what adds a
    footer, rewrites links or encodes lines after signing.
    """
    for (field, _), verdict in zip(draft.signatures, draft.facts.dkim or (), strict=False):
        if verdict.result is Result.PASS:
            continue
        severity = Severity.INFO if verdict.result is Result.TEMPERROR else None
        # What the field itself says wrong is AUT003's matter.
        if not _told_by_tags(draft, field):
            yield _over(draft, field, f"a signature fails: {verdict.reason}", severity)
    chain = draft.facts.arc
    if chain is not None and chain.result is not Result.PASS:
        seals = draft.fields.get("arc-seal", [])
        if seals and not _chain_trouble(draft)[0]:
            severity = Severity.INFO if chain.result is Result.TEMPERROR else None
            yield _over(draft, seals[0], f"the chain of ARC fails: {chain.reason}", severity)


@rule(
    "AUT003",
    "dkim-tags",
    Severity.ERROR,
    "RFC 6376 section 3.5, RFC 8301, RFC 8617",
    fix="Sign with rsa-sha256 and a key of 2048 bits, From in h=, without l=.",
)
def dkim_tags(draft: Draft) -> Iterator[Flaw]:
    """A signature field is built so that receivers ignore it, or so that others can abuse it.

    No receiver counts a signature with a tag that is missing or can't be read, without From among
    the signed fields, with rsa-sha1, with an x= that is past or before t=, or of a key shorter
    than 1024 bits. The sets of ARC must be complete and numbered from 1. An l= (anybody may append
    to the body) and a key under 2048 bits are warnings; the key is seen when DNS is asked.

    Use a maintained signing library with its defaults.
    """
    for field, reading in draft.signatures:
        for trouble in reading.troubles:
            severity = None if trouble.fatal else Severity.WARNING
            yield _over(draft, field, f"a DKIM signature: {trouble.text}", severity)
        expires_at = reading.signature.expires_at if reading.signature else None
        received_at = draft.facts.received_at
        if expires_at and received_at and expires_at < received_at.timestamp():
            text = f"a DKIM signature expired (x={expires_at}) before the message was submitted"
            yield _over(draft, field, text, None)
    for (field, _), verdict in zip(draft.signatures, draft.facts.dkim or (), strict=False):
        if verdict.key_bits is not None and MIN_BITS <= verdict.key_bits < GOOD_BITS:
            text = f"the key of a DKIM signature has {verdict.key_bits} bits (better {GOOD_BITS})"
            yield _over(draft, field, text, Severity.WARNING)
    trouble_text, at = _chain_trouble(draft)
    if at is not None:
        yield _over(draft, at, f"the chain of ARC: {trouble_text}", None)


def _told_by_tags(draft: Draft, field: Field) -> bool:
    return any(
        trouble.fatal
        for each, reading in draft.signatures
        if each is field
        for trouble in reading.troubles
    )


def _chain_trouble(draft: Draft) -> tuple[str, Field | None]:
    """Return what is wrong with the fields of ARC, and the field to blame."""
    if not any(name in draft.fields for name in ARC_NAMES):
        return "", None
    fields = [field for field in draft.root.fields if field.name.lower() in ARC_NAMES]
    lines = [
        Line(field.name.lower(), draft.content[field.start : field.value_end]) for field in fields
    ]
    chain = read_chain(lines)
    if not chain.trouble or chain.at is None:
        return "", None
    return chain.trouble, next(
        field for field, line in zip(fields, lines, strict=True) if line is chain.at
    )


@rule(
    "AUT004",
    "author-not-aligned",
    Severity.ERROR,
    "RFC 9989 section 4.4",
    fix="Sign with d= of the From domain, or use a MAIL FROM address of that domain.",
    profiles={"txn": None},
)
def not_aligned(draft: Draft) -> Iterator[Flaw]:
    """Neither a DKIM signature nor the reverse-path belongs to the domain of From.

    DMARC counts a signature or SPF only for the organisation that From names. When neither is of
    it, the message fails DMARC: Gmail, Yahoo and Microsoft refuse it or file it as spam. Silent
    in the profile `txn`, where applications submit from whatever host they run on.

    Set up the mail service with your own domain: its DKIM key, and its address for bounces.
    """
    author = draft.author_domain
    if author is None or "." not in author:
        return
    signers = [reading.domain for _, reading in draft.signatures if reading.domain]
    bouncing = draft.reverse_path_domain
    if not signers and bouncing is None:
        return
    record = draft.facts.dmarc.record if draft.facts.dmarc else None
    strict_dkim = record is not None and record.dkim == "strict"
    strict_spf = record is not None and record.spf == "strict"
    if any(_aligned(draft, author, signer, strict=strict_dkim) for signer in signers):
        return
    if bouncing is not None and _aligned(draft, author, bouncing, strict=strict_spf):
        return
    others = [f"d={signer}" for signer in dict.fromkeys(signers)]
    others += [f"MAIL FROM {bouncing}"] if bouncing else []
    text = f"{' and '.join(others[:3])}: not of the From domain {author}"
    yield _over(draft, draft.fields["from"][0], text, None)


def _aligned(draft: Draft, author: str, other: str, *, strict: bool) -> bool:
    if other == author or strict:
        return other == author
    facts = draft.facts
    if facts.dmarc is not None and facts.dmarc.record is not None:
        return facts.organisations.get(other, organisation(other)) == facts.dmarc.organisation
    return organisation(other) == organisation(author)


@rule(
    "AUT005",
    "dmarc-record",
    Severity.WARNING,
    "RFC 9989 section 4.7",
    fix='Publish one TXT record at _dmarc of the From domain, for example "v=DMARC1; p=none; '
    'rua=mailto:dmarc@acme.example".',
)
def dmarc_record(draft: Draft) -> Iterator[Flaw]:
    """The domain of From has no DMARC record, a broken one, or one with tags of the past.

    Gmail, Yahoo and Microsoft want a record, at least with p=none, from everybody who sends in
    bulk. RFC 9989 removed pct, rf and ri; who relies on them gets something else than wanted.
    Silent until DNS is asked.

    Ask who runs the domain's DNS to add or mend the record.
    """
    found = draft.facts.dmarc
    if found is None:
        return
    author = draft.fields["from"][0]
    if found.record is None:
        uncertain = not found.is_certain
        text = (
            f"DNS did not answer for _dmarc.{draft.author_domain}" if uncertain else found.trouble
        )
        yield _over(draft, author, text, Severity.INFO if uncertain else None)
        return
    for trouble in found.record.troubles:
        yield _over(draft, author, f"the DMARC record of {found.domain}: {trouble}", None)


@rule(
    "AUT006",
    "spf-record",
    Severity.WARNING,
    "RFC 7208 section 4.6.4",
    fix='Publish one TXT record at the MAIL FROM domain that begins with "v=spf1" and needs at '
    "most 10 look-ups.",
)
def spf_record(draft: Draft) -> Iterator[Flaw]:
    """The domain of MAIL FROM has no SPF record, several, or one that ends in an error.

    A record may ask DNS ten times, the records that it includes counted in, and twice in vain.
    With an error SPF counts as if it were missing. Without an envelope the domain of From is
    looked at. Silent until DNS is asked.

    Take out includes of services that you no longer use; merge two records into one.
    """
    outcome = draft.facts.spf
    if outcome is None:
        return
    severities: dict[SpfResult, Severity | None] = {
        SpfResult.NONE: None,
        SpfResult.PERMERROR: None,
        SpfResult.TEMPERROR: Severity.INFO,
    }
    if outcome.result not in severities:
        return
    text = f"the SPF of {draft.facts.spf_domain}: {outcome.reason}"
    severity = severities[outcome.result]
    if draft.envelope is not None:
        yield Flaw(text, None, "envelope", draft.facts.spf_domain.encode(), severity)
    else:
        yield _over(draft, draft.fields["from"][0], text, severity)


@rule(
    "AUT007",
    "author-at-free-mail",
    Severity.ERROR,
    "Gmail sender guidelines",
    fix="Send from a domain of your own, and put the person's address into Reply-To.",
    profiles={"txn": Severity.INFO},
)
def free_mail(draft: Draft) -> Iterator[Flaw]:
    """From names a mailbox at a free-mail provider, for which an application can't send.

    gmail.com, yahoo.com, outlook.com and their like publish DMARC policies: mail that their own
    servers didn't send fails, and Gmail files or refuses it as impersonation. Only for information
    in the profile `txn`. Fine when a signature of that provider is there.

    Use an address of your own domain; a user's address belongs into Reply-To.
    """
    author = draft.author_domain
    provider = FREE_MAIL.get(author or "")
    if provider is None or any(reading.domain == author for _, reading in draft.signatures):
        return
    text = f"From is an address at {author}, for which only {provider} can send"
    yield _over(draft, draft.fields["from"][0], text, None)


def _over(draft: Draft, field: Field, text: str, severity: Severity | None) -> Flaw:
    return draft.flaw(text, field.start, field.value_end, severity=severity)


RULES: tuple[Rule, ...] = (
    dkim_missing,
    dkim_broken,
    dkim_tags,
    not_aligned,
    dmarc_record,
    spf_record,
    free_mail,
)
