"""Domain names: their ASCII form, and what organisation they belong to as far as a list knows."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

MAX_DOMAIN = 253  # characters without the final dot (RFC 1035 section 2.3.4)

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


@lru_cache(maxsize=1024)
def ascii_name(domain: str) -> str | None:
    """Return a domain in lower-case ASCII without its final dot; None when it can't be one."""
    name = domain[: MAX_DOMAIN + 2].lower().removesuffix(".")
    if not name.isascii():
        import idna  # its tables are large, and most domains don't need them

        try:
            name = idna.encode(name, uts46=True, transitional=False).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    if len(name) > MAX_DOMAIN or not all(map(_LABEL.fullmatch, name.split("."))):
        return None
    return name


def domain_of(path: str) -> str | None:
    """Return the ASCII domain of an address; None for a literal, or without one."""
    return ascii_name(path.rpartition("@")[2]) if "@" in path else None


def organisation(name: str) -> str:
    """Return the organisational domain of an ASCII name by the public suffix list.

    It is the approximation of RFC 7489 that serves where nobody may ask DNS. A name that is a
    suffix itself stands for itself.
    """
    found: str | None = _suffixes().privatesuffix(name)
    return found or name


@lru_cache(maxsize=1)
def _suffixes() -> "PublicSuffixList":
    # Imported here: 40 ms, which only a message with two different domains needs.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
