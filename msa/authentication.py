"""AUTH PLAIN and LOGIN (RFC 4954, RFC 4616), without I/O.

A mechanism is a generator: it yields the challenges, is sent the client's response lines, and
returns the `Credentials`. It raises `Refused` for a response that it can't read.
"""

import binascii
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from msa import reply
from msa.reply import Refused, Reply

MAX_USER = 255  # octets of a user name, since it is kept with every message

Exchange = Generator[Reply, bytes, "Credentials"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who somebody says to be; the password is compared and forgotten, never kept or logged."""

    user: str
    password: str = field(repr=False)


def _plain(initial: bytes | None) -> Exchange:
    response = initial if initial is not None else (yield reply.challenge(""))
    # RFC 4616 section 2: [authzid] NUL authcid NUL passwd
    parts = _decode(response).split("\0")
    if len(parts) != 3:
        raise Refused(reply.AUTH_MALFORMED)
    return _credentials(parts[1], parts[2])


def _login(initial: bytes | None) -> Exchange:
    # draft-murchison-sasl-login: "Username:" and "Password:" in base64
    user = initial if initial is not None else (yield reply.challenge("VXNlcm5hbWU6"))
    user_name = _decode(user)
    password = yield reply.challenge("UGFzc3dvcmQ6")
    return _credentials(user_name, _decode(password))


MECHANISMS: dict[str, Callable[[bytes | None], Exchange]] = {"PLAIN": _plain, "LOGIN": _login}


def begin(argument: str) -> Exchange:
    """Begin what `AUTH mechanism [initial-response]` asks for."""
    mechanism, _, initial = argument.partition(" ")
    if not mechanism.isascii() or mechanism.upper() not in MECHANISMS:
        raise Refused(reply.AUTH_MECHANISM)
    return MECHANISMS[mechanism.upper()](initial.encode("utf-8", "replace") if initial else None)


def _decode(response: bytes) -> str:
    if response == b"*":
        raise Refused(reply.AUTH_CANCELLED)
    if response == b"=":  # RFC 4954 section 4: an empty initial response
        return ""
    if len(response) % 4:  # strict_mode lets a "=" too many pass
        raise Refused(reply.AUTH_NOT_BASE64)
    try:
        return binascii.a2b_base64(response, strict_mode=True).decode()
    except UnicodeDecodeError:
        raise Refused(reply.AUTH_MALFORMED) from None
    except ValueError:
        raise Refused(reply.AUTH_NOT_BASE64) from None


def _credentials(user: str, password: str) -> Credentials:
    if len(user.encode()) > MAX_USER or not user.isprintable():
        raise Refused(reply.AUTH_MALFORMED)
    if user == "":
        raise Refused(reply.AUTH_FAILED)
    return Credentials(user, password)
