"""MIM: attachments, and what is too much of them (RFC 2183, RFC 2231, RFC 2046 section 5.2)."""

import re
from collections.abc import Iterator

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.structured import Structured, parameter
from msa.message.tree import MAX_DEPTH, MAX_PARTS, Field, Part

# Types that Gmail refuses (support.google.com/mail/answer/6590); in archives, too.
_BLOCKED_TYPES = (
    "ade adp apk appx appxbundle bat cab chm cmd com cpl diagcab diagcfg diagpkg dll dmg ex ex_ "
    "exe hta img ins iso isp jar jnlp js jse lib lnk mde mjs msc msi msix msixbundle msp mst nsh "
    "pif ps1 scr sct shb sys vb vbe vbs vhd vxd wsc wsf wsh xll"
)
_BLOCKED = frozenset(_BLOCKED_TYPES.split())
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.IGNORECASE)
_ENCODED_WORD = re.compile(rb"=\?[^?\s]{1,60}\?[bq]\?", re.IGNORECASE)


@rule(
    "MIM010",
    "attachment-name",
    Severity.WARNING,
    "RFC 2183 section 2.3",
    fix='Write Content-Disposition: attachment; filename="invoice.pdf", other letters by RFC 2231.',
)
def attachment_name(draft: Draft) -> Iterator[Flaw]:
    """An attachment has no name, a name in the wrong place or form, or one that is refused.

    Without filename in Content-Disposition readers save "noname" or "part 2". An encoded-word
    (=?utf-8?...?=) is not decoded there by all; RFC 2231 has filename*=utf-8''... for that. A name
    with a folder in it, and a type that Gmail blocks (.exe, .js, .iso, ...), are errors.

    Let the mail library write the name; pass it the name of the file without its path. Send a link
    to programs.
    """
    for part in draft.parts:
        if part.delimiters is None:
            yield from _name_flaws(draft, part)


def _name_flaws(draft: Draft, part: Part) -> Iterator[Flaw]:
    disposition = draft.disposition(part)
    types = part.parameters
    file_name, name = parameter(disposition, "filename"), parameter(types, "name")
    if file_name is None and name is None:
        # An enclosed message is shown under its subject.
        if draft.is_attached(part) and not part.type.startswith("message/"):
            yield _at(draft, part, "content-disposition", "the attachment has no file name")
        return
    if file_name is not None:
        yield from _form_flaws(draft, part, disposition, "filename", file_name)
    elif name is not None and not part.type.startswith(("text/", "message/")):
        text = "the file name stands in Content-Type only"
        yield _at(draft, part, "content-type", text)
    if name is not None and name != file_name:
        yield from _form_flaws(draft, part, types, "name", name, coded=file_name is None)


def _form_flaws(
    draft: Draft, part: Part, where: Structured, key: str, name: str, *, coded: bool = True
) -> Iterator[Flaw]:
    field = "content-disposition" if key == "filename" else "content-type"
    raw = next((value for found, value in where.parameters if found == key), b"")
    if coded and _ENCODED_WORD.match(raw) and not _extended(where, key):
        text = f"the {key} is an encoded-word, which has no meaning there"
        yield _at(draft, part, field, text)
    ending = name.rstrip(" .").rpartition(".")[2].lower() if "." in name else ""
    if "/" in name or "\\" in name:
        yield _at(draft, part, field, f"the {key} holds a folder", Severity.ERROR)
    elif _DEVICE.fullmatch(name.strip()):
        yield _at(draft, part, field, f"the {key} is that of a device in Windows")
    elif ending in _BLOCKED:
        yield _at(
            draft, part, field, f"Gmail refuses attachments of type .{ending}", Severity.ERROR
        )


def _extended(where: Structured, key: str) -> bool:
    return any(found.startswith(key + "*") for found, _ in where.parameters)


def _at(draft: Draft, part: Part, name: str, text: str, severity: Severity | None = None) -> Flaw:
    field: Field = draft.named(part, name)[0]
    return draft.flaw(text, field.start, field.end, part, severity=severity)


@rule(
    "MIM011",
    "structure-excessive",
    Severity.ERROR,
    "RFC 2046 section 5.2",
    fix="Send fewer parts, whole and in the message itself.",
)
def structure_excessive(draft: Draft) -> Iterator[Flaw]:
    """The message has more levels or parts than readers take, or parts that lie elsewhere.

    Over 100 levels or 1,000 parts servers refuse a message or stop looking: so does this check.
    message/partial (a piece of a message) and message/external-body (a file somewhere else) go
    past virus scanners, and no reader opens them any more.

    Put many files in one archive; send a link instead of an external body.
    """
    caps = draft.message.caps
    if "depth" in caps:
        text = f"more than {MAX_DEPTH} levels of parts; the rest is not looked at"
        yield draft.flaw(text, 0, draft.root.header.end)
    elif "scan" in caps:
        text = "the parts are nested so deep that the rest is not looked at"
        yield draft.flaw(text, 0, draft.root.header.end)
    if "parts" in caps:
        text = f"more than {MAX_PARTS} parts; the rest is not looked at"
        yield draft.flaw(text, 0, draft.root.header.end)
    for part in draft.parts:
        if part.type in ("message/partial", "message/external-body"):
            yield _at(draft, part, "content-type", f"no reader opens {part.type}")


RULES: tuple[Rule, ...] = (
    attachment_name,
    structure_excessive,
)
