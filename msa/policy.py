"""From findings to a verdict: accept, or the reply that refuses, by lint mode."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from msa.envelope import Submission
from msa.lint.finding import Finding, Severity
from msa.mimic import PROVIDERS, judge_as
from msa.reply import Reply

MAX_LINES = 10  # of a refusal; a broken message may have thousands of errors
MAX_TEXT = 480  # characters; RFC 5321 section 4.5.3.1.5 gives a reply line 512 octets

# What the errors of a rule, or of a family, are answered with when it is not 554 5.6.0, "message
# content error" (RFC 6409 section 6.3).
_CODES = {
    "ENV001": (501, "1.3"),
    "ENV002": (554, "1.2"),  # RFC 6409 section 4.2
    "ENV003": (553, "6.7"),  # RFC 6531 section 3.5
    "HDR014": (550, "6.7"),
    "ADR001": (554, "1.3"),
    "ADR002": (554, "1.2"),
    "ADR006": (550, "6.7"),
    "ADR009": (556, "1.10"),  # RFC 7505
    "LNK": (550, "7.0"),  # RFC 6409 section 6.3: site policy
    "LST": (550, "7.0"),
    "AUT": (550, "7.0"),
    "AUT002": (550, "7.20"),  # RFC 7372 section 3.1: no passing DKIM signature found
    "SEC003": (550, "7.0"),
    "SEC004": (554, "7.0"),
}
_MIMIC = "mimic="
_CONTENT_ERROR = (554, "6.0")
_OF_SENDER = ("in the From field", "in the Sender field", "in the Reply-To field")


Judge = Callable[[Sequence[Finding], Submission], Reply | None]


def modes() -> tuple[str, ...]:
    """Return the lint modes as the setting names them."""
    return ("accept", "reject", *(f"{_MIMIC}{provider}" for provider in PROVIDERS))


def judge_of(mode: str) -> Judge | None:
    """Return what judges in a lint mode; None: everything is accepted, and linted later."""
    if mode == "accept":
        return None
    if mode == "reject":
        return lambda findings, submission: judge(findings)
    return partial(judge_as, mode.removeprefix(_MIMIC))


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
    code, detail = _codes(errors[0])
    return Reply(code, detail, "\n".join(lines))


def _codes(error: Finding) -> tuple[int, str]:
    if error.code == "ADR001" and error.text.endswith(_OF_SENDER):
        return 554, "1.7"  # RFC 3463 section 3.2: the sender's address, not the recipient's
    return _CODES.get(error.code) or _CODES.get(error.code[:3], _CONTENT_ERROR)


def _line(finding: Finding) -> str:
    where = f" (line {finding.line})" if finding.line is not None else ""
    text = f"{finding.code} {finding.name}: {finding.text}{where}"
    # The text may quote the message: no line end and no other control may reach the wire.
    shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    return shown[:MAX_TEXT]
