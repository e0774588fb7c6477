"""SEC: MIME that two readers understand in two ways."""

from collections.abc import Iterator

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.structured import Structured, parameter, read_structured
from msa.message.tree import Field, Part

# Their value decides what a part is; a plain file name beside an extended one is a service.
_DECISIVE = ("boundary", "charset", "type", "protocol")


@rule(
    "SEC007",
    "mime-ambiguous",
    Severity.ERROR,
    "RFC 2045 section 5.1",
    fix="Say each thing once: one parameter of a name, one file name, no comment in the type.",
)
def ambiguous(draft: Draft) -> Iterator[Flaw]:
    """A MIME field says two things, and readers differ on which one counts.

    A parameter stands twice, or plain and in RFC 2231's form; the file name and the name in
    Content-Type have different endings; pieces of a value are missing; a comment stands in the
    type. A virus scanner that reads the one and a mail reader that reads the other is how
    attachments go past checks. Two names that differ otherwise are a warning.

    Build the fields with a mail library, from one file name. A second Content-Type field is
    HDR007's matter.
    """
    for part in draft.parts:
        types = draft.named(part, "content-type")
        if types:
            yield from _comment(draft, part, types[0])
            if len(part.parameters.parameters) > 1:
                yield from _repeated(draft, part, types[0], part.parameters)
        fields = draft.named(part, "content-disposition")
        if fields:
            disposition = draft.disposition(part)
            if len(disposition.parameters) > 1:
                yield from _repeated(draft, part, fields[0], disposition)
            yield from _two_names(draft, part, fields[0], disposition)


def _comment(draft: Draft, part: Part, field: Field) -> Iterator[Flaw]:
    value = draft.value(field)
    head = value.partition(b";")[0]
    at = head.find(b"(")
    # A comment behind the type is legal and harmless.
    if at >= 0 and (b"/" not in head[:at] or read_structured(head[:at]).token != part.type):
        start = field.value_start + at
        yield draft.flaw("a comment stands in the type", start, field.value_end, part)


def _repeated(draft: Draft, part: Part, field: Field, structured: Structured) -> Iterator[Flaw]:
    values: dict[str, bytes] = {}
    for name, value in structured.parameters:
        if name in values:
            severity = Severity.WARNING if values[name] == value else None
            text = f'the parameter "{_shown(name)}" stands twice'
            yield draft.flaw(text, field.start, field.end, part, severity=severity)
            return
        values[name] = value
    for name in values:
        base, mark, section = name.partition("*")
        if not mark:
            continue
        if base in values and (base in _DECISIVE or not _same_ending(structured, base, values)):
            text = f'the parameter "{_shown(base)}" stands plain and in pieces'
            yield draft.flaw(text, field.start, field.end, part)
            return
        if section not in ("", "0", "0*") and not _has_piece_before(values, base, section):
            text = f'a piece of the parameter "{_shown(base)}" is missing'
            yield draft.flaw(text, field.start, field.end, part)
            return


def _has_piece_before(values: dict[str, bytes], base: str, section: str) -> bool:
    number = section.rstrip("*")
    if not number.isdecimal() or len(number) > 3:
        return False
    before = f"{base}*{int(number) - 1}"
    return before in values or before + "*" in values


def _same_ending(structured: Structured, name: str, values: dict[str, bytes]) -> bool:
    extended = parameter(structured, name) or ""
    plain = values[name].decode("utf-8", "replace")
    return _ending(extended) == _ending(plain)


def _two_names(draft: Draft, part: Part, field: Field, disposition: Structured) -> Iterator[Flaw]:
    name = parameter(part.parameters, "name")
    if name is None:
        return
    file_name = parameter(disposition, "filename")
    if file_name is None or file_name == name:
        return
    severity = Severity.WARNING if _ending(file_name) == _ending(name) else None
    text = "filename and the name in Content-Type differ"
    yield draft.flaw(text, field.start, field.end, part, severity=severity)


def _ending(name: str) -> str:
    return name.strip().rpartition(".")[2].lower() if "." in name else ""


def _shown(name: str) -> str:
    return ascii(name[:40])[1:-1]


RULES: tuple[Rule, ...] = (ambiguous,)
