"""An HTML body as rules see it: what `Reader` found, and the octets where each of it stands."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import cast

from msa.lint.html.css import Css, read_sheet
from msa.lint.html.reader import (
    MAX_LINK_TEXT,
    Broken,
    Element,
    Hidden,
    Place,
    Reader,
    Reference,
    Sheet,
    element_of,
)
from msa.message.charset import UNDECLARED, codec_name
from msa.message.decoding import encoded_offsets
from msa.message.tree import Message, Part, Span

_LINE_END = re.compile(r"\r\n|\r|\n")
_TAG_END = re.compile(r"[^>\"']*(?:(?:\"[^\"]*\"|'[^']*')[^>\"']*)*>?")
MAX_TAG = 4_096  # characters of a tag that are searched for an attribute


class Page:
    """One text/html part that is shown, not attached."""

    def __init__(self, message: Message, part: Part, data: bytes) -> None:
        self.part = part
        self._message = message
        self._data = data
        self._source, self._codec = _decoded(data, part.charset or UNDECLARED)
        reader = Reader()
        reader.read(self._source)
        self.texts: list[str | Hidden] = reader.texts  # in order
        self.hides: bool = reader.hides  # some of the texts
        self.broken: list[Broken] = reader.broken
        self.has_doctype: bool = reader.has_doctype
        self.title: str | None = reader.title
        self.caps: list[str] = reader.caps
        self._starts = reader.starts
        self._sheets = reader.sheets
        self._styles = reader.styles
        self._addresses = reader.addresses

    @cached_property
    def elements(self) -> list[Element]:
        """The start tags in order; dear, so ask for `tags` or `attribute_names` before."""
        return [
            Element(tag, attributes, token.line, token.col)
            for tag, attributes, token in self._starts
        ]

    def lacking(self, tag: str, *groups: frozenset[str]) -> list[Element]:
        """Return the elements of one name that have no attribute of some group."""
        return [
            Element(tag, attributes, token.line, token.col)
            for name, attributes, token in self._starts
            if name == tag and any(map(attributes.keys().isdisjoint, groups))
        ]

    @cached_property
    def tags(self) -> set[str]:
        """Which elements there are, so that rules need not look at each."""
        return {tag for tag, _, _ in self._starts}

    @cached_property
    def attribute_names(self) -> set[str]:
        """Which attributes there are."""
        return set().union(*[attributes for _, attributes, _ in self._starts if attributes])

    @cached_property
    def text(self) -> str:
        """What a reader sees; blocks stand on lines of their own."""
        if not self.hides:
            return "".join(cast("list[str]", self.texts))
        return "".join(text for text in self.texts if isinstance(text, str))

    @cached_property
    def sheets(self) -> list[tuple[Sheet, Css]]:
        """The style elements, read."""
        return [(sheet, read_sheet(sheet.text)) for sheet in self._sheets]

    @cached_property
    def styles(self) -> list[tuple[Element, Css]]:
        """The style attributes, read; each text once, or a few times."""
        return [(element_of(token), css) for token, css in self._styles]

    @cached_property
    def references(self) -> list[Reference]:
        """All addresses, those in style sheets and style attributes at the end."""
        found = [
            Reference(url, element_of(token), name, " ".join(shown.split())[:MAX_LINK_TEXT])
            for url, token, name, shown in self._addresses
        ]
        return [*found, *self._in_css]

    @cached_property
    def urls(self) -> list[str]:
        """What the references refer to; for rules that can tell from it that nothing is wrong."""
        urls = [url for url, _, _, _ in self._addresses]
        return [*urls, *(reference.url for reference in self._in_css)]

    @cached_property
    def url_text(self) -> str:
        """All of them, each after a line end."""
        return "\n".join(["", *self.urls])

    @cached_property
    def loaded(self) -> str:
        """What is loaded, not followed: the addresses but for those of links, each on a line."""
        urls = [url for url, _, name, _ in self._addresses if name != "href"]
        return "\n".join([*urls, *(reference.url for reference in self._in_css)])

    @cached_property
    def link_texts(self) -> str:
        """What the links show, as written, each on lines of its own."""
        return "\n".join([shown for _, _, name, shown in self._addresses if name == "href"])

    @cached_property
    def _in_css(self) -> list[Reference]:
        return [*self._css_references()]

    def _css_references(self) -> Iterator[Reference]:
        for element, css in self.styles:
            for url in css.urls:
                yield Reference(url.url.strip(), element, "style")
        for sheet, css in self.sheets:
            for url in css.urls:
                place = _within(sheet.place, url.line, url.column)
                yield Reference(url.url.strip(), Element("style", {}, *place), "")

    @property
    def links(self) -> Iterator[Reference]:
        """The addresses that people follow."""
        return (reference for reference in self.references if reference.is_link)

    def element_span(self, element: Element, attribute: str = "") -> Span:
        """Return the octets of a tag, or of one attribute's value in it."""
        start = self._index(element.place)
        if not attribute:
            found = _TAG_END.match(self._source, start, start + MAX_TAG)
            assert found is not None  # every piece of the pattern may be empty
            return self._octets(start, found.end())
        pattern = rf"\s{re.escape(attribute)}\s*=\s*(?:\"([^\"]*)|'([^']*)|([^\s>]*))"
        found = re.compile(pattern, re.IGNORECASE).search(self._source, start, start + MAX_TAG)
        if found is None:
            return self.element_span(element)
        return self._octets(*found.span(found.lastindex or 0))

    def span(self, place: Place, size: int = 1) -> Span:
        """Return the octets of some characters of the text."""
        start = self._index(place)
        return self._octets(start, start + size)

    def css_span(self, within: Element | Sheet, line: int, column: int) -> Span:
        """Return the octets of a place in a sheet or a style attribute, to the end of its line."""
        if isinstance(within, Sheet):
            start = self._index(_within(within.place, line, column))
            end = _LINE_END.search(self._source, start)
            return self._octets(start, len(self._source) if end is None else end.start())
        return self.element_span(within, "style")

    @cached_property
    def _lines(self) -> list[int]:
        """Where each line of the text begins."""
        return [0, *(end.end() for end in _LINE_END.finditer(self._source))]

    def _index(self, place: Place) -> int:
        line = min(place.line, len(self._lines)) - 1
        return min(self._lines[line] + place.column, len(self._source))

    def _octets(self, start: int, end: int) -> Span:
        """Return the octets of the content where a range of the text is written."""
        first = self._in_data(start)
        last = max(first, self._in_data(min(end, start + 200)) - 1)
        begin, final = encoded_offsets(self._message, self.part, [first, last])
        return Span(begin, max(begin, min(final + 1, self.part.body.end)))

    def _in_data(self, index: int) -> int:
        if len(self._source) == len(self._data):
            return index
        return len(self._source[:index].encode(self._codec, "replace"))


def _decoded(data: bytes, charset: str) -> tuple[str, str]:
    """Decode so that each character has its octets, and return the codec as well."""
    for codec in (codec_name(charset), "utf_8"):
        if codec is not None:
            try:
                text = data.decode(codec)
            except (UnicodeError, LookupError):
                continue
            return text, codec
    return data.decode("latin_1"), "latin_1"


def _within(start: Place, line: int, column: int) -> Place:
    """Return a place of the whole text, given one in a text that begins at `start`."""
    if line <= 1:
        return Place(start.line, start.column + column)
    return Place(start.line + line - 1, column)
