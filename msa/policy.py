"""From findings to a verdict, in lint mode `reject`: accept, or the reply that refuses."""

from collections.abc import Iterable

from msa.lint.finding import Finding, Severity
from msa.reply import Reply

MAX_LINES = 10  # of a refusal; a broken message may have thousands of errors
MAX_TEXT = 480  # characters; RFC 5321 section 4.5.3.1.5 gives a reply line 512 octets

# What a rule's error is answered with, when it is not 554 5.6.0 (RFC 6409 section 6.3).
_CODES = {
    "ENV001": (501, "1.3"),
    "ENV002": (554, "1.2"),  # RFC 6409 section 4.2
    "ENV003": (553, "6.7"),  # RFC 6531 section 3.5
    "HDR014": (550, "6.7"),
    "ADR001": (554, "1.3"),
    "ADR002": (554, "1.2"),
    "ADR006": (550, "6.7"),
    "SEC003": (550, "7.0"),
    "SEC004": (554, "7.0"),
}


def judge(findings: Iterable[Finding]) -> Reply | None:
    """Return the reply that refuses the message, one line an error, or None to accept it.

    Only errors refuse. All lines carry the codes of the first error, as RFC 5321 section 4.2.1
    demands of a multi-line reply.
    """
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if not errors:
        return None
    lines = [_line(error) for error in errors[:MAX_LINES]]
    if len(errors) > MAX_LINES:
        lines.append(f"and {len(errors) - MAX_LINES} more")
    code, detail = _CODES.get(errors[0].code, (554, "6.0"))
    return Reply(code, detail, "\n".join(lines))


def _line(finding: Finding) -> str:
    where = f" (line {finding.line})" if finding.line is not None else ""
    text = f"{finding.code} {finding.name}: {finding.text}{where}"
    # The text may quote the message: no line end and no other control may reach the wire.
    shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    return shown[:MAX_TEXT]
