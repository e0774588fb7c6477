"""A text part made of an HTML one, for templates that have no body.txt.j2; pure."""

import re
from html.parser import HTMLParser

MAX_LINE = 76  # characters, so that quoted-printable seldom breaks a line
_SKIPPED = frozenset(("head", "style", "script", "title", "template"))
# fmt: off
_BLOCKS = frozenset((
    "address", "article", "blockquote", "body", "div", "footer", "h1", "h2", "h3", "h4", "h5",
    "h6", "header", "li", "main", "ol", "p", "pre", "section", "table", "tr", "ul",
))
_VOID = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
))
# fmt: on
_SPACED = frozenset(("blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "table", "ul"))
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")


def html_to_text(html: str) -> str:
    """Return what a reader sees: paragraphs, `- ` lists, rules, links with their addresses."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._blocks: list[str] = []
        self._line: list[str] = []
        self._hidden: list[str] = []  # open elements inside one that is not shown
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._hidden or tag in _SKIPPED or _HIDDEN.search(dict(attrs).get("style") or ""):
            if tag not in _VOID:
                self._hidden.append(tag)
            return
        if tag in _BLOCKS:
            self._end_line(is_paragraph=tag in _SPACED)
        if tag == "li":
            self._line.append("- ")
        elif tag in ("br", "hr"):
            self._line.append("-" * 40 if tag == "hr" else "")
            self._end_line()
        elif tag == "img":
            self._line.append(dict(attrs).get("alt") or "")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self._line)))

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            if tag in self._hidden:
                while self._hidden.pop() != tag:
                    pass
            return
        if tag == "a" and self._links:
            self._write_link(*self._links.pop())
        elif tag in ("td", "th"):
            self._line.append(" ")
        elif tag in _BLOCKS:
            self._end_line(is_paragraph=tag in _SPACED)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._line.append(data)

    def _write_link(self, href: str, start: int) -> None:
        shown = "".join(self._line[start:]).strip()
        target = href.removeprefix("mailto:")
        if target and target != shown and not target.startswith("#"):
            self._line.append(f" <{target}>" if shown else target)

    def _end_line(self, *, is_paragraph: bool = False) -> None:
        text = re.sub(r"[ \t\r\n\u200c\u034f]+", " ", "".join(self._line)).strip()
        self._line.clear()
        self._links = [(href, 0) for href, _ in self._links]
        if text:
            self._blocks.append(_wrapped(text))
        if is_paragraph and self._blocks and self._blocks[-1]:
            self._blocks.append("")

    def text(self) -> str:
        self._end_line()
        return "\n".join(self._blocks).strip("\n") + "\n"


def _wrapped(text: str) -> str:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > MAX_LINE:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\n".join(lines)
