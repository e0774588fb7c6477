"""LST: fields of mailing lists and of bulk mail (RFC 2369, RFC 2919, RFC 8058)."""

import re
from collections.abc import Iterator
from itertools import islice

from msa.auth.tags import read_tags
from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.structured import blank_comments
from msa.message.tree import Field

MAX_SIGNATURES = 20  # of one message that are read
MAX_URIS = 20  # of one field that are read; RFC 2369 gives no number, and readers take the first

_LISTS = (
    *("list-unsubscribe", "list-subscribe", "list-help", "list-post", "list-owner"),
    "list-archive",
)
_ONE_CLICK = b"list-unsubscribe=one-click"
_BRACKETED = re.compile(rb"[ \t\r\n]*<([^<>]*)>[ \t\r\n]*(,|\Z)")
_URI = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:[!-;=?-~]+")
_LIST_ID = re.compile(rb"[^<>]*<([^<>\s]+)>")


@rule(
    "LST001",
    "unsubscribe-missing",
    Severity.ERROR,
    "RFC 2369 section 3.2",
    fix="Add List-Unsubscribe: <https://...>, <mailto:...> with an address for this recipient.",
    profiles={"txn": None},
)
def unsubscribe_missing(draft: Draft) -> Iterator[Flaw]:
    """Bulk mail has no List-Unsubscribe field.

    Gmail and Yahoo demand it of all who send bulk mail (since 2024), and count complaints of
    people who found no other way out. In the profile bulk every message needs it; elsewhere those
    that say they are bulk, by Precedence or List-Id. Transactional mail is exempt.

    Give each recipient an address of their own, and take them off the list when it is called.
    """
    if "list-unsubscribe" in draft.fields or draft.stray_named("list-unsubscribe"):
        return
    sign = _sign_of_bulk(draft)
    if sign is not None:
        yield draft.flaw("bulk mail has no List-Unsubscribe field", sign.start, sign.end)
    elif draft.profile == "bulk":
        yield draft.flaw("bulk mail has no List-Unsubscribe field", 0, 0)


@rule(
    "LST002",
    "one-click-missing",
    Severity.ERROR,
    "RFC 8058 section 3.1",
    fix="Add List-Unsubscribe-Post: List-Unsubscribe=One-Click, with exactly this value.",
)
def one_click_missing(draft: Draft) -> Iterator[Flaw]:
    """The List-Unsubscribe-Post field is missing in bulk mail, or has another value.

    With it, readers show an unsubscribe button that works without a visit to a page; Gmail and
    Yahoo demand it of bulk mail. Its only value is List-Unsubscribe=One-Click. In the profile bulk
    it must be there; elsewhere only a wrong value is found.

    Answer a POST to the address in List-Unsubscribe with nothing but the deed: no login, no page
    that asks again.
    """
    posts = draft.fields.get("list-unsubscribe-post", ())
    for field in posts:
        if draft.value(field).strip().lower() != _ONE_CLICK:
            text = "the List-Unsubscribe-Post field does not say List-Unsubscribe=One-Click"
            yield draft.flaw(text, field.start, field.end)
    if not posts and draft.profile == "bulk" and not draft.stray_named("list-unsubscribe-post"):
        for field in draft.fields.get("list-unsubscribe", ())[:1]:
            text = "bulk mail has no List-Unsubscribe-Post field"
            yield draft.flaw(text, field.start, field.end)


@rule(
    "LST003",
    "one-click-without-https",
    Severity.ERROR,
    "RFC 8058 section 3.1",
    fix="Put an https: address in List-Unsubscribe: <https://acme.example/unsubscribe?u=7f3a>.",
)
def one_click_without_https(draft: Draft) -> Iterator[Flaw]:
    """One-click unsubscription is announced, but List-Unsubscribe has no https: address.

    The reader has nowhere to send its POST to, so it shows no button, and the sender counts as one
    without.

    Give an https: address, and a mailto: beside it for readers that don't know one-click.
    """
    posts = draft.fields.get("list-unsubscribe-post", ())
    targets = draft.fields.get("list-unsubscribe", ())
    if posts and not any(b"<https:" in _squeezed(draft, field) for field in targets):
        text = "one-click needs an https: address in List-Unsubscribe"
        field = targets[0] if targets else posts[0]
        yield draft.flaw(text, field.start, field.end)


@rule(
    "LST004",
    "list-field-syntax",
    Severity.ERROR,
    "RFC 2369 section 2",
    fix="Write each address in angle brackets with commas between: <https://...>, <mailto:...>.",
)
def list_field_syntax(draft: Draft) -> Iterator[Flaw]:
    """A List-* field doesn't follow its syntax.

    Its addresses stand in angle brackets, with commas between them, and each is a URI; List-Id
    has <a.name.with.dots>. Readers ignore what they can't read, and show no button. Some libraries
    turn a long address into an encoded-word: no reader decodes one here.

    Give the library the brackets, too, and forbid it to encode or break the address.
    """
    for name in _LISTS:
        for field in draft.fields.get(name, ()):
            yield from _uri_flaws(draft, field)
    for field in draft.fields.get("list-id", ()):
        found = _LIST_ID.fullmatch(blank_comments(draft.value(field)).strip())
        if found is None:
            text = "the List-Id field has no <list.domain>"
            yield draft.flaw(text, field.start, field.end)
        elif b"." not in found[1]:
            text = "the List-Id has no dot: it should end in a domain of yours"
            yield draft.flaw(text, field.start, field.end, severity=Severity.WARNING)


def _uri_flaws(draft: Draft, field: Field) -> Iterator[Flaw]:
    value = blank_comments(draft.value(field))
    if field.name.lower() == "list-post" and value.strip().upper() == b"NO":
        return  # RFC 2369 section 3.4
    at = 0
    for _ in range(MAX_URIS):
        found = _BRACKETED.match(value, at)
        if found is None:
            yield _unbracketed(draft, field, value, at)
            return
        start, end = (field.value_start + index for index in found.span(1))
        uri = b"".join(found[1].split())
        if not _URI.fullmatch(uri):
            yield draft.flaw(f"the {field.name} field holds no URI", start, end)
        elif len(uri) != len(found[1]):
            text = f"the address in the {field.name} field is broken by a space"
            yield draft.flaw(text, start, end, severity=Severity.WARNING)
        at = found.end()
        if not found[2]:
            return


def _unbracketed(draft: Draft, field: Field, value: bytes, at: int) -> Flaw:
    rest = value[at:]
    start = field.value_start + at + len(rest) - len(rest.lstrip())
    if b"=?" in rest:
        text = f"the {field.name} field is an encoded-word, which no reader decodes there"
    elif not rest.strip():
        text = f"the {field.name} field ends without an address"
    else:
        text = f"the {field.name} field is no list of addresses in angle brackets"
    return draft.flaw(text, min(start, field.value_end), field.value_end)


@rule(
    "LST005",
    "unsubscribe-unsigned",
    Severity.ERROR,
    "RFC 8058 section 4",
    fix="Let the DKIM signature cover List-Unsubscribe and List-Unsubscribe-Post (its h= tag).",
    profiles={"txn": Severity.WARNING},
)
def unsubscribe_unsigned(draft: Draft) -> Iterator[Flaw]:
    """No DKIM signature covers the fields of one-click unsubscription.

    Anybody could have added them on the way, so readers must not show the button. A message
    without any signature isn't blamed here: it may be signed later.

    Add both names to the header fields that the signing program signs.
    """
    signatures = draft.fields.get("dkim-signature", ())
    posts = draft.fields.get("list-unsubscribe-post", ())
    if not signatures or not posts or "list-unsubscribe" not in draft.fields:
        return
    for field in islice(signatures, MAX_SIGNATURES):
        signed = read_tags(draft.value(field).decode("latin-1")).values.get("h", "")
        names = {name.strip().lower() for name in signed.split(":")}
        if {"list-unsubscribe", "list-unsubscribe-post"} <= names:
            return
    field = signatures[0]
    text = "the signature does not cover List-Unsubscribe and List-Unsubscribe-Post"
    yield draft.flaw(text, field.start, field.end)


def _sign_of_bulk(draft: Draft) -> Field | None:
    for field in draft.fields.get("precedence", ()):
        if draft.value(field).strip().lower() in (b"bulk", b"list"):
            return field
    return next(iter(draft.fields.get("list-id", ())), None)


def _squeezed(draft: Draft, field: Field) -> bytes:
    return b"".join(draft.value(field).split()).lower()


RULES: tuple[Rule, ...] = (
    unsubscribe_missing,
    one_click_missing,
    one_click_without_https,
    list_field_syntax,
    unsubscribe_unsigned,
)
