"""The document inside the preview's frame: the message's own HTML, isolated but not sanitised.

The frame's sandbox and the document's policy isolate it; nothing else is changed, so that it looks
as its author wrote it. Only inline images are embedded, links open outside, and three elements lose
their meaning: `base` would turn links elsewhere; `link` can look up and connect to hosts
(`preconnect`, `dns-prefetch`), which no policy forbids; and for an `iframe` that the policy forbids
Chromium connects all the same (seen in 156), which tells its host who reads the mail.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_DOCUMENT = 4_000_000  # characters of HTML that are shown; browsers choke on more
MAX_INLINE_OCTETS = 5_000_000  # an inline image above this is not embedded
# All that is embedded in a document; one small picture may be named a million times.
MAX_EMBEDDED_OCTETS = 10_000_000
MAX_SCANNED = 500_000  # characters in which remote items are counted

SANDBOX = "allow-popups allow-popups-to-escape-sandbox"

_LINK = re.compile(r"<(a|area|form)(?=[\s>/])", re.IGNORECASE)
_NEVER = re.compile(r"<(base|i?frame)(?=[\s>/])", re.IGNORECASE)
_NOT_YET = re.compile(r"<(base|i?frame|link)(?=[\s>/])", re.IGNORECASE)
_CID = re.compile(r"cid:([^\s\"'<>()\\]{1,998})", re.IGNORECASE)
_REMOTE = re.compile(
    r"(?:\b(?:src|background|poster|srcset)\s*=\s*[\"']?\s*|url\(\s*[\"']?\s*|@import\s+[\"'])"
    r"(?:https?:)?//|<link\b[^>]{0,500}\bhref\s*=\s*[\"']?\s*(?:https?:)?//",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Inline:
    """A part of the message that its HTML may show by its Content-ID."""

    content_type: str
    octets: bytes


def policy(*, remote: bool) -> str:
    """Return the Content-Security-Policy of the document; `remote` lets it load images and fonts.

    Scripts, forms and plugins stay off in either case.
    """
    far = " https: http:" if remote else ""
    return (
        f"sandbox {SANDBOX}; default-src 'none'; img-src data:{far}; "
        f"style-src 'unsafe-inline'{far}; font-src data:{far}; "
        + (f"media-src{far}; " if remote else "")
        + "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )


def document(html: str, inline: Mapping[str, Inline], *, remote: bool = False) -> str:
    """Return the frame's document; `inline` are the parts by Content-ID without brackets."""
    room = MAX_EMBEDDED_OCTETS

    def embed(match: re.Match[str]) -> str:
        nonlocal room
        part = inline.get(match[1])
        if part is None or not _is_image(part):
            return match[0]
        size = len(part.octets)
        if size > min(MAX_INLINE_OCTETS, room):
            return match[0]
        room -= size
        return f"data:{part.content_type};base64,{base64.b64encode(part.octets).decode('ascii')}"

    # An unknown element is nothing; to cut the tag out would need its end, which may be missing.
    shown = (_NEVER if remote else _NOT_YET).sub(r"<no-\1", html[:MAX_DOCUMENT])
    # Of two attributes of one name the first counts, so ours go right behind the tag's name.
    shown = _LINK.sub(r'<\1 target="_blank" rel="noopener noreferrer"', shown)
    return _CID.sub(embed, shown)


def count_remote(html: str) -> int:
    """Count what the HTML would load from elsewhere."""
    return sum(1 for _ in _REMOTE.finditer(html, 0, MAX_SCANNED))


def _is_image(part: Inline) -> bool:
    return re.fullmatch(r"image/[a-z0-9.+-]{1,60}", part.content_type) is not None
