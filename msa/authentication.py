"""AUTH and its mechanisms (RFC 4954), without I/O.

A mechanism is a generator: it yields the challenges, is sent the client's response lines, and
returns the `Credentials`. It raises `Refused` for a response that it can't read.
"""

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from msa import reply
from msa.reply import Refused, Reply

MAX_USER = 255  # octets of a user name, since it is kept with every message

_DIGEST = re.compile(r"[0-9A-Fa-f]{32}")
_XOAUTH2 = re.compile(r"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", re.IGNORECASE)

Exchange = Generator[Reply, bytes, "Credentials"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who somebody says to be, and the proof; that is compared and forgotten, never logged."""

    user: str
    proof: str = field(repr=False)  # the password, or what `challenge` was answered with
    challenge: str = field(default="", repr=False)

    def proves(self, password: str) -> bool:
        """Say whether it is somebody who knows the password."""
        known = password
        if self.challenge:  # RFC 2195 section 2
            known = hmac.new(password.encode(), self.challenge.encode(), "md5").hexdigest()
        return hmac.compare_digest(self.proof.encode(), known.encode())


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


def _cram_md5(initial: bytes | None) -> Exchange:
    # RFC 2195 section 2: a Message-ID nobody can foresee; the answer is user SP hex digest.
    if initial is not None:
        raise Refused(reply.AUTH_NO_INITIAL)
    asked = f"<{secrets.token_hex(12)}@sandbox.test>"
    response = yield reply.challenge(base64.b64encode(asked.encode()).decode())
    user, _, digest = _decode(response).rpartition(" ")
    if not _DIGEST.fullmatch(digest):
        raise Refused(reply.AUTH_MALFORMED)
    return _credentials(user, digest.lower(), asked)


def _xoauth2(initial: bytes | None) -> Exchange:
    # Google's XOAUTH2 protocol: user={user} ^A auth=Bearer {token} ^A ^A
    response = initial if initial is not None else (yield reply.challenge(""))
    match = _XOAUTH2.fullmatch(_decode(response))
    if match is None:
        raise Refused(reply.AUTH_MALFORMED)
    return _credentials(match[1], match[2])


MECHANISMS: dict[str, Callable[[bytes | None], Exchange]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _cram_md5,
    "XOAUTH2": _xoauth2,
}


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


def _credentials(user: str, proof: str, challenge: str = "") -> Credentials:
    if len(user.encode()) > MAX_USER or not user.isprintable():
        raise Refused(reply.AUTH_MALFORMED)
    if user == "":
        raise Refused(reply.AUTH_FAILED)
    return Credentials(user, proof, challenge)
