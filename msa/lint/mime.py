"""MIM: the fields and boundaries of the MIME structure (RFC 2045, RFC 2046)."""

import re
from collections.abc import Iterator

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.grammar import Breach, breach_of_type, breach_of_word
from msa.message.structured import blank_comments
from msa.message.tree import Field, Part

MAX_BOUNDARY = 70  # characters, RFC 2046 section 5.1.1

_MIME_FIELDS = (
    *("content-type", "content-transfer-encoding", "content-disposition", "content-id"),
    *("content-description", "content-language", "content-location"),
)
_ENCODINGS = frozenset(("7bit", "8bit", "binary", "quoted-printable", "base64"))
# message/global and its kin may be encoded (RFC 6532 section 3.7, RFC 6533).
_MAY_BE_ENCODED = "message/global"
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
    "MIM002",
    "mime-field-unreadable",
    Severity.ERROR,
    "RFC 2045 section 5.1",
    fix='Write type/subtype; name=value, and quote values with special characters: name="a b".',
)
def field_unreadable(draft: Draft) -> Iterator[Flaw]:
    """A Content-Type or Content-Disposition field doesn't follow its grammar.

    What can't be read counts as text/plain in ASCII, or ends in the middle: a file name is cut at
    its first space, a boundary at its first "=". A semicolon at the end is only mentioned.

    Let the mail library write the field; give it the parameters apart from the type.
    """
    for part in draft.parts:
        for field in draft.named(part, "content-type"):
            yield from _breach_flaws(draft, part, field, breach_of_type(draft.value(field)))
        for field in draft.named(part, "content-disposition"):
            yield from _breach_flaws(draft, part, field, breach_of_word(draft.value(field)))


def _breach_flaws(draft: Draft, part: Part, field: Field, breach: Breach | None) -> Iterator[Flaw]:
    if breach is None:
        return
    start = field.value_start + breach.at
    if draft.content.find(b"=?", start, field.value_end) >= 0:
        return  # an encoded-word that isn't quoted: MIM010 tells
    severity = Severity.INFO if breach.harmless else None
    text = f"the {field.name} field {breach.text}"
    yield draft.flaw(text, start, field.value_end, part, severity=severity)


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
    colliding = {part.path for part, _ in _collisions(draft)}
    for part in draft.parts:
        found = part.delimiters
        if found is None or not (found.boundary or b"").strip() or part.path in colliding:
            continue  # MIM003 or MIM005 tells the cause
        field = _type_field(part)
        if not found.opened and not ("depth" in caps or "scan" in caps):
            yield draft.flaw("the boundary never opens a part", field.start, field.end, part)
        elif found.opened and not found.closed and "parts" not in caps:
            yield draft.flaw("the boundary is never closed", field.start, field.end, part)


@rule(
    "MIM005",
    "boundary-collision",
    Severity.ERROR,
    "RFC 2046 section 5.1.2",
    fix="Give each multipart a boundary of its own that begins no other, and no line of a part.",
)
def boundary_collision(draft: Draft) -> Iterator[Flaw]:
    """A boundary occurs where it doesn't end a part: in a nested multipart or inside a part.

    A nested multipart has the boundary of the one around it, or one of the two begins with the
    other; or a line of a part begins like a delimiter. RFC 2046 compares only the beginning of a
    line, so some readers end the part there, and parts are lost or shown as text.

    Choose long random boundaries, as mail libraries do, instead of counting b1, b2, ... b10.
    """
    told = set()
    for part, around in _collisions(draft):
        told.add(around.path)
        field = _type_field(part)
        text = "the boundary collides with that of the multipart around it"
        yield draft.flaw(text, field.start, field.end, part)
    for part in draft.parts:
        found = part.delimiters
        if found is not None and found.look_alike is not None and part.path not in told:
            at = found.look_alike
            stop = draft.content.find(b"\n", at, part.body.end)
            end = part.body.end if stop < 0 else stop
            text = "a line begins with the boundary and goes on"
            yield draft.flaw(text, at, end, part)


def _collisions(draft: Draft) -> Iterator[tuple[Part, Part]]:
    """Yield each multipart whose boundary begins like one around it, or the other way round."""
    around: dict[str, Part] = {}
    for part in draft.parts:
        if part.delimiters is None or not part.delimiters.boundary:
            continue
        own = part.delimiters.boundary
        path = part.path
        while path:
            path = path.rpartition(".")[0]
            other = around.get(path)
            if other is not None and _collide(own, other):
                yield part, other
                break
        around[part.path] = part


def _collide(boundary: bytes, other: Part) -> bool:
    assert other.delimiters is not None  # only multiparts are asked about
    theirs = other.delimiters.boundary or b""
    return boundary.startswith(theirs) or theirs.startswith(boundary)


@rule(
    "MIM006",
    "multipart-encoded",
    Severity.ERROR,
    "RFC 2045 section 6.4",
    fix="Take the Content-Transfer-Encoding field off the multipart; encode the parts in it.",
)
def multipart_encoded(draft: Draft) -> Iterator[Flaw]:
    """A multipart or an enclosed message says that it is quoted-printable or base64.

    Only single parts may be encoded. Readers that believe the label destroy the parts; others
    ignore it; some servers refuse the message.

    Don't copy the encoding of a part to the multipart around it.
    """
    for part in draft.parts:
        if part.encoding not in ("quoted-printable", "base64"):
            continue
        if part.type.startswith(("multipart/", "message/")) and not part.type.startswith(
            _MAY_BE_ENCODED
        ):
            field = draft.named(part, "content-transfer-encoding")[0]
            yield draft.flaw(f"{part.type} must not be encoded", field.start, field.end, part)


@rule(
    "MIM007",
    "transfer-encoding-unknown",
    Severity.ERROR,
    "RFC 2045 section 6.1",
    fix="Write 7bit, 8bit, quoted-printable or base64; a charset belongs to Content-Type.",
)
def encoding_unknown(draft: Draft) -> Iterator[Flaw]:
    """A Content-Transfer-Encoding is none that mail knows.

    Readers must then take the part for unknown octets (RFC 2045 section 6.4): they offer a
    download instead of showing the text. Often the name of a charset, or "8-bit", was written.

    Let the mail library choose the encoding.
    """
    for part in draft.parts:
        for field in draft.named(part, "content-transfer-encoding")[:1]:
            word = blank_comments(draft.value(field)).strip().lower()
            if word.decode("latin-1") not in _ENCODINGS:
                text = "the transfer encoding is none that mail knows"
                yield draft.flaw(text, field.start, field.end, part)


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
    field_unreadable,
    boundary_unusable,
    boundary_unmatched,
    boundary_collision,
    multipart_encoded,
    encoding_unknown,
)
