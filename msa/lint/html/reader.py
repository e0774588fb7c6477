"""The reader: from the tokens of an HTML body to elements, texts, references and flaws of nesting.

What a browser repairs silently is repaired here as far as it matters for what a reader sees.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from msa.lint.html.css import Colour, Css, colour_of, read_style
from msa.lint.html.features import words

MAX_TOKENS = 50_000  # of one body; a long newsletter has 5,000
MAX_STYLES = 262_144  # characters of style attributes and sheets of one body
MAX_LINK_TEXT = 200  # characters of what a link shows
MAX_MISNESTED = 50  # flaws of nesting that are kept

VOID = words(
    "area base basefont bgsound br col embed frame hr img input keygen link meta param source"
    " track wbr"
)
# Their end tags may be left out (WHATWG section 13.1.2.4).
OPTIONAL = words(
    "body caption colgroup dd dt head html li optgroup option p rp rt tbody td tfoot th thead tr"
)
BLOCKS = words(
    "address article aside blockquote body br center dd div dl dt figure footer form h1 h2 h3"
    " h4 h5 h6 head header hr li main nav ol p pre section table tbody td tfoot th thead title"
    " tr ul"
)
# What a start tag closes that was left open before it.
_CLOSES: dict[str, frozenset[str]] = {
    **{name: frozenset((name,)) for name in ("li", "option")},
    **dict.fromkeys(("dt", "dd"), frozenset(("dt", "dd"))),
    **dict.fromkeys(("td", "th"), frozenset(("td", "th", "p"))),
    "tr": frozenset(("td", "th", "tr", "p")),
    **dict.fromkeys(("tbody", "tfoot", "thead"), words("td th tr tbody thead tfoot p")),
    **dict.fromkeys(
        words("p div table ul ol dl h1 h2 h3 h4 h5 h6 hr form pre center blockquote section"),
        frozenset(("p",)),
    ),
}
_UNSHOWN = frozenset(("script", "style", "title", "template", "noscript", "noframes", "head"))
_END = "<x-end>"  # read after the text; it goes lost in a tag or comment that isn't closed
_RAW = words("iframe noembed noframes plaintext script style textarea title xmp")
_FOREIGN = frozenset(("svg", "math"))

# Which attributes hold addresses, by element; "background" does everywhere.
_ADDRESSES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("a", "area", "link", "base"), ("href",)),
    **dict.fromkeys(("iframe", "frame", "embed", "audio", "track", "v:fill", "v:image"), ("src",)),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "input": ("src", "formaction"),
    "button": ("formaction",),
    "form": ("action",),
    "object": ("data",),
}


class Place(NamedTuple):
    """Where something stands in the decoded text."""

    line: int  # from 1
    column: int  # characters from 0


class Element(NamedTuple):
    """A start tag."""

    tag: str  # lower case
    attributes: dict[str, str]  # by lower-case name; of two of a name the first counts
    place: Place


class Reference(NamedTuple):
    """An address that the body refers to, as written but for the white space around it."""

    url: str
    element: Element
    attribute: str  # "href"; "style" when it stands in CSS
    text: str = ""  # what a link shows

    @property
    def is_link(self) -> bool:
        """Say whether people follow it, and nothing is loaded by itself."""
        return self.attribute == "href" and self.element.tag in ("a", "area")


class Text(NamedTuple):
    """A run of characters."""

    data: str
    shown: bool
    place: Place


class Sheet(NamedTuple):
    """The text of a style element."""

    text: str
    place: Place


class Broken(NamedTuple):
    """A flaw of the markup itself."""

    text: str
    place: Place


class _Looks(NamedTuple):
    """What applies to the text inside an element."""

    hidden: bool
    tiny: bool
    colour: Colour | None
    ground: Colour | tuple[()] | None

    @property
    def shows(self) -> bool:
        return not (self.hidden or self.tiny or (self.colour and self.colour == self.ground))


class _Open(NamedTuple):
    element: Element
    looks: _Looks
    shows: bool


_PLAIN = _Looks(False, False, None, None)
_OUTSIDE = _Open(Element("", {}, Place(1, 0)), _PLAIN, True)


class Reader:
    """Reads one body; afterwards its attributes hold what was found."""

    def __init__(self) -> None:
        self.elements: list[Element] = []
        self.texts: list[Text] = []
        self.references: list[Reference] = []
        self.sheets: list[Sheet] = []
        self.styles: list[tuple[Element, Css]] = []
        self.broken: list[Broken] = []
        self.has_doctype = False
        self.title: str | None = None
        self.caps: list[str] = []  # limits that were hit: "tokens", "styles"
        self._open: list[_Open] = []
        self._counts: Counter[str] = Counter()  # of the open elements
        self._forgotten: Counter[str] = Counter()  # closed by others; their end tags are no news
        self._link: tuple[Element, int] | None = None  # where its texts begin
        self._styles_left = MAX_STYLES

    def read(self, text: str) -> None:
        """Read a body; never raises for any text."""
        import turbohtml

        kinds = turbohtml.TokenType
        start_tag, end_tag, characters = kinds.START_TAG, kinds.END_TAG, kinds.TEXT
        place, seen_end = Place(1, 0), False
        # A form feed would be a line end to CSS, and none to HTML.
        for count, token in enumerate(turbohtml.tokenize(text.replace("\f", " ") + _END)):
            if count >= MAX_TOKENS:
                self.caps.append("tokens")
                break
            kind = token.type
            seen_end = kind is start_tag and token.tag == _END[1:-1]
            if seen_end:
                continue
            place = Place(token.line, token.col)
            if kind is characters:
                self._text((token.data or "").removesuffix(_END), place)
            elif kind is start_tag:
                self._start(token.tag or "", token.attrs or (), place, token.self_closing)
            elif kind is end_tag:
                self._end(token.tag or "", place)
            elif kind is kinds.DOCTYPE:
                self.has_doctype = True
        self._finish(place, seen_end)

    def _start(
        self, tag: str, pairs: Iterable[tuple[str, str | None]], place: Place, closed: bool
    ) -> None:
        attributes: dict[str, str] = {}
        for name, value in pairs:
            attributes.setdefault(name, value or "")
        element = Element(tag, attributes, place)
        self.elements.append(element)
        closes = _CLOSES.get(tag)
        if closes is not None:
            while self._open and self._open[-1].element.tag in closes:
                self._counts[self._open.pop().element.tag] -= 1
        if tag in BLOCKS:
            self.texts.append(Text("\n", True, place))
        if attributes:
            self._addresses(element)
        looks = self._looks(element)
        if tag in VOID or (closed and (":" in tag or self._in_foreign(tag))):
            return
        shows = looks.shows and tag not in _UNSHOWN
        self._open.append(_Open(element, looks, shows))
        self._counts[tag] += 1

    def _in_foreign(self, tag: str) -> bool:
        return tag in _FOREIGN or any(self._counts[name] for name in _FOREIGN)

    def _end(self, tag: str, place: Place) -> None:
        if tag == "a":
            self._finish_link()
        if tag in BLOCKS:
            self.texts.append(Text("\n", True, place))
        if not self._counts[tag]:
            self._end_of_nothing(tag, place)
            return
        while True:
            inner = self._open.pop().element
            self._counts[inner.tag] -= 1
            if inner.tag == tag:
                return
            if inner.tag not in OPTIONAL:
                self._forgotten[inner.tag] += 1
                self._flaw(f"<{inner.tag}> is still open where </{tag}> stands", inner.place)

    def _end_of_nothing(self, tag: str, place: Place) -> None:
        if self._forgotten[tag]:
            self._forgotten[tag] -= 1
        elif tag not in ("p", "br", "body", "html") and tag not in VOID:
            self._flaw(f"</{tag}> closes nothing", place)

    def _text(self, data: str, place: Place) -> None:
        within = self._open[-1] if self._open else _OUTSIDE
        tag = within.element.tag
        if tag == "style":
            self._take_style(len(data))
            if self._styles_left >= 0:
                self.sheets.append(Sheet(data, place))
        elif tag == "title":
            if self.title is None and not self._in_foreign(tag):
                self.title = data
        elif tag not in _UNSHOWN:
            self.texts.append(Text(data, within.shows, place))

    def _looks(self, element: Element) -> _Looks:
        above = self._open[-1].looks if self._open else _PLAIN
        attributes = element.attributes
        style = attributes.get("style")
        hidden, tiny, colour, ground = above
        if "bgcolor" in attributes:
            ground = colour_of(attributes["bgcolor"][:40]) or ground
        if "color" in attributes and element.tag == "font":
            colour = colour_of(attributes["color"][:40]) or colour
        if "background" in attributes:
            ground = ()
        if style:
            self._take_style(len(style))
            if self._styles_left >= 0:
                css = read_style(style)
                self.styles.append((element, css))
                said = css.looks
                hidden = hidden or said.hides
                tiny = tiny if said.tiny is None else said.tiny
                colour = said.colour or colour
                ground = ground if said.ground is None else said.ground
        if "hidden" in attributes:
            hidden = True
        return _Looks(hidden, tiny, colour, ground)

    def _take_style(self, size: int) -> None:
        if 0 <= self._styles_left < size:
            self.caps.append("styles")
        self._styles_left -= size

    def _addresses(self, element: Element) -> None:
        tag, attributes, _ = element
        if tag == "a":
            self._finish_link()
            if "href" in attributes:
                self._link = element, len(self.texts)
        elif self._link is not None and attributes.get("alt"):
            self.texts.append(Text(attributes["alt"], False, element.place))
        for name in _ADDRESSES.get(tag, ()):
            if name in attributes and tag != "a":
                value = attributes[name]
                for url in _candidates(value) if name == "srcset" else (_address(value),):
                    self.references.append(Reference(url, element, name))
        if "background" in attributes:
            url = _address(attributes["background"])
            self.references.append(Reference(url, element, "background"))

    def _finish_link(self) -> None:
        if self._link is None:
            return
        element, first = self._link
        self._link = None
        pieces: list[str] = []
        size = 0
        for text in self.texts[first:]:
            pieces.append(text.data)
            size += len(text.data)
            if size > MAX_LINK_TEXT:
                break
        shown = " ".join("".join(pieces).split())[:MAX_LINK_TEXT]
        self.references.append(
            Reference(_address(element.attributes["href"]), element, "href", shown)
        )

    def _finish(self, place: Place, seen_end: bool) -> None:
        self._finish_link()
        if "tokens" in self.caps:
            return
        if not seen_end and not (self._open and self._open[-1].element.tag in _RAW):
            self._flaw("after this the HTML ends inside a tag or a comment", place)
        for element, _, _ in self._open:
            if element.tag not in OPTIONAL:
                self._flaw(f"<{element.tag}> is never closed", element.place)

    def _flaw(self, text: str, place: Place) -> None:
        if len(self.broken) < MAX_MISNESTED:
            self.broken.append(Broken(text, place))


def _address(value: str) -> str:
    """Return an address as browsers read it: line ends and tabs in it are nothing."""
    value = value.strip()
    if "\n" in value or "\t" in value:
        return value.replace("\n", "").replace("\t", "")
    return value


def _candidates(srcset: str) -> list[str]:
    """Return the addresses of a srcset attribute."""
    return [words[0] for part in srcset.split(", ")[:50] if (words := part.split())]
