"""The verbs of outcomes: what each makes of its argument, its reply and its stage."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from sandbox_mta.mta.exchanger import DISCARDED
from sandbox_mta.mta.scenario.answer import Answer
from sandbox_mta.mta.scenario.conditions import Crowded, Greylisted, Larger, NeedsUtf8, Throttled
from sandbox_mta.mta.scenario.replies import (
    OutcomeError,
    from_preset,
    meant,
    read_duration,
    read_reply,
    read_size,
    says,
)
from sandbox_mta.mta.status import State

MAX_COUNT = 100_000  # of `throttle` and `concurrency`
SESSION = timedelta(seconds=1)  # how long one lasts that nobody says is slow


@dataclass(frozen=True, slots=True)
class Words:
    """An outcome taken apart."""

    verb: str
    argument: str
    times: int | None  # None: not said; 0: for ever
    rest: str  # a preset's name, or a reply
    stage: str


def nothing_more(words: Words, *surplus: str) -> None:
    found = next(filter(None, surplus), None)
    if found is not None:
        raise OutcomeError(f'"{words.verb}" takes no "{found}"')


def _reply(words: Words, default: Answer, level: int) -> Answer:
    """Return the reply that follows a verb, which must be of the verb's class."""
    answer = default
    if words.rest:
        is_preset = "." in words.rest and not words.rest[0].isdecimal()
        answer = from_preset(words.rest) if is_preset else read_reply(words.rest)
    if answer.code // 100 != level:
        raise OutcomeError(f'"{words.verb}" needs a reply of class {level}, not {answer.code}')
    return staged(answer, words.stage)


def staged(answer: Answer, stage: str) -> Answer:
    return replace(answer, stage=stage) if stage else answer


_BUSY = says(451, "3.2", "{host} is busy, please try again later", "rcpt", "system")
_UNKNOWN = says(
    550, "1.1", "<{rcpt}>: Recipient address rejected: User unknown at {host}", "rcpt",
    "user-unknown",
)  # fmt: skip
_FULL = says(
    552, "2.2", "<{rcpt}>: The mailbox at {host} is full and inactive", "rcpt", "mailbox-full"
)
_FULL_NOW = says(
    452, "2.2", "<{rcpt}>: The mailbox at {host} is full, try again later", "rcpt", "mailbox-full"
)
_DISABLED = says(
    550, "2.1", "<{rcpt}>: The mailbox at {host} is disabled", "rcpt", "mailbox-disabled"
)
_GREY = says(
    451, "7.1", "<{rcpt}>: Greylisted at {host}, please try again later", "rcpt", "greylisted"
)
_TOO_FAST = says(
    421, "7.0", "{host} gets mail from {ip} too fast, try again later", "mail", "rate-limited"
)
_CROWDED = says(
    421, "7.0", "{host} Error: too many connections from {ip}", "banner", "too-many-connections"
)

_DOING = {
    "connect": "connecting",
    "banner": "receiving the initial server greeting",
    "ehlo": "performing the EHLO handshake",
    "starttls": "sending STARTTLS",
    "tls": "performing the TLS handshake",
    "mail": "sending MAIL FROM",
    "rcpt": "sending RCPT TO",
    "data": "sending DATA command",
    "dot": "sending end of data -- message may be sent more than once",
    "quit": "sending QUIT",
}
_MINUTES = {"data": 2, "dot": 10}  # RFC 5321 section 4.5.3.2; five for the others


def _connection(words: Words) -> Answer:
    """Nobody answers: 4.4.1, and the next exchanger is tried."""
    nothing_more(words, words.argument, words.rest, words.stage)
    problem, seconds = {
        "refuse": ("Connection refused", 0),
        "unreachable": ("No route to host", 0),
        "connect-timeout": ("Connection timed out", 30),
    }[words.verb]
    text = f"connect to {{at}}:25: {problem}"
    return says(451, "4.1", text, "connect", "network", timedelta(seconds=seconds))


def _broken(words: Words) -> Answer:
    """The connection is lost, or stalls until our patience ends: 4.4.2."""
    nothing_more(words, words.argument, words.rest)
    stage = words.stage or "rcpt"
    if words.verb == "drop":
        return says(
            451, "4.2", f"lost connection with {{at}} while {_DOING[stage]}", stage, "network"
        )
    text = f"conversation with {{at}} timed out while {_DOING[stage]}"
    took = timedelta(minutes=_MINUTES.get(stage, 5))
    return says(451, "4.2", text, stage, "network", took)


_CERTIFICATES = {
    "expired": "certificate has expired",
    "mismatch": "certificate does not name the host",
    "untrusted": "certificate is signed by nobody we trust",
}


def _tls(words: Words) -> Answer:
    nothing_more(words, words.rest, words.stage)
    if words.verb == "tls-missing":
        text = "TLS is required, but was not offered by host {at}"
        return says(451, "7.4", text, "starttls", "tls")
    if words.verb == "tls-fail":
        kind = words.argument or "expired"
        if kind not in _CERTIFICATES:
            raise OutcomeError(
                f'unknown certificate trouble "{kind}"{meant(kind, [*_CERTIFICATES])}'
            )
        problem = _CERTIFICATES[kind]
    else:
        policy = {"sts-fail": "MTA-STS policy", "dane-fail": "TLSA record"}[words.verb]
        problem = f"certificate does not match the {policy} of the domain"
    return says(451, "7.5", f"Server certificate not trusted: {{at}}: {problem}", "tls", "tls")


def _full(words: Words) -> Answer:
    if words.argument not in ("", "soft"):
        raise OutcomeError(f'"mailbox-full" takes :soft, not ":{words.argument}"')
    soft = bool(words.argument)
    return _reply(words, _FULL_NOW if soft else _FULL, 4 if soft else 5)


def _too_big(words: Words) -> Answer:
    limit = read_size(words.argument)
    text = f"message size exceeds size limit {limit} of server {{at}}"
    default = says(552, "3.4", text, "mail", "message-too-big")
    return replace(_reply(words, default, 5), when=Larger(limit))


def _moved(words: Words) -> Answer:
    if "@" not in words.argument:
        raise OutcomeError('"moved" needs the new address: moved:new@example.org')
    text = f"User not local; please try <{_literal(words.argument)}>"
    return _reply(words, says(551, "1.6", text, "rcpt", "moved"), 5)


def _no_smtputf8(words: Words) -> Answer:
    text = "SMTPUTF8 is required, but was not offered by host {at}"
    default = says(550, "6.7", text, "mail", "policy")
    return replace(_reply(words, default, 5), when=NeedsUtf8())


def _greylist(words: Words) -> Answer:
    delay = read_duration("greylist", words.argument or "5m")
    return replace(_reply(words, _GREY, 4), when=Greylisted(delay))


_RATE = re.compile(r"(\d{1,6})/(\d{0,4}(?:s|m|h|d))")


def _throttle(words: Words) -> Answer:
    match = _RATE.fullmatch(words.argument)
    if match is None or not 1 <= int(match[1]) <= MAX_COUNT:
        raise OutcomeError(f'"throttle" needs a rate: throttle:20/m, not "{words.argument}"')
    per = match[2] if match[2][0].isdecimal() else f"1{match[2]}"
    condition = Throttled(int(match[1]), read_duration("throttle", per))
    return replace(_reply(words, _TOO_FAST, 4), when=condition)


_SESSIONS = re.compile(r"(\d{1,3})(?:/(\w+))?")


def _concurrency(words: Words) -> Answer:
    match = _SESSIONS.fullmatch(words.argument)
    if match is None or not int(match[1]):
        raise OutcomeError(f'"concurrency" needs a number: concurrency:2, not "{words.argument}"')
    lasting = read_duration("concurrency", match[2]) if match[2] else SESSION
    return replace(_reply(words, _CROWDED, 4), when=Crowded(int(match[1]), lasting))


def _suppress(words: Words) -> Answer:
    nothing_more(words, words.rest, words.stage)
    why = _literal(words.argument) or "hard bounce"
    text = f"<{{rcpt}}> is on the suppression list ({why}); nothing was tried"
    answer = says(550, "1.1", text, "routing", "suppressed")
    return replace(answer, state=State.SUPPRESSED)


def _literal(text: str) -> str:
    return text.replace("{", "(").replace("}", ")")


def _no_dsn(words: Words) -> Answer:
    """Take the message without the extension DSN: reports end here (RFC 3461 section 5.2.2)."""
    nothing_more(words, words.argument, words.rest, words.stage)
    answer = says(250, "0.0", "Ok: {host} took the message", "dot", "")
    return replace(answer, state=State.RELAYED)


def _discard(words: Words) -> Answer:
    nothing_more(words, words.argument, words.rest, words.stage)
    return says(250, "0.0", "Ok: {host} took the message", "dot", DISCARDED)


def _refusing(default: Answer) -> Callable[[Words], Answer]:
    level = default.code // 100

    def read(words: Words) -> Answer:
        nothing_more(words, words.argument)
        return _reply(words, default, level)

    return read


VERBS: Mapping[str, Callable[[Words], Answer]] = {
    "defer": _refusing(_BUSY),
    "bounce": _refusing(_UNKNOWN),
    "greylist": _greylist,
    "throttle": _throttle,
    "concurrency": _concurrency,
    "refuse": _connection,
    "connect-timeout": _connection,
    "unreachable": _connection,
    "drop": _broken,
    "stall": _broken,
    "tls-missing": _tls,
    "tls-fail": _tls,
    "sts-fail": _tls,
    "dane-fail": _tls,
    "mailbox-full": _full,
    "too-big": _too_big,
    "disabled": _refusing(_DISABLED),
    "moved": _moved,
    "no-smtputf8": _no_smtputf8,
    "no-dsn": _no_dsn,
    "suppress": _suppress,
    "discard": _discard,
}
