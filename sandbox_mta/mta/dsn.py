"""Delivery status notifications (RFC 3464): when one is due, and its octets.

One notification names every recipient of a message that met the same end at the same time, and
nobody else (RFC 3461 section 5.2.8).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime  # day and month names in English in every locale

from msa.envelope import Envelope, Kind, Recipient, Submission
from sandbox_mta.mta.exchanger import DISCARDED, is_ours
from sandbox_mta.mta.frame import (
    Part,
    as_ascii,
    encoding_of,
    folded,
    frame,
    lines,
    printable,
    quoted,
    references,
)
from sandbox_mta.mta.ports import Attempt, QueuedRecipient, Settlement
from sandbox_mta.mta.schedule import Schedule
from sandbox_mta.mta.status import Action, State, action_of

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
    settlements: Sequence[Settlement],
    original: bytes,
    *,
    report_id: str,
    hostname: str,
    schedule: Schedule,
    now: datetime,
    accepted_at: datetime,
) -> Submission:
    """Return the notification as a message to queue.

    `settlements` are of recipients of one message, with one action, and a notification is due for
    each. `original` is the stored message; `now` is the time of the clock,
    `accepted_at` real time.
    """
    about = settlements[0].recipient
    content = compose(
        settlements,
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
    settlements: Sequence[Settlement],
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
    about = settlements[0].recipient
    action = _action(settlements[0])
    wording = _WORDINGS[action]
    fields = (
        f"From: Mail Delivery System <MAILER-DAEMON@{hostname}>",
        f"To: <{printable(about.reverse_path)}>",
        f"Subject: {wording.subject}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{report_id}@{hostname}>",
        *references(original),
        "Auto-Submitted: auto-replied",
    )
    # Who got or will get the message needs its header alone (RFC 3461 section 4.3).
    whole = action is Action.FAILED and about.ret != "HDRS"
    parts = (
        _explanation(settlements, wording, hostname, until),
        _status(settlements, hostname, until),
        quoted(original, wording.quoted, whole=whole, smtputf8=about.smtputf8),
    )
    preamble = "This is a delivery status notification in MIME format."
    return frame(fields, "delivery-status", preamble, parts, report_id)


@dataclass(frozen=True, slots=True)
class _Wording:
    """What a report of one kind tells a person; `{tried}` and `{until}` are filled in."""

    subject: str
    news: str
    quoted: str


_WORDINGS = {
    Action.FAILED: _Wording(
        "Undelivered Mail Returned to Sender",
        "Your message could not be delivered {tried}to the {recipients} below, and will not be "
        "tried again. The message, or its header, is quoted at the end of this report.",
        "Undelivered message",
    ),
    Action.DELAYED: _Wording(
        "Delayed Mail (still being retried)",
        "This is a warning only: you need not send your message again. It could not be delivered "
        "to the {recipients} below so far, and will be tried again until {until}.",
        "Delayed message",
    ),
    Action.DELIVERED: _Wording(
        "Successful Mail Delivery Report",
        "Your message was delivered to the {recipients} below, as you asked to be told.",
        "Delivered message",
    ),
    Action.RELAYED: _Wording(
        "Successful Mail Delivery Report",
        "Your message was handed on for the {recipients} below to a mail system that sends no "
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
    settlements: Sequence[Settlement], wording: _Wording, hostname: str, until: datetime
) -> Part:
    """Tell a person what happened."""
    recipients = "recipient" if len(settlements) == 1 else "recipients"
    news = wording.news.format(
        tried=_tried(settlements), recipients=recipients, until=format_datetime(until)
    )
    paragraphs = (
        f"This is the mail system at {hostname}.",
        news,
        *(
            f"<{each.recipient.recipient.forward_path}>: {_in_words(each.attempts[-1])}"
            for each in settlements
        ),
    )
    text = "\n\n".join(folded(printable(paragraph), indent="") for paragraph in paragraphs)
    body = lines(*text.split("\n"))
    if settlements[0].recipient.smtputf8 and not body.isascii():
        return Part("text/plain; charset=utf-8", "Notification", body, "8bit")
    return Part("text/plain; charset=us-ascii", "Notification", as_ascii(body), "7bit")


def _tried(settlements: Sequence[Settlement]) -> str:
    """Say after how many attempts the queue gave up, when that is so of all recipients."""
    tried = {each.attempts[-1].n if each.state is State.EXPIRED else 0 for each in settlements}
    [count] = tried if len(tried) == 1 else (0,)
    return f"after {count} attempts " if count else ""


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


def _status(settlements: Sequence[Settlement], hostname: str, until: datetime) -> Part:
    """Tell a program what happened (RFC 3464 section 2)."""
    about = settlements[0].recipient
    fields = [*_message_fields(about, hostname)]
    for each in settlements:
        fields += ["", *_recipient_fields(each, until)]
    body = lines(*(line for field in fields for line in folded(printable(field)).split("\n")))
    if not about.smtputf8:
        return Part("message/delivery-status", "Delivery report", as_ascii(body), "7bit")
    return Part("message/global-delivery-status", "Delivery report", body, encoding_of(body))


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


_XTEXT = re.compile(r"\+([0-9A-F]{2})")


def _unxtext(text: str) -> str:
    """Decode xtext (RFC 3461 section 4); one that hides control characters stays as it is."""
    decoded = _XTEXT.sub(lambda match: chr(int(match[1], 16)), text)
    return decoded if decoded.isascii() and decoded.isprintable() else text
