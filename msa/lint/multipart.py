"""MIM: how the parts of a multipart belong together (RFC 2046 section 5.1, RFC 2387, RFC 2392)."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.structured import blank_comments
from msa.message.tree import MAX_DEPTH, Part

MAX_REFERENCES = 1_000  # of one page that are looked up

_CONTENT_ID = re.compile(rb"<[^<>@\s]+@[^<>@\s]+>")
# The parameters without which nobody knows what a multipart is (RFC 6522, RFC 1847).
_NEEDED = {
    "multipart/report": ("report-type",),
    "multipart/signed": ("protocol", "micalg"),
    "multipart/encrypted": ("protocol",),
}


@rule(
    "MIM008",
    "alternatives-odd",
    Severity.WARNING,
    "RFC 2046 section 5.1.4",
    fix="Put text/plain first and text/html last, one part of each type.",
)
def alternatives_odd(draft: Draft) -> Iterator[Flaw]:
    """The alternatives of a text stand in the wrong order, or there is no choice between them.

    Readers show the last alternative that they understand: with HTML before plain text, all show
    the plain text. A single alternative, two of one type, and a multipart without any part are
    signs of a program that lost something.

    Add the plain text first, then the HTML; put attachments in a multipart/mixed around both.
    """
    for part in draft.parts:
        found = part.delimiters
        if found is None or not (found.opened and found.closed):
            continue  # MIM003 and MIM004 tell the cause
        trouble = ""
        if not part.parts:
            trouble = "" if draft.message.caps else "the multipart has no parts"
        elif part.type == "multipart/alternative":
            trouble = _trouble([_shown_type(child) for child in part.parts])
        if trouble:
            field = draft.named(part, "content-type")[0]
            yield draft.flaw(trouble, field.start, field.end, part)


def _trouble(types: list[str]) -> str:
    if len(types) == 1:
        return "the multipart/alternative has a single part"
    twice = next((kind for kind in ("text/plain", "text/html") if types.count(kind) > 1), None)
    if twice:
        return f"the multipart/alternative has {types.count(twice)} parts of type {twice}"
    if "text/html" in types and "text/plain" in types[types.index("text/html") :]:
        return "the HTML stands before the plain text"
    return ""


def _shown_type(part: Part) -> str:
    # A page with its pictures counts as the page.
    for _ in range(MAX_DEPTH):
        if part.type != "multipart/related" or not part.parts:
            break
        part = part.parts[0]
    return part.type


@rule(
    "MIM009",
    "content-id-broken",
    Severity.ERROR,
    "RFC 2392",
    fix='Give the picture Content-ID: <logo@acme.example>, and write src="cid:logo@acme.example".',
)
def content_id_broken(draft: Draft) -> Iterator[Flaw]:
    """A cid: link has no part, a Content-ID is broken, or a multipart lacks what it needs.

    Then the picture is missing in the mail. Two parts with one Content-ID, and one without angle
    brackets, are found by some readers only; one without "@" is only mentioned. multipart/report
    needs report-type, /signed protocol and micalg, /encrypted protocol. multipart/related should
    name its type, which is mentioned except in the profile txn.

    Make the Content-ID with a function (in Python email.utils.make_msgid), and use it without its
    brackets in the link.
    """
    known: set[bytes] = set()
    for part in draft.parts:
        for field in draft.named(part, "content-id"):
            value = blank_comments(draft.value(field)).strip()
            name = value.strip(b"<>")
            if name in known:
                text = "the Content-ID is that of another part"
                yield draft.flaw(text, field.start, field.end, part)
            elif not _CONTENT_ID.fullmatch(value):
                yield _bad_id(draft, part, value)
            known.add(name)
    for part in draft.parts:
        if part.delimiters is not None:
            yield from _needed(draft, part)
    yield from _dangling(draft, known)


def _bad_id(draft: Draft, part: Part, value: bytes) -> Flaw:
    field = draft.named(part, "content-id")[0]
    if value.startswith(b"<") and value.endswith(b">") and len(value) > 2 and b" " not in value:
        text, severity = "the Content-ID has no @", Severity.INFO  # all readers take it
    else:
        text, severity = "the Content-ID is not of the form <name@domain>", Severity.ERROR
    return draft.flaw(text, field.start, field.end, part, severity=severity)


def _needed(draft: Draft, part: Part) -> Iterator[Flaw]:
    field = draft.named(part, "content-type")[0]
    for name in _NEEDED.get(part.type, ()):
        if not part.parameters.value(name):
            text = f"the {part.type} has no {name} parameter"
            yield draft.flaw(text, field.start, field.end, part)
    unnamed = part.type == "multipart/related" and not part.parameters.value("type")
    if unnamed and draft.profile != "txn":  # Python's library leaves it out, and no reader minds
        text = "the multipart/related does not name the type of its first part"
        yield draft.flaw(text, field.start, field.end, part, severity=Severity.INFO)


def _dangling(draft: Draft, known: set[bytes]) -> Iterator[Flaw]:
    for page in draft.pages:
        seen: set[str] = set()
        names_parts = "\ncid:" in page.url_text.lower()
        for reference in page.references[:MAX_REFERENCES] if names_parts else ():
            url = reference.url
            if url[:4].lower() != "cid:" or url in seen:
                continue
            seen.add(url)
            if unquote_to_bytes(url[4:]) not in known:
                start, end = page.element_span(reference.element, reference.attribute)
                yield draft.flaw("no part has the Content-ID of this link", start, end, page.part)


RULES: tuple[Rule, ...] = (
    alternatives_odd,
    content_id_broken,
)
