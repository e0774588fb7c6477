"""Refusals in the words of big providers, for what each is known to refuse by the message alone.

Lint mode `mimic=PROVIDER` uses them. Reputation, rates and the client's address are nothing that a
message shows; so "authentication" means DKIM here, and SPF as far as DNS was asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from msa.envelope import Submission
from msa.lint.finding import Finding, Severity
from msa.message.mailbox import read_addresses
from msa.message.summary import summarise
from msa.reply import Reply

MAX_DOMAIN = 255  # characters of a message's domain that a reply quotes

Applies = Callable[[Finding], bool]


def _always(_: Finding) -> bool:
    return True


def _error(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR


def _of_author(finding: Finding) -> bool:
    return finding.text.endswith("in the From field")


def _repeats_what_gmail_counts(finding: Finding) -> bool:
    return finding.text in ("a second Subject field", "a second Message-ID field")


def _repeats_author(finding: Finding) -> bool:
    return finding.text == "a second From field"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One thing that a provider refuses, and its reply."""

    rules: Mapping[str, Applies]  # by code: which findings of the rule it is about
    code: int
    detail: str
    lines: tuple[str, ...]  # {ip}, {domain} and {id} stand for what the message has
    source: str  # where the reply was seen
    seen: str  # when: year, or year and month


_GUIDELINES = (
    "For more information, go to",
    "https://support.google.com/mail/?p=RfcMessageNonCompliant",
    "and review RFC 5322 specifications. {id} - gsmtp",
)
_NOT_COMPLIANT = "[{ip}] This message is not RFC 5322 compliant"

_GMAIL = (
    Refusal(
        rules={"HDR004": _always, "ADR001": _of_author},
        code=550,
        detail="7.1",
        lines=(
            "[{ip}] Messages missing a valid address in the From: header, or having no",
            "From: header, are not accepted.",
            *_GUIDELINES,
        ),
        source="support.google.com/a/answer/3726730",
        seen="2024",
    ),
    Refusal(
        rules={"HDR008": _always},
        code=550,
        detail="7.1",
        lines=(
            "[{ip}] Messages with multiple addresses in From: header are not accepted.",
            *_GUIDELINES,
        ),
        source="support.google.com/a/answer/3726730",
        seen="2024",
    ),
    Refusal(
        rules={"HDR007": _repeats_author},
        code=550,
        detail="7.1",
        lines=(
            f"{_NOT_COMPLIANT}:",
            "Multiple 'From' headers found. To reduce the amount of spam sent to Gmail, this",
            "message has been blocked.",
            *_GUIDELINES,
        ),
        source="spamresource.com/2022/08/gmail-weird-rfc-5322-bounces-and-what.html",
        seen="2022-08",
    ),
    Refusal(
        rules={"HDR007": _repeats_what_gmail_counts},
        code=550,
        detail="7.1",
        lines=(
            f"{_NOT_COMPLIANT} because it has",
            "duplicate headers. To reduce the amount of spam sent to Gmail, this message has",
            "been blocked.",
            *_GUIDELINES,
        ),
        source="support.google.com/a/answer/3726730",
        seen="2024",
    ),
    Refusal(
        rules={"HDR005": _always, "HDR006": _error},
        code=550,
        detail="7.1",
        lines=(
            "[{ip}] Messages missing a valid Message-ID: header are not accepted.",
            *_GUIDELINES,
        ),
        source="support.google.com/a/answer/3726730; linagora/james-project #5431",
        seen="2025",
    ),
    Refusal(
        rules={"MIM010": _error},
        code=552,
        detail="7.0",
        lines=(
            "This message was blocked because its content presents a potential",
            "security issue. Please visit",
            "https://support.google.com/mail/?p=BlockedMessage to review our",
            "message content and attachment content guidelines. {id} - gsmtp",
        ),
        source="support.google.com/a/answer/3726730",
        seen="2024",
    ),
    Refusal(
        rules={"AUT001": _always, "AUT002": _always},
        code=550,
        detail="7.26",
        lines=(
            "This mail has been blocked because the sender is unauthenticated.",
            "Gmail requires all senders to authenticate with either SPF or DKIM.",
            "",
            " Authentication results:",
            " DKIM = did not pass",
            " SPF [{domain}] with ip: [{ip}] = did not pass",
            "",
            " For instructions on setting up authentication, go to",
            " https://support.google.com/mail/answer/81126#authentication {id} - gsmtp",
        ),
        source="support.google.com/mail/answer/81126; support.google.com/a/answer/3726730",
        seen="2024",
    ),
)

_OUTLOOK = (
    Refusal(
        rules={"HDR004": _always, "ADR001": _of_author},
        code=550,
        detail="7.512",
        lines=(
            "Access denied, message must be RFC 5322 section 3.6.2 compliant and include a valid"
            " From address",
        ),
        source="learn.microsoft.com, non-delivery reports in Exchange Online",
        seen="2024",
    ),
    Refusal(
        rules=dict.fromkeys(("AUT001", "AUT002", "AUT004", "AUT005", "AUT006"), _always),
        code=550,
        detail="7.515",
        lines=(
            "Access denied, sending domain {domain} does not meet the required authentication"
            " level.",
            "The sender's domain in the 5322.From address doesn't meet the authentication"
            " requirements",
            "defined for the sender.",
        ),
        source="support.microsoft.com, Fix NDR error 550 5.7.515 in Outlook.com",
        seen="2025-05",
    ),
)

_YAHOO = (
    Refusal(
        rules=dict.fromkeys(
            ("HDR001", "HDR004", "HDR007", "HDR012", "HDR014", "ENC008", "SEC001", "SEC002"), _error
        ),
        code=554,
        detail="0.0",
        lines=("Message not accepted due to failed RFC compliance.",),
        source="wordtothewise.com/2022/05/message-not-compliant-with-the-rfcs",
        seen="2022-05",
    ),
    Refusal(
        rules={"AUT001": _always, "AUT002": _always},
        code=550,
        detail="7.9",
        lines=(
            "This mail has been blocked because the sender is unauthenticated. Yahoo requires all"
            " senders to authenticate with either SPF or DKIM.",
            "See https://senders.yahooinc.com/smtp-error-codes",
        ),
        source="senders.yahooinc.com/smtp-error-codes",
        seen="2025-04",
    ),
)

PROVIDERS: Mapping[str, Sequence[Refusal]] = {
    "gmail": _GMAIL,
    "outlook": _OUTLOOK,
    "yahoo": _YAHOO,
}


def judge_as(provider: str, findings: Sequence[Finding], submission: Submission) -> Reply | None:
    """Return the reply with which a provider refuses the message, or None when it takes it.

    The first refusal of its list counts, as a provider names one reason.
    """
    for refusal in PROVIDERS[provider]:
        for finding in findings:
            if finding.code in refusal.rules and refusal.rules[finding.code](finding):
                return _reply(refusal, submission)
    return None


def _reply(refusal: Refusal, submission: Submission) -> Reply:
    values = {
        "ip": submission.client.address,
        "domain": _author_domain(submission.content),
        "id": submission.id,
    }
    lines = (line.format_map(values) for line in refusal.lines)
    return Reply(refusal.code, refusal.detail, "\n".join(lines))


def _author_domain(content: bytes) -> str:
    """Return the domain of the first author, printable; "" without one."""
    author = summarise(content).author.encode("utf-8", "replace")
    mailboxes = read_addresses(author).mailboxes
    domain = mailboxes[0].domain[:MAX_DOMAIN].decode("ascii", "replace") if mailboxes else ""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in domain)
