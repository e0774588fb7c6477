"""SEC: what opens a door (RFC 5321 section 2.3.8, SMTP smuggling)."""

import re
from collections.abc import Iterator

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.tree import Part

_BARE_LF = re.compile(rb"(?<!\r)\n")
_BARE_CR = re.compile(rb"\r(?!\n)")
_NUL = re.compile(rb"\0")
_CONTROLS = bytes({*range(32), 127} - set(b"\t\r\n"))
_IN_HEADER = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_IN_TEXT = re.compile(rb"[\x01-\x08\x0b\x0e-\x1f\x7f]")
_VERB = re.compile(rb"\s*(?:MAIL FROM|RCPT TO|EHLO|HELO|DATA|RSET|QUIT|BDAT)\b", re.IGNORECASE)


@rule(
    "SEC001",
    "bare-lf",
    Severity.ERROR,
    "RFC 5321 section 2.3.8",
    fix="End every line with CR LF.",
)
def bare_lf(draft: Draft) -> Iterator[Flaw]:
    """A line ends in LF without CR before it.

    Servers disagree on whether that ends a line, which is how mails are smuggled past checks
    (CVE-2023-51764 and its kin). Many refuse such a message.

    Write messages with CR LF throughout; mail libraries do when asked for the SMTP policy.
    """
    count = draft.line_ends.bare_lf
    if not count or draft.at_rest:
        return
    found = _first(draft, _BARE_LF)
    if found is not None:
        text = f"a line ends in LF without CR{_more(count)}"
        yield draft.flaw(text, *found.span())


def _first(draft: Draft, wrong: re.Pattern[bytes]) -> re.Match[bytes] | None:
    """Return the first wrong octet that is no part of what SEC003 tells."""
    for span in draft.restless:
        for found in wrong.finditer(draft.content, *span):
            if found.start() not in draft.within_end_of_data:
                return found
    return None


def _more(count: int) -> str:
    return f", and {count - 1} more" if count > 1 else ""


@rule(
    "SEC002",
    "bare-cr",
    Severity.ERROR,
    "RFC 5321 section 2.3.8",
    fix="End every line with CR LF, and write CR nowhere else.",
)
def bare_cr(draft: Draft) -> Iterator[Flaw]:
    """A CR stands without LF behind it; CR CR LF is one of its forms.

    Some parsers end the line there: a subject with a CR in it then injects header fields. Others
    don't, and so the two see different messages. CR CR LF comes from writing CR LF to a file in
    text mode on Windows, and hides the end of the header.

    Take line breaks out of what users type before it reaches the header, and write messages as
    octets, never as text.
    """
    count = draft.line_ends.bare_cr
    found = _first(draft, _BARE_CR) if count else None
    if found is not None:
        what = "CR CR LF" if draft.content.startswith(b"\r\r\n", found.start()) else "a bare CR"
        yield draft.flaw(f"{what}{_more(count)}", *found.span())


@rule(
    "SEC003",
    "end-of-data-look-alike",
    Severity.ERROR,
    "RFC 5321 section 4.1.1.4",
    fix="End every line with CR LF, and double a dot that begins a line.",
)
def end_of_data(draft: Draft) -> Iterator[Flaw]:
    """A line with a single dot is written so that some server takes it for the end of the data.

    What follows is then read as commands: a second message with a forged sender, smuggled inside
    the first (smtpsmuggling.com, CVE-2024-27305).

    Never pass text of users into a message without making its line ends CR LF.
    """
    if draft.at_rest:
        return
    for start, end in draft.end_of_data:
        text = "a dot on a line of its own with wrong line ends"
        if _VERB.match(draft.content, end):
            text += ", and an SMTP command after it"
        yield draft.flaw(text, start, end)


@rule(
    "SEC006",
    "control-octet",
    Severity.ERROR,
    "RFC 5322 sections 3.5 and 4.1",
    fix="Take control characters out; send what is no text as an attachment in base64.",
)
def control(draft: Draft) -> Iterator[Flaw]:
    """A NUL stands in the message, or another control character in the header or a text.

    Parsers written in C end the text at a NUL, so that filters see less than the reader; servers
    remove it or refuse the message. Other controls are an error in the header and a warning in a
    text. Tab and form feed are fine in a text, and so is the ESC of ISO-2022.

    Look where the octets come from: UTF-16 that was taken for ASCII, a binary file sent as text,
    or user input that nobody checked.
    """
    if not any(_has_controls(draft.content[start:end]) for start, end in draft.restless):
        return
    nul = _first(draft, _NUL)
    if nul is not None:
        count = sum(draft.content.count(b"\0", *span) for span in draft.restless)
        yield draft.flaw(f"a NUL{_more(count)}", *nul.span())
    for part in draft.parts:
        found = _IN_HEADER.search(draft.content, *part.header)
        if found is not None:
            yield draft.flaw(f"{_named(found)} in the header", *found.span(), part)
        found = _IN_TEXT.search(draft.content, *part.body) if _is_plain(draft, part) else None
        if found is not None:
            text = f"{_named(found)} in the text"
            yield draft.flaw(text, *found.span(), part, severity=Severity.WARNING)


def _has_controls(octets: bytes) -> bool:
    return len(octets.translate(None, _CONTROLS)) != len(octets)


def _is_plain(draft: Draft, part: Part) -> bool:
    """Say whether a body is a text whose octets are its characters."""
    if not part.type.startswith("text/") or part.encoding == "base64" or draft.is_binary(part):
        return False
    return not (part.charset or "").startswith("iso-2022")


def _named(found: re.Match[bytes]) -> str:
    return f"the control character 0x{found[0][0]:02X}"


RULES: tuple[Rule, ...] = (
    bare_lf,
    bare_cr,
    end_of_data,
    control,
)
