"""What was said in the simulated sessions of one recipient: `transcript`, from its attempts.

Nothing of it is stored. An attempt says which exchanger was asked, what it answered and at which
stage; everything before that went as every session goes. As in the transcript of a submission,
"C:" is the client, which is the sandbox here, and "S:" the server.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from msa.reply import Reply, greeting, hello
from sandbox_mta.mta.exchanger import is_ours
from sandbox_mta.mta.ports import Attempt

KEPT_SESSIONS = 100  # the first and the last half
MAX_LINE = 1_000  # characters

_OK = Reply(250, "0.0", "Ok")
_BYE = Reply(221, "0.0", "Bye")
_GO_AHEAD = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
_TLS = Reply(220, "0.0", "Ready to start TLS")
_OFFERED = ("PIPELINING", "SIZE", "STARTTLS", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "DSN")
# What an exchanger does not offer when we say this of it, and so the command is never sent.
_LACKS = {"TLS is required, ": "STARTTLS", "SMTPUTF8 is required, ": "SMTPUTF8"}
_UNSAID = (*_LACKS, "message size exceeds ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What a session says of the message and the recipient (RFC 5321, RFC 3461)."""

    hostname: str  # of the sandbox
    reverse_path: str
    size_octets: int  # as delivered
    body: str | None
    smtputf8: bool
    ret: str | None
    envid: str | None
    forward_path: str
    notify: tuple[str, ...] | None
    orcpt: str | None
    is_relayed: bool = False  # to an exchanger that does not offer DSN


def transcript(mail: Mail, attempts: Sequence[Attempt]) -> str:
    """Return the sessions in the order of the attempts; "" before the first.

    Of more than `KEPT_SESSIONS` those in the middle are left out. Each begins with the time of the
    clock, and ends with the last thing that happened in it.
    """
    half = KEPT_SESSIONS // 2
    left_out = max(0, len(attempts) - 2 * half)
    first = attempts[: half if left_out else None]
    sessions = ["".join(_session(mail, each)) for each in first]
    if left_out:
        sessions.append(f"({left_out} sessions are left out here)\n")
        sessions += ["".join(_session(mail, each)) for each in attempts[-half:]]
    return "\n".join(sessions)


def _session(mail: Mail, attempt: Attempt) -> Iterator[str]:
    where = f"{attempt.exchanger}[{attempt.address}]:25" if attempt.exchanger else "no exchanger"
    yield _line(f"{attempt.started_at:%Y-%m-%d %H:%M:%S} UTC, attempt {attempt.n}: {where}")
    answered = attempt.stage
    if answered in ("routing", "connect"):
        yield from _aside(attempt.reply.text)
        return
    is_unsaid = is_ours(answered, attempt.reply) and attempt.reply.text.startswith(_UNSAID)
    for stage, command, reply in _steps(mail, attempt):
        if command and not (stage == answered and is_unsaid):
            yield _line(f"C: {command}")
        if stage == answered:
            yield from _ending(attempt)
            return
        if reply is not None:
            yield from _said(reply)


def _steps(mail: Mail, attempt: Attempt) -> Iterator[tuple[str, str, Reply | None]]:
    """Yield each stage, what is said at it, and what is answered when all is well."""
    offered = _offered(mail, attempt)
    yield "banner", "", greeting(attempt.exchanger)
    yield "ehlo", f"EHLO {mail.hostname}", hello(attempt.exchanger, offered)
    if attempt.stage in ("starttls", "tls"):
        yield "starttls", "STARTTLS", _TLS
        yield "tls", "", None
    yield "mail", " ".join(_mail(mail, offered)), _OK
    yield "rcpt", " ".join(_rcpt(mail, offered)), _OK
    yield "data", "DATA", _GO_AHEAD
    yield "dot", f"[{mail.size_octets} octets]", _OK
    yield "quit", "QUIT", _BYE


def _offered(mail: Mail, attempt: Attempt) -> Sequence[str]:
    lacking = {"DSN"} if mail.is_relayed else set()
    if is_ours(attempt.stage, attempt.reply):
        lacking |= {name for start, name in _LACKS.items() if attempt.reply.text.startswith(start)}
    return [name for name in _OFFERED if name not in lacking]


def _mail(mail: Mail, offered: Sequence[str]) -> Iterator[str]:
    yield f"MAIL FROM:<{mail.reverse_path}>"
    yield f"SIZE={mail.size_octets}"
    if mail.body is not None:
        yield f"BODY={mail.body}"
    if mail.smtputf8 and "SMTPUTF8" in offered:
        yield "SMTPUTF8"
    if "DSN" in offered:
        if mail.ret is not None:
            yield f"RET={mail.ret}"
        if mail.envid is not None:
            yield f"ENVID={mail.envid}"


def _rcpt(mail: Mail, offered: Sequence[str]) -> Iterator[str]:
    yield f"RCPT TO:<{mail.forward_path}>"
    if "DSN" in offered:
        if mail.notify is not None:
            yield f"NOTIFY={','.join(mail.notify)}"
        if mail.orcpt is not None:
            yield f"ORCPT={mail.orcpt}"


def _ending(attempt: Attempt) -> Iterator[str]:
    """Yield what decided the attempt, and how the session ended after it."""
    if is_ours(attempt.stage, attempt.reply):
        yield from _aside(attempt.reply.text)
        return
    yield from _said(attempt.reply)
    if attempt.reply.code == 421:  # RFC 5321 section 3.8: the server closes the connection
        yield from _aside("the server closed the connection")
    elif attempt.stage != "quit":
        yield _line("C: QUIT")
        yield from _said(_BYE)


def _said(reply: Reply) -> Iterator[str]:
    *before, last = reply.text.split("\n")
    enhanced = f"{reply.enhanced} " if reply.enhanced else ""
    for line in before:
        yield _line(f"S: {reply.code}-{enhanced}{line}")
    yield _line(f"S: {reply.code} {enhanced}{last}")


def _aside(text: str) -> Iterable[str]:
    """Tell what happened without a word of either side."""
    return (_line(f"-- {text}"),)


def _line(text: str) -> str:
    """Put what was said on one line, whatever it holds."""
    return "".join(char if char.isprintable() else "?" for char in text[:MAX_LINE]) + "\n"
