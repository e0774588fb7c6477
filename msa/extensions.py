"""ESMTP service extensions: what EHLO offers, and the parameters it buys.

Adding an extension is adding one `Extension` to `offer`; nothing else changes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from msa import reply
from msa.authentication import MECHANISMS
from msa.reply import Refused

MAX_ENVID = 100  # characters, RFC 3461 section 4.4
MAX_ORCPT = 500  # characters, RFC 3461 section 4.2

Accepts = Callable[[str], bool]

# RFC 3461 section 4: printable ASCII but "+" and "=", or "+" and two upper-case hex digits. What
# the digits stand for must be printable too, or they would smuggle line ends into reports.
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+(?:[2-6][0-9A-F]|7[0-9A-E]))*+")
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9!#$%&'*/?^_`{|}~-]+")
_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class Extension:
    """One service extension: its EHLO line, and the parameters MAIL and RCPT may carry."""

    ehlo: str
    mail: Mapping[str, Accepts] = field(default_factory=dict)
    rcpt: Mapping[str, Accepts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """All that a session was offered in answer to its EHLO; nothing after HELO."""

    ehlo: tuple[str, ...] = ()
    mail: Mapping[str, Accepts] = field(default_factory=dict)
    rcpt: Mapping[str, Accepts] = field(default_factory=dict)


def _one_of(*values: str) -> Accepts:
    # isascii: "\u017f" (long s) in upper case is "S".
    return lambda value: value.isascii() and value.upper() in values


def _matches(pattern: str) -> Accepts:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _xtext(value: str) -> bool:
    return _XTEXT.fullmatch(value) is not None


def _auth(value: str) -> bool:
    # RFC 4954 section 5: "<>" or the submitter's mailbox as xtext.
    return value == "<>" or (value != "" and _xtext(value))


def _envid(value: str) -> bool:
    return 0 < len(value) <= MAX_ENVID and _xtext(value)


def _notify(value: str) -> bool:
    # RFC 3461 section 4.1: NEVER stands alone; the other three may be listed.
    wanted = value.upper().split(",") if value.isascii() else [""]
    return wanted == ["NEVER"] or set(wanted) <= {"SUCCESS", "FAILURE", "DELAY"}


def _orcpt(value: str) -> bool:
    # RFC 3461 section 4.2: addr-type ";" xtext; RFC 6533 section 3: "utf-8" may be UTF-8.
    kind, _, address = value.partition(";")
    if len(value) > MAX_ORCPT or address == "" or not _ADDRESS_TYPE.fullmatch(kind):
        return False
    if kind.lower() == "utf-8":
        address = "".join(c for c in address if c.isascii() or not c.isprintable())
    return _xtext(address)


EIGHTBITMIME = Extension("8BITMIME", mail={"BODY": _one_of("7BIT", "8BITMIME", "BINARYMIME")})
SMTPUTF8 = Extension("SMTPUTF8", mail={"SMTPUTF8": _one_of("")})
DSN = Extension(
    "DSN",
    mail={"RET": _one_of("FULL", "HDRS"), "ENVID": _envid},
    rcpt={"NOTIFY": _notify, "ORCPT": _orcpt},
)
AUTH = Extension(f"AUTH {' '.join(MECHANISMS)}", mail={"AUTH": _auth})
# Our own: a repeat of the key is answered with the first message's id, and stores nothing.
SUBMISSION_KEY = Extension(
    "XSUBMISSIONKEY", mail={"XSUBMISSIONKEY": _matches("[A-Za-z0-9-]{1,64}")}
)


@lru_cache(maxsize=64)
def offer(
    *, max_size: int, max_recipients: int, starttls: bool, auth: bool, submission_keys: bool
) -> Offer:
    """Put together what a session is offered; `max_size` in octets."""
    extensions = [
        Extension(f"SIZE {max_size}", mail={"SIZE": _matches("[0-9]{1,20}")}),  # RFC 1870
        EIGHTBITMIME,
        SMTPUTF8,
        Extension("PIPELINING"),
        Extension("CHUNKING"),  # RFC 3030
        Extension("BINARYMIME"),  # a value of 8BITMIME's BODY
        DSN,
        Extension("ENHANCEDSTATUSCODES"),
        Extension(f"LIMITS RCPTMAX={max_recipients}"),  # RFC 9422
        *([Extension("STARTTLS")] if starttls else []),
        *([AUTH] if auth else []),
        *([SUBMISSION_KEY] if submission_keys else []),
        Extension("HELP"),
    ]
    return Offer(
        ehlo=tuple(extension.ehlo for extension in extensions),
        mail={key: accepts for each in extensions for key, accepts in each.mail.items()},
        rcpt={key: accepts for each in extensions for key, accepts in each.rcpt.items()},
    )


def read_parameters(
    words: Sequence[str], allowed: Mapping[str, Accepts], *, extended: bool = True
) -> dict[str, str]:
    """Read `KEYWORD=value` words; the case of values is kept.

    Raises `Refused` for the first that is malformed, unknown, repeated or of a bad value.
    """
    parameters: dict[str, str] = {}
    for number, word in enumerate(words, start=1):
        keyword, equals, value = word.partition("=")
        if not _KEYWORD.fullmatch(keyword) or (equals and not value):
            raise Refused(reply.malformed_parameter(number))
        keyword = keyword.upper()
        if not extended:
            raise Refused(reply.parameter_needs_ehlo(keyword))
        if keyword not in allowed:
            raise Refused(reply.unknown_parameter(keyword))
        if keyword in parameters:
            raise Refused(reply.repeated_parameter(keyword))
        if not allowed[keyword](value):
            raise Refused(reply.bad_value(keyword))
        parameters[keyword] = value
    return parameters
