"""SEC: what opens a door (RFC 5321 section 2.3.8, SMTP smuggling)."""

import re
from collections.abc import Iterator

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule

_BARE_LF = re.compile(rb"(?<!\r)\n")
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
    inside = {at for span in draft.end_of_data for at in range(*span)}
    for span in draft.restless:
        for found in _BARE_LF.finditer(draft.content, *span):
            if found.start() not in inside:  # there SEC003 tells the cause
                more = f", and {count - 1} more" if count > 1 else ""
                yield draft.flaw(f"a line ends in LF without CR{more}", *found.span())
                return


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


RULES: tuple[Rule, ...] = (
    bare_lf,
    end_of_data,
)
