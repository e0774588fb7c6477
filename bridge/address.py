"""Mailboxes in events: reading `Ada <ada@example.org>`, and refusing what could do harm; pure.

The bridge is a mail client, so it judges for itself and shares nothing with the MSA. It is
stricter than RFC 5321: what it refuses is parked with a reason, what it passes is a legal path.
"""

import re
from dataclasses import dataclass

import idna

MAX_LOCAL_PART = 64  # octets, RFC 5321 section 4.5.3.1.1
MAX_DOMAIN = 255  # octets, RFC 5321 section 4.5.3.1.2
MAX_NAME = 200  # characters; a longer display name is no name
MAX_TEXT = 1000  # characters of path and name; checked first, so that no pattern runs for long
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_LOCAL_PART = re.compile(rf'{_ATOM}(?:\.{_ATOM})*|"(?:[ !#-\[\]-~]|\\[ -~])+"')
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|\[(?:[0-9.]+|IPv6:[0-9A-Fa-f:.]+)\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class MalformedAddress(ValueError):
    """The text is no mailbox; the message says why in a few words."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A path, and the name that is shown with it."""

    path: str  # "ada@example.org", the domain in A-labels when the local part is ASCII
    name: str = ""


def read_mailbox(text: str, name: str = "") -> Mailbox:
    """Read a path or `Name <path>`; a name in the text goes before the argument.

    Raises `MalformedAddress`.
    """
    if len(text) > MAX_TEXT:
        raise MalformedAddress(f"it has more than {MAX_TEXT} characters")
    if _CONTROL.search(text) or _CONTROL.search(name):
        raise MalformedAddress("a line break or control character in it")
    path = text.strip()
    if path.endswith(">") and "<" in path:
        shown, _, path = path[:-1].rpartition("<")
        name = _unquoted(shown.strip()) or name
    if len(name) > MAX_NAME:
        raise MalformedAddress(f"a name of more than {MAX_NAME} characters")
    return Mailbox(_path(path), name.strip())


def _unquoted(name: str) -> str:
    if len(name) >= 2 and name[0] == name[-1] == '"':
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name


def _path(path: str) -> str:
    local_part, at, domain = path.rpartition("@")
    if not at:
        raise MalformedAddress("no @ in it")
    if not _LOCAL_PART.fullmatch(local_part):
        raise MalformedAddress("its local part is malformed")
    if local_part.isascii() and not domain.isascii():
        domain = _a_labels(domain)
    if domain.isascii() and not _DOMAIN.fullmatch(domain):
        raise MalformedAddress("its domain is malformed")
    if not domain.isascii():
        _a_labels(domain)
    if len(local_part.encode()) > MAX_LOCAL_PART or len(domain.encode()) > MAX_DOMAIN:
        raise MalformedAddress("it is too long")
    return f"{local_part}@{domain}"


def _a_labels(domain: str) -> str:
    if len(domain) > MAX_DOMAIN:
        raise MalformedAddress("it is too long")
    try:
        return idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise MalformedAddress("its domain is no internationalised name") from None
