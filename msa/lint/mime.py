"""MIM: the MIME structure (RFC 2045, RFC 2046)."""

import re
from collections.abc import Iterator

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.structured import blank_comments
from msa.message.tree import Field, Part

MAX_BOUNDARY = 70  # characters, RFC 2046 section 5.1.1

_MIME_FIELDS = (
    *("content-type", "content-transfer-encoding", "content-disposition", "content-id"),
    *("content-description", "content-language", "content-location"),
)
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-]")


@rule(
    "MIM001",
    "mime-version-missing",
    Severity.ERROR,
    "RFC 2045 section 4",
    fix="Add the field MIME-Version: 1.0.",
)
def version_missing(draft: Draft) -> Iterator[Flaw]:
    """The message has Content-* fields, but no MIME-Version: 1.0.

    A strict reader then takes the whole body for plain ASCII text: HTML, attachments and umlauts
    are shown as their source.

    Add the field; a mail library does it by itself.
    """
    versions = draft.fields.get("mime-version", ())
    first = next((draft.fields[name][0] for name in _MIME_FIELDS if name in draft.fields), None)
    if first is None:
        return
    for field in versions:
        version = b"".join(blank_comments(draft.value(field)).split())
        if version != b"1.0":
            text = "the MIME-Version field does not say 1.0"
            yield draft.flaw(text, field.start, field.end)
    if not versions and not draft.stray_named("mime-version"):
        text = f"the {first.name} field needs a MIME-Version field"
        yield draft.flaw(text, first.start, first.end)


@rule(
    "MIM003",
    "boundary-unusable",
    Severity.ERROR,
    "RFC 2046 section 5.1.1",
    fix='Give the multipart a boundary of 1 to 70 letters and digits: boundary="b7f3a91c".',
)
def boundary_unusable(draft: Draft) -> Iterator[Flaw]:
    """A multipart has no boundary parameter, or one that breaks the rules.

    It is missing, empty, longer than 70 characters, ends in a space or has an illegal character.
    Without a boundary nobody can find the parts: the reader sees the source.

    Let the mail library choose the boundary.
    """
    for part in draft.parts:
        if part.delimiters is not None:
            trouble = _boundary_trouble(part.delimiters.boundary)
            if trouble:
                field = _type_field(part)
                yield draft.flaw(trouble, field.start, field.end, part)


@rule(
    "MIM004",
    "boundary-unmatched",
    Severity.ERROR,
    "RFC 2046 section 5.1",
    fix="Write --boundary before each part and --boundary-- after the last, each on its own line.",
)
def boundary_unmatched(draft: Draft) -> Iterator[Flaw]:
    """A multipart's boundary never opens a part, or is never closed.

    If it never opens, the body is empty for readers; if it is never closed, the message looks
    truncated, and some servers refuse it.

    Compare the boundary parameter with the delimiter lines, character by character, and end with
    --boundary--.
    """
    caps = draft.message.caps
    for part in draft.parts:
        found = part.delimiters
        if found is None or not (found.boundary or b"").strip():
            continue  # MIM003 tells the cause
        field = _type_field(part)
        if not found.opened and not ("depth" in caps or "scan" in caps):
            yield draft.flaw("the boundary never opens a part", field.start, field.end, part)
        elif found.opened and not found.closed and "parts" not in caps:
            yield draft.flaw("the boundary is never closed", field.start, field.end, part)


def _boundary_trouble(boundary: bytes | None) -> str:
    if boundary is None:
        return "the multipart has no boundary parameter"
    if not boundary:
        return "the boundary is empty"
    if len(boundary) > MAX_BOUNDARY:
        return f"the boundary has {len(boundary)} characters (at most {MAX_BOUNDARY})"
    if boundary.endswith(b" "):
        return "the boundary ends in a space"
    return "" if _BOUNDARY.fullmatch(boundary) else "the boundary has an illegal character"


def _type_field(part: Part) -> Field:
    # A multipart is one because of this field, so it is there.
    return part.named("content-type")[0]


RULES: tuple[Rule, ...] = (
    version_missing,
    boundary_unusable,
    boundary_unmatched,
)
