"""Delivery status notifications (RFC 3464): when one is due, and its octets.

The octets are put together by hand: the original is quoted from its stored octets, which no
library gives back unchanged.
"""

import re
from binascii import b2a_qp
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime  # day and month names in English in every locale
from textwrap import wrap

from msa.envelope import Envelope, Kind, Recipient, Submission
from sandbox_mta.mta.exchanger import DISCARDED, is_ours
from sandbox_mta.mta.ports import Attempt, QueuedRecipient, Settlement
from sandbox_mta.mta.schedule import Schedule
from sandbox_mta.mta.status import Action, State, action_of

MAX_QUOTED = 1_000_000  # octets of an original quoted whole; of a longer one only the header
MAX_QUOTED_HEADER = 65_536  # octets of the header quoted alone
MAX_LINE = 998  # octets without CRLF (RFC 5322 section 2.1.1)
MAX_STATEMENT = 900  # octets of a field or paragraph of ours: unfolded it still fits a line
WIDTH = 76  # columns of what we write ourselves
EXPIRED_STATUS = "4.4.7"  # RFC 3463 section 3.5: delivery time expired


def is_due(settlement: Settlement, schedule: Schedule, now: datetime) -> bool:
    """Say whether a settlement gives rise to a notification (RFC 3461 section 5.2).

    Never for the null reverse-path: a report about a report would begin a loop. `now` is the time
    of the attempt; a delay is told of at the ages that the schedule names.
    """
    recipient = settlement.recipient
    notify = recipient.recipient.notify
    action = action_of(settlement.state)
    if action is Action.DELIVERED and notify is None:  # nearly all mail
        return False
    if settlement.reason == DISCARDED:  # whoever lost it says nothing
        return False
    if action is None or not recipient.reverse_path:
        return False
    if action is Action.DELAYED:
        asked = notify is not None
        wanted = notify is None or "DELAY" in notify
        return wanted and schedule.warns_at(recipient.queued_at, now, asked=asked)
    return (notify is None and action is Action.FAILED) or _ASKED_AS[action] in (notify or ())


def report(  # noqa: PLR0913 # what it is about, and what a worker knows
    settlement: Settlement,
    original: bytes,
    *,
    report_id: str,
    hostname: str,
    schedule: Schedule,
    now: datetime,
    accepted_at: datetime,
) -> Submission:
    """Return the notification as a message to queue.

    `original` is the stored message it is about; `now` is the time of the clock, `accepted_at`
    real time.
    """
    about = settlement.recipient
    content = compose(
        settlement,
        original,
        report_id=report_id,
        hostname=hostname,
        now=now,
        until=schedule.ends_at(about.queued_at, report=False),
    )
    return Submission(
        id=report_id,
        kind=Kind.DSN,
        envelope=Envelope(
            reverse_path="",
            recipients=(Recipient(about.reverse_path),),
            body=None if content.isascii() else "8BITMIME",
            smtputf8=about.smtputf8,
        ),
        content=content,
        accepted_at=accepted_at,
        parent_id=about.submission_id,
    )


def compose(  # what a report says, and where and when
    settlement: Settlement,
    original: bytes,
    *,
    report_id: str,
    hostname: str,
    now: datetime,
    until: datetime,
) -> bytes:
    """Return the octets of a notification: a multipart/report of text, status and original.

    `until` is when the queue gives up, for a report of a delay.
    """
    about = settlement.recipient
    wording = _WORDINGS[_action(settlement)]
    parts = (
        _explanation(settlement, wording, hostname, until),
        _status(settlement, hostname, until),
        _quoted(settlement, original),
    )
    boundary = _boundary(report_id, parts)
    return b"".join(
        (
            _lines(
                f"From: Mail Delivery System <MAILER-DAEMON@{hostname}>",
                f"To: <{_printable(about.reverse_path)}>",
                f"Subject: {wording.subject}",
                f"Date: {format_datetime(now)}",
                f"Message-ID: <{report_id}@{hostname}>",
                *_references(original),
                "Auto-Submitted: auto-replied",
                "MIME-Version: 1.0",
                "Content-Type: multipart/report; report-type=delivery-status;",
                f' boundary="{boundary}"',
                f"Content-Transfer-Encoding: {_widest(parts)}",
                "",
                "This is a delivery status notification in MIME format.",
            ),
            *(part.octets(boundary) for part in parts),
            _lines("", f"--{boundary}--"),
        )
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of the report."""

    media_type: str
    description: str
    body: bytes
    encoding: str  # "7bit", "8bit" or "quoted-printable"

    def octets(self, boundary: str) -> bytes:
        head = _lines(
            "",
            f"--{boundary}",
            f"Content-Type: {self.media_type}",
            f"Content-Description: {self.description}",
            f"Content-Transfer-Encoding: {self.encoding}",
            "",
        )
        return head + self.body


@dataclass(frozen=True, slots=True)
class _Wording:
    """What a report of one kind tells a person; `{tried}` and `{until}` are filled in."""

    subject: str
    news: str
    quoted: str


_WORDINGS = {
    Action.FAILED: _Wording(
        "Undelivered Mail Returned to Sender",
        "Your message could not be delivered {tried}to the recipient below, and will not be "
        "tried again. The message, or its header, is quoted at the end of this report.",
        "Undelivered message",
    ),
    Action.DELAYED: _Wording(
        "Delayed Mail (still being retried)",
        "This is a warning only: you need not send your message again. It could not be delivered "
        "to the recipient below so far, and will be tried again until {until}.",
        "Delayed message",
    ),
    Action.DELIVERED: _Wording(
        "Successful Mail Delivery Report",
        "Your message was delivered to the recipient below, as you asked to be told.",
        "Delivered message",
    ),
    Action.RELAYED: _Wording(
        "Successful Mail Delivery Report",
        "Your message was handed on for the recipient below to a mail system that sends no "
        "reports of delivery: you may hear nothing more of it.",
        "Relayed message",
    ),
}
_ASKED_AS = {
    Action.FAILED: "FAILURE",
    Action.DELIVERED: "SUCCESS",
    Action.RELAYED: "SUCCESS",
    Action.DELAYED: "DELAY",
}


def _action(settlement: Settlement) -> Action:
    action = action_of(settlement.state)
    if action is None:
        raise ValueError(f"there is nothing to report of a recipient that is {settlement.state}")
    return action


def _explanation(
    settlement: Settlement, wording: _Wording, hostname: str, until: datetime
) -> _Part:
    """Tell a person what happened."""
    about, last = settlement.recipient, settlement.attempts[-1]
    tried = f"after {last.n} attempts " if settlement.state is State.EXPIRED else ""
    paragraphs = (
        f"This is the mail system at {hostname}.",
        wording.news.format(tried=tried, until=format_datetime(until)),
        f"<{about.recipient.forward_path}>: {_in_words(last)}",
    )
    text = "\n\n".join(_folded(_printable(paragraph), indent="") for paragraph in paragraphs)
    body = _lines(*text.split("\n"))
    if about.smtputf8 and not body.isascii():
        return _Part("text/plain; charset=utf-8", "Notification", body, "8bit")
    return _Part("text/plain; charset=us-ascii", "Notification", _ascii(body), "7bit")


_COMMANDS = {
    "ehlo": "EHLO command",
    "starttls": "STARTTLS command",
    "mail": "MAIL FROM command",
    "rcpt": "RCPT TO command",
    "data": "DATA command",
    "quit": "QUIT command",
}


def _in_words(attempt: Attempt) -> str:
    if is_ours(attempt.stage, attempt.reply):
        return attempt.reply.text
    at = f"{attempt.exchanger}[{attempt.address}]"
    if attempt.stage == "banner":
        return f"host {at} refused to talk to me: {attempt.reply}"
    command = _COMMANDS.get(attempt.stage, "end of DATA command")
    return f"host {at} said: {attempt.reply} (in reply to {command})"


def _status(settlement: Settlement, hostname: str, until: datetime) -> _Part:
    """Tell a program what happened (RFC 3464 section 2)."""
    about = settlement.recipient
    fields = [*_message_fields(about, hostname), "", *_recipient_fields(settlement, until)]
    body = _lines(*(line for field in fields for line in _folded(_printable(field)).split("\n")))
    if not about.smtputf8:
        return _Part("message/delivery-status", "Delivery report", _ascii(body), "7bit")
    return _Part("message/global-delivery-status", "Delivery report", body, _encoding(body))


def _message_fields(about: QueuedRecipient, hostname: str) -> Iterator[str]:
    yield f"Reporting-MTA: dns; {hostname}"
    if about.envid is not None:
        yield f"Original-Envelope-Id: {_unxtext(about.envid)}"
    yield f"Arrival-Date: {format_datetime(about.queued_at)}"


def _recipient_fields(settlement: Settlement, until: datetime) -> Iterator[str]:
    about, last = settlement.recipient.recipient, settlement.attempts[-1]
    if about.orcpt is not None:
        kind, _, address = about.orcpt.partition(";")
        yield f"Original-Recipient: {kind}; {_unxtext(address)}"
    kind = "rfc822" if about.forward_path.isascii() else "utf-8"  # RFC 6533 section 3
    yield f"Final-Recipient: {kind}; {about.forward_path}"
    yield f"Action: {_action(settlement)}"
    yield f"Status: {_status_code(settlement)}"
    if is_ours(last.stage, last.reply):
        yield f"Diagnostic-Code: X-Sandbox; {last.reply.text}"
    else:
        # Both speak of what a remote server said, so that they go together.
        yield f"Remote-MTA: dns; {last.exchanger}"
        yield f"Diagnostic-Code: smtp; {last.reply}"
    yield f"Last-Attempt-Date: {format_datetime(last.ended_at)}"
    if _action(settlement) is Action.DELAYED:
        yield f"Will-Retry-Until: {format_datetime(until)}"


def _status_code(settlement: Settlement) -> str:
    if settlement.state is State.EXPIRED:
        return EXPIRED_STATUS
    return settlement.reply.enhanced or f"{settlement.reply.code // 100}.0.0"


def _quoted(settlement: Settlement, original: bytes) -> _Part:
    """Return the original, or its header when that was asked for or the rest can't travel.

    Who got or will get the message needs the header alone (RFC 3461 section 4.3).
    """
    about = settlement.recipient
    what = _WORDINGS[_action(settlement)].quoted
    failed = _action(settlement) is Action.FAILED
    whole = failed and about.ret != "HDRS" and len(original) <= MAX_QUOTED
    if whole and _are_lines(original):
        media_type = "message/global" if about.smtputf8 else "message/rfc822"
        return _Part(media_type, what, original, _encoding(original))
    header = _header(original)
    media_type = "message/global-headers" if about.smtputf8 else "text/rfc822-headers"
    if _are_lines(header):
        return _Part(media_type, f"{what}'s header", header, _encoding(header))
    printable = b2a_qp(header, istext=False).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return _Part(media_type, f"{what}'s header", printable, "quoted-printable")


_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_MESSAGE_ID = re.compile(
    rb"^message-id:[ \t]*(?:\r?\n[ \t]+)?(<[!-;=?-~]{1,250}>)[ \t]*\r?$",
    re.IGNORECASE | re.MULTILINE,
)


def _header(original: bytes) -> bytes:
    """Return the header with its last line end, at most `MAX_QUOTED_HEADER` octets of it."""
    end = _END_OF_HEADER.search(original, 0, MAX_QUOTED_HEADER)
    if end:
        return original[: original.index(b"\n", end.start()) + 1]
    if len(original) <= MAX_QUOTED_HEADER:
        return original
    return original[: original.rfind(b"\n", 0, MAX_QUOTED_HEADER) + 1 or MAX_QUOTED_HEADER]


def _references(original: bytes) -> Iterable[str]:
    """Name the original by its Message-ID, so that mail clients show both together."""
    found = _MESSAGE_ID.search(_header(original))
    if not found:
        return ()
    message_id = found[1].decode("ascii")
    return (f"In-Reply-To: {message_id}", f"References: {message_id}")


def _are_lines(octets: bytes) -> bool:
    """Say whether octets can travel as 7bit or 8bit (RFC 2045 section 2.8)."""
    ends = octets.count(b"\r\n")
    return (
        ends == octets.count(b"\n") == octets.count(b"\r")
        and b"\0" not in octets
        and max(map(len, octets.split(b"\r\n"))) <= MAX_LINE
    )


def _encoding(octets: bytes) -> str:
    return "7bit" if octets.isascii() else "8bit"


def _widest(parts: Iterable[_Part]) -> str:
    """Return what a multipart has to declare (RFC 2045 section 6.4)."""
    return "8bit" if any(part.encoding == "8bit" for part in parts) else "7bit"


def _boundary(report_id: str, parts: Iterable[_Part]) -> str:
    boundary = f"report-{report_id}"
    while any(boundary.encode("ascii") in part.body for part in parts):
        boundary += "-"
    return boundary


_XTEXT = re.compile(r"\+([0-9A-F]{2})")


def _unxtext(text: str) -> str:
    """Decode xtext (RFC 3461 section 4); one that hides control characters stays as it is."""
    decoded = _XTEXT.sub(lambda match: chr(int(match[1], 16)), text)
    return decoded if decoded.isascii() and decoded.isprintable() else text


def _printable(text: str) -> str:
    """Put a text on one line: what an exchanger or a client said adds no line of its own."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown.encode("utf-8", "replace")[:MAX_STATEMENT].decode("utf-8", "ignore")


def _folded(text: str, indent: str = " ") -> str:
    """Break a text at its spaces; the lines after the first begin with `indent`."""
    lines = wrap(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")


def _ascii(octets: bytes) -> bytes:
    """Replace what may not stand in a report without SMTPUTF8 (RFC 6533 section 3)."""
    return octets.decode("utf-8").encode("ascii", "replace")
