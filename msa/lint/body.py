"""BOD: what the body says."""

import re
from collections.abc import Iterator
from itertools import islice

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.decoding import encoded_offsets
from msa.message.tree import Part

MAX_LOOKED_AT = 200  # matches of one pattern in one text; code between backticks counts
MAX_FOUND = 50  # placeholders of one text that are placed; more are listed by no engine
MAX_LOOK_BACK = 500  # octets of a line that are searched for a backtick

CLIPPED = 104_448  # octets of HTML after which Gmail clips: 102 KB
MAX_BLANK = 4_096  # octets of a body that may hold nothing to see; longer ones hold something
_TAG = re.compile(rb"<[^<>]{0,1000}>|>")
_SEEN = re.compile(rb"<(?:img|picture|table|video|hr|input|button)\b|background", re.IGNORECASE)
_BLANK = re.compile(rb"(?:\s|&nbsp;|&#160;|\xc2\xa0|\xa0)*+")

# Each pattern with what it can't be without: an octet that is rare in HTML, looked for first, since
# `in` then is memchr, and a piece of text, which `search` finds in half the time that `in` takes.
_PLACEHOLDERS = tuple(
    (rare, re.compile(needle).search, re.compile(pattern))
    for rare, needle, pattern in (
        (b"{", rb"\{\{", rb"\{\{[^{}\r\n]{1,100}\}\}"),
        (b"{", rb"\{%", rb"\{%-?\s{0,9}[a-z][^%\r\n]{0,100}%\}"),
        (b"%", rb"<%", rb"<%[=-]?\s{0,9}\w[^%\r\n]{0,100}%>"),
        (b"%", rb"%%", rb"%%[A-Za-z_][\w.-]{0,60}%%"),
        (b"$", rb"\$\{", rb"\$\{[A-Za-z_][\w.]{0,60}\}"),
        (b"|", rb"\*\|", rb"\*\|[A-Za-z_][\w:]{0,60}\|\*"),
        (b"[", rb"\[object", rb"\[object (?:Object|Undefined|Null|Promise)\]"),
        (
            b"d",
            rb"undefined",
            rb"\b(?:Dear|Hi|Hello|Hey)[ ,]{1,2}undefined\b(?=[,.!<\r\n]|$)"
            rb"|(?:: ?|\$)undefined(?=[ \t]{0,9}(?:[\r\n<]|$))",
        ),
        (
            b"N",
            rb"N(?:one|aN)\b",
            rb"\b(?:Dear|Hi|Hello|Hey) None\b(?=[,.!<\r\n]|$)"
            rb"|(?:[$]|\xe2\x82\xac|\xc2\xa3) ?NaN\b",
        ),
        (b"u", rb"null\b", rb"\b(?:Dear|Hi|Hello|Hey) null\b(?=[,.!<\r\n]|$)"),
        (b"m", rb"ipsum", rb"[Ll]orem ipsum"),
    )
)
# Where braces are code, not a template: each is cut out before the search.
_CODE = re.compile(rb"<(style|script|pre|code|template)\b", re.IGNORECASE)
_COMMENT_START, _COMMENT_END = b"<!--", b"-->"


@rule(
    "BOD001",
    "html-only",
    Severity.WARNING,
    "practice: SpamAssassin MIME_HTML_ONLY",
    fix="Send multipart/alternative: the same text as text/plain first, then the HTML.",
)
def html_only(draft: Draft) -> Iterator[Flaw]:
    """The message has an HTML body, but no plain text.

    Spam filters count that; watches, screen readers, previews and terminals show the text.

    Render a text template beside the HTML one, and send both as alternatives.
    """
    bodies = draft.bodies
    page = next((part for part in bodies if part.type == "text/html"), None)
    if page is not None and all(part.type != "text/plain" for part in bodies):
        start, end = page.header.start, page.body.start
        for field in draft.named(page, "content-type"):
            start, end = field.start, field.end
        yield draft.flaw("the message has HTML, but no plain text", start, end, page)


@rule(
    "BOD003",
    "body-empty",
    Severity.WARNING,
    "practice: SpamAssassin EMPTY_MESSAGE",
    fix="Write a body; make an empty rendering an error.",
)
def body_empty(draft: Draft) -> Iterator[Flaw]:
    """The message has no text and no attachment.

    The recipient sees an empty page, and filters take it for a probe. Often the template was
    rendered with no data, or the body was set on another object.

    Look for the text at the place where the message is built.
    """
    leaves = [part for part in draft.parts if part.delimiters is None]
    broken = any(
        part.strays or (part.delimiters is not None and not part.parts) for part in draft.parts
    )
    if draft.message.caps or broken:
        return  # MIM011, HDR012, MIM003, MIM004 or MIM008 tells the cause
    if all(_is_blank(draft, part) for part in leaves):
        body = draft.root.body
        yield draft.flaw("the body is empty", body.start, body.end)


def _is_blank(draft: Draft, part: Part) -> bool:
    if part.type not in ("text/plain", "text/html") or draft.is_attached(part):
        return False
    start, end = part.body
    if end - start > MAX_BLANK:
        return False
    if part.type == "text/plain" and part.encoding in ("7bit", "8bit"):
        return not draft.content[start:end].strip()
    data = draft.octets(part)
    if part.type == "text/html":
        if _SEEN.search(data):
            return False
        data = _TAG.sub(b"", _without_code(data))
    return _BLANK.fullmatch(data) is not None


@rule(
    "BOD007",
    "html-clipped",
    Severity.WARNING,
    "practice: Gmail clips at 102 KB",
    fix="Make the HTML smaller than 102 KB: fewer rows, shorter links, styles once.",
)
def html_clipped(draft: Draft) -> Iterator[Flaw]:
    """The HTML is larger than 102 KB.

    Gmail cuts it there and shows "[Message clipped]": the unsubscribe link and the counting pixel
    at the end are gone, and an open tag may spoil what is left.

    Take out comments and unused styles, and show long lists on a page of yours.
    """
    for part in draft.bodies:
        start, end = part.body
        if part.type == "text/html" and end - start > CLIPPED:
            size = len(draft.octets(part))
            if size > CLIPPED:
                text = f"{size} octets of HTML (Gmail clips after {CLIPPED})"
                yield draft.flaw(text, start, end, part)


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
    for field, text in draft.subjects:
        value = draft.value(field)
        subject = text.encode()
        for start, _end in _found(subject):
            at = max(value.find(subject[start : start + 2]), 0) + field.value_start
            shown = _shown(subject[start:_end])
            yield draft.flaw(f"the subject holds {shown}", at, field.value_end)
    for part in draft.bodies:
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
    for rare, needs, pattern in _PLACEHOLDERS:
        if rare in data and needs(data):
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


def _shown(octets: bytes) -> str:
    return ascii(octets[:60].decode("utf-8", "replace"))[1:-1]


RULES: tuple[Rule, ...] = (
    html_only,
    body_empty,
    html_clipped,
    template_unfilled,
)
