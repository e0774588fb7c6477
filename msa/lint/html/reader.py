"""The reader: from the tokens of an HTML body to elements, texts, references and flaws of nesting.

What a browser repairs silently is repaired here as far as it matters for what a reader sees.
"""

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, cast

from msa.lint.html.css import Colour, Css, Looks, colour_of, read_style
from msa.lint.html.features import words
from msa.lint.html.tags import BLOCKS, OPTIONAL, SHAPES, USUAL, VOID

if TYPE_CHECKING:
    from turbohtml import Token

MAX_TOKENS = 50_000  # tags and texts of one body; a long newsletter has 5,000
MAX_STYLES = 262_144  # characters of style attributes and sheets of one body
MAX_LINK_TEXT = 200  # characters of what a link shows
MAX_LOOKED_BACK = 50  # open elements that an end tag may close; sound HTML closes the last
MAX_MISNESTED = 50  # flaws of nesting that are kept

_UNSHOWN = frozenset(("script", "style", "title", "template", "noframes", "head"))
_END_TAG = "x-end"
_END = f"<{_END_TAG}>"  # read after the text; it goes lost in a tag or comment that isn't closed
_RARE_LOOKS = frozenset(("bgcolor", "background", "hidden", "color"))
_RAW = words("iframe noembed noframes plaintext script style textarea title xmp")
_FOREIGN = frozenset(("svg", "math"))


class Place(NamedTuple):
    """Where something stands in the decoded text."""

    line: int  # from 1
    column: int  # characters from 0


class Element(NamedTuple):
    """A start tag."""

    tag: str  # lower case
    attributes: dict[str, str]  # by lower-case name; of two of a name the first counts
    line: int  # from 1, of the decoded text
    column: int  # characters from 0

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.line, self.column)


def element_of(token: "Token") -> Element:
    """Return a start tag; most are never asked for."""
    return Element(token.tag or "", dict(token.attrs or ()), token.line, token.col)


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


class Hidden(NamedTuple):
    """A run of characters that nobody sees."""

    data: str
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
    shows: bool


# An open element: its tag, where it began, and what applies inside.
_Open = tuple[str, "Token", _Looks]
# A start tag: its tag, its attributes, and where it stands.
Start = tuple[str, dict[str, str], "Token"]
# An address as it is found: the start tag, the attribute, and what a link shows, as written.
Address = tuple[str, "Token", str, str]

_PLAIN = _Looks(False, False, None, None, True)
_OUTSIDE: _Open = ("", cast("Token", None), _PLAIN)  # nobody asks where it began
_SAYS_NOTHING = Looks()
_NOTHING: dict[str, str] = {}


class Reader:
    """Reads one body; afterwards its attributes hold what was found.

    What is done for each token is the hottest of the linter: a newsletter has a thousand.
    """

    def __init__(self) -> None:
        self.starts: list[Start] = []
        self.texts: list[str | Hidden] = []
        self.hides = False  # some of the texts are `Hidden`
        self.addresses: list[Address] = []
        self.sheets: list[Sheet] = []
        self.styles: list[tuple[Token, Css]] = []  # each text once, or a few times
        self.broken: list[Broken] = []
        self.has_doctype = False
        self.title: str | None = None
        self.caps: list[str] = []  # limits that were hit: "tags", "styles"
        self._open: list[_Open] = [_OUTSIDE]
        self._forgotten: Counter[str] = Counter()  # closed by others; their end tags are no news
        self._link: Token | None = None
        self._link_url = ""
        self._link_texts: list[str] = []
        self._styles_left = MAX_STYLES
        self._known: dict[tuple[object, ...], _Looks] = {}
        self._distinct: dict[_Looks, _Looks] = {_PLAIN: _PLAIN}

    def read(self, text: str) -> None:
        """Read a body; never raises for any text."""
        from turbohtml import TokenType, tokenize

        start, end, doctype = TokenType.START_TAG, TokenType.END_TAG, TokenType.DOCTYPE
        said = TokenType.TEXT
        # A form feed would be a line end to CSS, and none to HTML.
        tokens = tokenize(text.replace("\f", " ") + _END)
        token: Token | None = None
        for token in islice(tokens, MAX_TOKENS):
            kind = token.type
            if kind is start:
                self._starts(token)
            elif kind is end:
                self._ends(token)
            elif kind is said:
                self._says(token)
            elif kind is doctype:
                self.has_doctype = True
        self._finish_link()
        if next(tokens, None) is None:
            self._finish(token)
        else:
            self.caps.append("tags")

    def _starts(self, token: "Token") -> None:
        tag = token.tag or ""
        opened = self._open
        closes, breaks, is_void, addresses = SHAPES.get(tag, USUAL)
        if closes:
            while opened[-1][0] in closes:
                opened.pop()
        if breaks:
            self.texts.append("\n")
        looks = opened[-1][2]
        pairs = token.attrs
        attributes = dict(pairs) if pairs else _NOTHING
        if pairs:
            looks = self._attributes(token, attributes, addresses, looks)
        self.starts.append((tag, attributes, token))
        if not is_void and not (token.self_closing and (":" in tag or self._in_foreign(tag))):
            opened.append((tag, token, looks))

    def _attributes(
        self,
        token: "Token",
        attributes: dict[str, str],
        addresses: tuple[str, ...],
        above: _Looks,
    ) -> _Looks:
        """Take the addresses of an element, and return what applies inside it."""
        if addresses:
            self._addresses(token, attributes, addresses)
        elif self._link is not None and "alt" in attributes:
            self._link_texts.append(attributes["alt"])
        style = attributes.get("style")
        if not _RARE_LOOKS.isdisjoint(attributes):
            return self._rare_looks(token, attributes, above)
        return above if style is None else self._looks((style, id(above)), token, attributes, above)

    def _rare_looks(self, token: "Token", attributes: dict[str, str], above: _Looks) -> _Looks:
        if "background" in attributes:
            url = _address(attributes["background"])
            self.addresses.append((url, token, "background", ""))
        rare = map(attributes.get, _RARE_LOOKS)
        key = attributes.get("style"), id(above), token.tag == "font", *rare
        return self._looks(key, token, attributes, above)

    def _ends(self, token: "Token") -> None:
        tag = token.tag or ""
        if tag in BLOCKS:
            self.texts.append("\n")
        elif tag == "a":
            self._finish_link()
        if self._open[-1][0] == tag:
            self._open.pop()
        else:
            self._end_of_another(token, tag)

    def _says(self, token: "Token") -> None:
        tag, _, looks = self._open[-1]
        data = token.data or ""
        if tag in _UNSHOWN:
            self._unshown(tag, data, token)
            return
        if looks.shows:
            self.texts.append(data)
        else:
            self.texts.append(Hidden(data, Place(token.line, token.col)))
            self.hides = True
        if self._link is not None:
            self._link_texts.append(data)

    def _in_foreign(self, tag: str) -> bool:
        return tag in _FOREIGN or not _FOREIGN.isdisjoint(self._innermost())

    def _innermost(self) -> list[str]:
        """Return the tags of the innermost open elements."""
        return [name for name, _, _ in self._open[-MAX_LOOKED_BACK:]]

    def _end_of_another(self, token: "Token", tag: str) -> None:
        """Close an element that is not the innermost, or was not open at all."""
        if tag not in self._innermost():
            if self._forgotten[tag]:
                self._forgotten[tag] -= 1
            elif tag not in ("p", "br", "body", "html") and tag not in VOID:
                self._flaw(f"</{tag}> closes nothing", Place(token.line, token.col))
            return
        while True:
            name, start, _ = self._open.pop()
            if name == tag:
                return
            if name not in OPTIONAL:
                self._forgotten[name] += 1
                self._flaw(
                    f"<{name}> is still open where </{tag}> stands", Place(start.line, start.col)
                )

    def _unshown(self, tag: str, data: str, token: "Token") -> None:
        data = data.removesuffix(_END)
        if tag == "style":
            if self._may_read(len(data)):
                self.sheets.append(Sheet(data, Place(token.line, token.col)))
        elif tag == "title" and self.title is None and not self._in_foreign(tag):
            self.title = data

    def _looks(
        self,
        key: tuple[object, ...],
        token: "Token",
        attributes: dict[str, str],
        above: _Looks,
    ) -> _Looks:
        """Return what applies inside an element; found out once for what the key says."""
        known = self._known.get(key)
        if known is None:
            looks = self._looks_of(token, attributes, above)
            # Equal ones are made one, so that what stands inside is found out once, too.
            known = self._known[key] = self._distinct.setdefault(looks, looks)
        return known

    def _looks_of(self, token: "Token", attributes: dict[str, str], above: _Looks) -> _Looks:
        hidden, tiny, colour, ground, _ = above
        if "bgcolor" in attributes:
            ground = colour_of(attributes["bgcolor"][:40]) or ground
        if "color" in attributes and token.tag == "font":
            colour = colour_of(attributes["color"][:40]) or colour
        if "background" in attributes:
            ground = ()
        said = self._style(token, attributes.get("style", ""))
        hidden = hidden or said.hides or "hidden" in attributes
        tiny = tiny if said.tiny is None else said.tiny
        colour = said.colour or colour
        ground = ground if said.ground is None else said.ground
        shows = not (hidden or tiny or (colour is not None and colour == ground))
        return _Looks(hidden, tiny, colour, ground, shows)

    def _style(self, token: "Token", style: str) -> Looks:
        if not style or not self._may_read(len(style)):
            return _SAYS_NOTHING
        css = read_style(style)
        self.styles.append((token, css))
        return css.looks

    def _may_read(self, size: int) -> bool:
        if 0 <= self._styles_left < size:
            self.caps.append("styles")
        self._styles_left -= size
        return self._styles_left >= 0

    def _addresses(
        self, token: "Token", attributes: dict[str, str], names: tuple[str, ...]
    ) -> None:
        if token.tag == "a":
            self._finish_link()
            if "href" in attributes:
                self._link = token
                self._link_url = _address(attributes["href"])
            return
        if self._link is not None and "alt" in attributes:
            self._link_texts.append(attributes["alt"])
        for name in names:
            value = attributes.get(name)
            if value is not None:
                for url in _candidates(value) if name == "srcset" else (_address(value),):
                    self.addresses.append((url, token, name, ""))

    def _finish_link(self) -> None:
        token, self._link = self._link, None
        if token is not None:
            shown = "".join(self._link_texts)
            self._link_texts.clear()
            self.addresses.append((self._link_url, token, "href", shown))

    def _finish(self, last: "Token | None") -> None:
        innermost, token, _ = self._open[-1]
        if innermost == _END_TAG and token is last:
            del self.starts[-1], self._open[-1]
        elif innermost not in _RAW:  # there our end is text
            place = Place(1, 0) if last is None else Place(last.line, last.col)
            self._flaw("after this the HTML ends inside a tag or a comment", place)
        for name, start, _ in self._open[1:]:
            if name not in OPTIONAL:
                self._flaw(f"<{name}> is never closed", Place(start.line, start.col))

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
