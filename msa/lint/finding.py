"""What lint says: `Severity`, `Flaw` (where a rule looked), `Finding` (what people see)."""

from dataclasses import dataclass
from enum import StrEnum

MAX_EVIDENCE = 60  # octets of the message shown with a finding


class Severity(StrEnum):
    """How bad a finding is: an error breaks a MUST, or a big provider refuses the message."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Flaw:
    """What one rule saw, before it is given the rule's name and a place in lines."""

    text: str  # one sentence, no final stop: 'the domain "web1" is not fully qualified'
    offset: int | None = None  # octets from the start of the content; None: it is in the envelope
    part: str = ""  # "" is the message itself, "2.1" a part of it, "envelope" the SMTP envelope
    evidence: bytes = b""  # the octets concerned; cut to MAX_EVIDENCE and escaped when shown
    severity: Severity | None = None  # where it differs from the rule's


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a message, and where."""

    code: str  # "HDR007"
    name: str  # "field-repeated"
    severity: Severity
    text: str
    part: str
    offset: int | None  # octets from the start of the content
    line: int | None  # from 1
    column: int | None  # octets from the start of the line, from 1
    evidence: str  # printable, at most MAX_EVIDENCE octets of the message before escaping
    reference: str  # "RFC 5322 section 3.6"
    fix: str  # how to mend it, one sentence
