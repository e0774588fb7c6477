"""BOD: what the body says."""

import re
from collections.abc import Iterator
from itertools import islice

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.decoding import encoded_offsets
from msa.message.tree import Part
from msa.message.words import decode_words

MAX_LOOKED_AT = 200  # matches of one pattern in one text; code between backticks counts
MAX_FOUND = 50  # placeholders of one text that are placed; more are listed by no engine
MAX_LOOK_BACK = 500  # octets of a line that are searched for a backtick

# Each pattern with octets it can't be without. A single rare one is found or not in 0.1 us, since
# `in` then is memchr; a pair takes fifteen times as long.
_PLACEHOLDERS = tuple(
    (needle, re.compile(pattern))
    for needle, pattern in (
        (b"{", rb"\{\{[^{}\r\n]{1,100}\}\}"),
        (b"{", rb"\{%-?\s{0,9}[a-z][^%\r\n]{0,100}%\}"),
        (b"%", rb"<%[=-]?\s{0,9}\w[^%\r\n]{0,100}%>"),
        (b"%", rb"%%[A-Za-z_][\w.-]{0,60}%%"),
        (b"{", rb"\$\{[A-Za-z_][\w.]{0,60}\}"),
        (b"|", rb"\*\|[A-Za-z_][\w:]{0,60}\|\*"),
        (b"[", rb"\[object (?:Object|Undefined|Null|Promise)\]"),
        (b"ndefined", rb"\b(?:Dear|Hi|Hello|Hey)[ ,]{1,2}undefined\b(?=[,.!<\r\n]|$)"),
        (b"ndefined", rb"(?:: ?|\$)undefined(?=[ \t]{0,9}(?:[\r\n<]|$))"),
        (b"None", rb"\b(?:Dear|Hi|Hello|Hey) None\b(?=[,.!<\r\n]|$)"),
        (b"null", rb"\b(?:Dear|Hi|Hello|Hey) null\b(?=[,.!<\r\n]|$)"),
        (b"NaN", rb"(?:[$]|\xe2\x82\xac|\xc2\xa3) ?NaN\b"),
        (b"orem ipsum", rb"[Ll]orem ipsum"),
    )
)
# Where braces are code, not a template: each is cut out before the search.
_CODE = re.compile(rb"<(style|script|pre|code|template)\b", re.IGNORECASE)
_COMMENT_START, _COMMENT_END = b"<!--", b"-->"


@rule(
    "BOD011",
    "template-unfilled",
    Severity.ERROR,
    "practice: SpamAssassin UNRESOLVED_TEMPLATE",
    fix="Fill the placeholder; make a missing value an error when the template is rendered.",
)
def template_unfilled(draft: Draft) -> Iterator[Flaw]:
    """A placeholder of a template is left in the text or the subject.

    Forms like {{ name }}, {% if %}, %%NAME%%, ${name}, "Dear undefined", [object Object] and
    lorem ipsum tell the recipient that nobody looked. Style sheets, scripts and code blocks are
    left alone, and so is code between backticks.

    Render with a mode that fails on missing values (in Jinja2 StrictUndefined).
    """
    for field in draft.fields.get("subject", ()):
        value = draft.value(field)
        subject = decode_words(value).encode()
        for start, _end in _found(subject):
            at = max(value.find(subject[start : start + 2]), 0) + field.value_start
            shown = _shown(subject[start:_end])
            yield draft.flaw(f"the subject holds {shown}", at, field.value_end)
    for part in draft.parts:
        if part.type in ("text/plain", "text/html") and not _is_attached(draft, part):
            yield from _in_text(draft, part)


def _in_text(draft: Draft, part: Part) -> Iterator[Flaw]:
    data = draft.octets(part)
    if part.type == "text/html":
        data = _without_code(data)
    spans = _found(data)
    # The last octet of each, too: what follows it may stand after a soft line break.
    ends = [octet for start, end in spans for octet in (start, end - 1)]
    offsets = encoded_offsets(draft.message, part, ends)
    for index, (start, end) in enumerate(spans):
        first, last = offsets[2 * index], offsets[2 * index + 1] + 1
        yield draft.flaw(f"the text holds {_shown(data[start:end])}", first, last, part)


def _found(data: bytes) -> list[tuple[int, int]]:
    """Return the ranges of placeholders, in order and apart from each other, at most MAX_FOUND."""
    spans: list[tuple[int, int]] = []
    for needle, pattern in _PLACEHOLDERS:
        if needle in data:
            for found in islice(pattern.finditer(data), MAX_LOOKED_AT):
                if not _between_backticks(data, found.start()):
                    spans.append(found.span())
    apart: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if not apart or start >= apart[-1][1]:
            apart.append((start, end))
    return apart[:MAX_FOUND]


def _between_backticks(data: bytes, at: int) -> bool:
    line = max(data.rfind(b"\n", max(at - MAX_LOOK_BACK, 0), at) + 1, at - MAX_LOOK_BACK, 0)
    return data.count(b"`", line, at) % 2 == 1


def _without_code(data: bytes) -> bytes:
    """Blank style sheets, scripts, code blocks and comments; every octet keeps its place."""
    if not _CODE.search(data) and _COMMENT_START not in data:
        return data
    lower = data.lower()
    pieces: list[bytes] = []
    kept = 0
    for start, end in _code_spans(lower):
        pieces += [data[kept:start], b" " * (end - start)]
        kept = end
    return b"".join([*pieces, data[kept:]])


def _code_spans(lower: bytes) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(lower):
        found = _CODE_OR_COMMENT.search(lower, at)
        if found is None:
            return
        closing = _COMMENT_END if found[1] is None else b"</" + found[1]
        end = lower.find(closing, found.end())
        at = len(lower) if end < 0 else end + len(closing)
        yield found.start(), at


_CODE_OR_COMMENT = re.compile(rb"<!--|<(style|script|pre|code|template)\b")


def _is_attached(draft: Draft, part: Part) -> bool:
    fields = part.named("content-disposition")
    return bool(fields) and draft.value(fields[0]).strip().lower().startswith(b"attachment")


def _shown(octets: bytes) -> str:
    return ascii(octets[:60].decode("utf-8", "replace"))[1:-1]


RULES: tuple[Rule, ...] = (template_unfilled,)
