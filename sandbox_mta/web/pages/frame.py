"""The document inside the preview's frame: the message's own HTML, isolated but not sanitised.

The frame's sandbox and the document's policy isolate it; nothing else is changed, so that it looks
as its author wrote it. Only inline images are embedded, links open outside, and `base` is removed.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_INLINE_OCTETS = 262_144  # an inline image above this is not embedded

SANDBOX = "allow-popups allow-popups-to-escape-sandbox"

_LINK = re.compile(r"<(a|area|form)(?=[\s>/])", re.IGNORECASE)
_BASE = re.compile(r"<base(?=[\s>/])[^>]{0,2048}>", re.IGNORECASE)
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


def document(html: str, inline: Mapping[str, Inline]) -> str:
    """Return the frame's document; `inline` are the parts by Content-ID without brackets."""

    def embed(match: re.Match[str]) -> str:
        part = inline.get(match[1])
        if part is None or len(part.octets) > MAX_INLINE_OCTETS or not _is_image(part):
            return match[0]
        return f"data:{part.content_type};base64,{base64.b64encode(part.octets).decode('ascii')}"

    # Of two attributes of one name the first counts, so ours go right behind the tag's name.
    without_base = _BASE.sub("", html)
    outward = _LINK.sub(r'<\1 target="_blank" rel="noopener noreferrer"', without_base)
    return _CID.sub(embed, outward)


def count_remote(html: str) -> int:
    """Count what the HTML would load from elsewhere."""
    return sum(1 for _ in _REMOTE.finditer(html))


def _is_image(part: Inline) -> bool:
    return re.fullmatch(r"image/[a-z0-9.+-]{1,60}", part.content_type) is not None
