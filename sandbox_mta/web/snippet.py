"""The first words of a message, as lists show them; pure."""

import re
from html import unescape

from msa.message.view import View

MAX_SNIPPET = 200  # characters, as in Mailpit's lists
MAX_SCANNED = 50_000  # characters of a body that a snippet is looked for in

_TAG_NAME = re.compile(r"[A-Za-z]{1,20}")
_UNSEEN = frozenset({"style", "script", "head", "title"})


def snippet(view: View) -> str:
    """Return the beginning of what the message says, on one line: of its HTML as mail apps do."""
    text = strip_tags(view.html[:MAX_SCANNED]).strip() or view.text[:MAX_SCANNED]
    line = " ".join(text.split())
    return line if len(line) <= MAX_SNIPPET else line[:MAX_SNIPPET] + "..."


def strip_tags(html: str) -> str:
    """Return the text between tags; what stands in `_UNSEEN` elements is left out."""
    pieces, position = [], 0
    while (start := html.find("<", position)) >= 0:
        pieces.append(html[position:start])
        name = _TAG_NAME.match(html, start + 1)
        unseen = name is not None and name[0].lower() in _UNSEEN
        # A tag or element that never ends takes the rest with it, so this stays linear.
        end = html.find(f"</{name[0]}" if name and unseen else ">", start)
        if end < 0:
            return unescape(" ".join(pieces))
        position = html.find(">", end) + 1 or len(html)
    pieces.append(html[position:])
    return unescape(" ".join(pieces))
