"""What a submission is: `Recipient`, `Envelope`, `Client` and `Submission`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Where a message comes from: an application, or a report that the sandbox made."""

    MAIL = "mail"
    DSN = "dsn"
    ARF = "arf"
    AUTOREPLY = "autoreply"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted RCPT with its own DSN parameters (RFC 3461 section 4)."""

    forward_path: str  # without angle brackets: "bob@example.org"
    notify: tuple[str, ...] | None = None  # as asked, upper case; None: NOTIFY was not given
    orcpt: str | None = None  # as given: "rfc822;bob@example.org", xtext not decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Reverse-path, recipients, and the parameters of MAIL that travel with the message."""

    reverse_path: str  # "" is the null reverse-path; "<>" exists only on the wire
    recipients: tuple[Recipient, ...]
    ret: str | None = None  # "FULL" or "HDRS" (RFC 3461 section 4.3)
    envid: str | None = None  # xtext as given (RFC 3461 section 4.4)
    body: str | None = None  # "7BIT", "8BITMIME" or "BINARYMIME"; None: BODY was not given
    smtputf8: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who submitted: the peer of the SMTP session."""

    address: str = ""  # IP address; "" for messages made inside the sandbox
    helo: str = ""
    user: str | None = None  # the AUTH identity; never the password
    tls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One message the MSA takes responsibility for with its 250 (RFC 5321 section 6.1)."""

    id: str  # 22 base62 characters of a UUIDv7
    envelope: Envelope
    content: bytes  # the octets after DATA, dot-unstuffed, otherwise as they came
    accepted_at: datetime  # UTC, real time
    kind: Kind = Kind.MAIL
    client: Client = Client()
    submission_key: str | None = None  # XSUBMISSIONKEY: a repeat of it stores nothing
    parent_id: str | None = None  # the message that a report is about
    transcript: str = ""  # of the SMTP dialogue up to the last octet, not yet the reply to it

    def __post_init__(self) -> None:
        if self.accepted_at.utcoffset() is None:
            raise ValueError("a submission needs a time zone")
