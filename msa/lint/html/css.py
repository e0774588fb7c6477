"""Style sheets and style attributes: which features they use, which URLs, and what they hide.

The same text is read once: an application sends the same styles in all its mails. Reading takes
about 0.1 us a character, from memory 0.1 us in all.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from msa.lint.html.features import (
    ANYWHERE,
    AT_RULES,
    COMBINATORS,
    FUNCTIONS,
    KEYWORDS,
    MEDIA,
    PROPERTIES,
    PSEUDO_CLASSES,
    PSEUDO_ELEMENTS,
    UNITS,
)

MAX_STYLE = 4_096  # characters of a style attribute that is remembered; usual ones have 100
MAX_SHEET = 65_536  # and of a style sheet; newsletters have 10,000
MAX_URLS = 200  # of one text
MAX_NESTING = 30  # of rules within rules; parentheses nest without limit
TINY_PX = 2.0  # letters below this size can't be read

Colour = tuple[int, int, int]


class Use(NamedTuple):
    """The first use of a feature, with its place in the text: lines from 1, columns from 0."""

    feature: str
    line: int
    column: int


class Url(NamedTuple):
    """An address in the text."""

    url: str
    line: int
    column: int


class Looks(NamedTuple):
    """What a style attribute does to the text inside; None: it says nothing about it."""

    hides: bool = False
    tiny: bool | None = None
    colour: Colour | None = None
    ground: Colour | tuple[()] | None = None  # () is a picture


class Css(NamedTuple):
    """What was read."""

    uses: tuple[Use, ...]
    urls: tuple[Url, ...]
    looks: Looks = Looks()
    reveals: bool = False  # some media query sets `display`, and so may show what is hidden


def read_style(text: str) -> Css:
    """Read the value of a style attribute; never raises."""
    return _style_again(text) if len(text) <= MAX_STYLE else _style(text)


def read_sheet(text: str) -> Css:
    """Read a style sheet; never raises."""
    return _sheet_again(text) if len(text) <= MAX_SHEET else _sheet(text)


def _style(text: str) -> Css:
    import tinycss2

    reader = _Reader(text)
    nodes = tinycss2.parse_blocks_contents(text, skip_comments=True, skip_whitespace=True)
    reader.contents(nodes, 0)
    return reader.css(_looks(node for node in nodes if node.type == "declaration"))


def _sheet(text: str) -> Css:
    import tinycss2

    reader = _Reader(text)
    reader.rules(tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True), 0)
    return reader.css(Looks())


_style_again = lru_cache(maxsize=2_048)(_style)
_sheet_again = lru_cache(maxsize=64)(_sheet)


class _Reader:
    """Collects while it walks over tinycss2's nodes, which have no types of their own."""

    def __init__(self, text: str) -> None:
        self._uses: dict[str, Use] = {}
        self._urls: list[Url] = []
        self._reveals = False
        # In @media and @supports styles are an extra for those who can; they aren't judged.
        self._extra = 0
        at = text.find("/*")
        if at >= 0:
            line = text.count("\n", 0, at) + 1
            self._uses["css-comments"] = Use("css-comments", line, at - text.rfind("\n", 0, at) - 1)

    def css(self, looks: Looks) -> Css:
        return Css(tuple(self._uses.values()), tuple(self._urls), looks, self._reveals)

    def rules(self, nodes: Iterable[Any], depth: int) -> None:
        for node in nodes:
            if node.type == "qualified-rule":
                self._qualified(node, depth)
            elif node.type == "at-rule":
                self._at_rule(node, depth)

    def contents(self, nodes: Iterable[Any], depth: int) -> None:
        for node in nodes:
            if node.type == "declaration":
                self._declaration(node)
            elif node.type == "qualified-rule":
                self._use("css-nesting", node)
                self._qualified(node, depth)
            elif node.type == "at-rule":
                self._at_rule(node, depth)

    def _qualified(self, node: Any, depth: int) -> None:
        self._selectors(node.prelude)
        self._block(node, depth)

    def _block(self, node: Any, depth: int) -> None:
        import tinycss2

        if node.content is None or depth >= MAX_NESTING:
            return
        nodes = tinycss2.parse_blocks_contents(
            node.content, skip_comments=True, skip_whitespace=True
        )
        self.contents(nodes, depth + 1)

    def _at_rule(self, node: Any, depth: int) -> None:
        import tinycss2

        name = node.lower_at_keyword
        self._use(AT_RULES.get(name), node)
        if name == "import":
            self._prelude_urls(node.prelude)
        for token in _flat(node.prelude) if name == "media" else ():
            if token.type == "ident":
                self._use(MEDIA.get(token.lower_value), token)
        if name == "font-face":
            self._block(node, depth)
        elif node.content is not None and depth < MAX_NESTING:
            # The rules of a sheet; inside a rule, also declarations.
            self._extra += 1
            read = tinycss2.parse_rule_list if depth == 0 else tinycss2.parse_blocks_contents
            self.inner(read(node.content, skip_comments=True, skip_whitespace=True), depth)
            self._extra -= 1

    def inner(self, nodes: Iterable[Any], depth: int) -> None:
        nodes = list(nodes)
        self.rules(nodes, depth + 1)
        for node in nodes:
            if node.type == "declaration":
                self._declaration(node)

    def _declaration(self, node: Any) -> None:
        name = node.lower_name
        if name.startswith("--"):
            self._use("css-variables", node)
        if name != "position" or _leaves_flow(node.value):
            self._use(PROPERTIES.get(name), node)
        if node.important:
            self._use("css-important", node)
        if self._extra and name == "display":
            self._reveals = True
        for token in _flat(node.value):
            self._use(_feature_of(name, token), token)
            if token.type == "url":
                self._url(token)
            elif token.type == "function" and token.lower_name == "url":
                self._prelude_urls(token.arguments)

    def _prelude_urls(self, tokens: Iterable[Any]) -> None:
        for token in tokens:
            if token.type in ("string", "url"):
                self._url(token)
                return
            if token.type == "function" and token.lower_name == "url":
                self._prelude_urls(token.arguments)
                return

    def _selectors(self, prelude: Iterable[Any]) -> None:
        before = ""  # ".", ":" or "::" when the next word is named by it
        inside = False  # a compound selector has begun
        spaced = False
        for token in prelude:
            kind = token.type
            if kind == "whitespace":
                spaced = inside
            elif kind == "literal":
                before = self._sign(token, before, inside, spaced)
                if token.value in COMBINATORS and token.value not in "*&":
                    inside = spaced = False
                else:
                    inside = inside or token.value in "*&"
            else:
                if spaced and before not in (".", ":", "::"):
                    self._use("css-selector-descendant", token)
                self._simple(token, before)
                before, inside, spaced = "", True, False

    def _sign(self, token: Any, before: str, inside: bool, spaced: bool) -> str:
        sign = token.value
        if sign == ".":
            if inside:
                feature = "css-selector-descendant" if spaced else "css-selector-chaining"
                self._use(feature, token)
            return "."
        if sign == ":":
            return "::" if before == ":" else ":"
        self._use(COMBINATORS.get(sign), token)
        return ""

    def _simple(self, token: Any, before: str) -> None:
        kind = token.type
        if kind in ("ident", "function") and before in (":", "::"):
            name = token.lower_value if kind == "ident" else token.lower_name
            self._use(PSEUDO_ELEMENTS.get(name) or PSEUDO_CLASSES.get(name), token)
        elif kind == "ident":
            self._use("css-selector-class" if before else "css-selector-type", token)
        elif kind == "hash":
            self._use("css-selector-id", token)
        elif kind == "[] block":
            self._use("css-selector-attribute", token)

    def _use(self, feature: str | None, node: Any) -> None:
        if feature is None or feature in self._uses:
            return
        if self._extra and not feature.startswith("css-at-"):
            return
        self._uses[feature] = Use(feature, node.source_line, node.source_column - 1)

    def _url(self, token: Any) -> None:
        if len(self._urls) < MAX_URLS:
            self._urls.append(Url(token.value, token.source_line, token.source_column - 1))


def _feature_of(name: str, token: Any) -> str | None:
    """Return the feature that a token of a property's value is."""
    kind = token.type
    if kind == "ident":
        return KEYWORDS.get((name, token.lower_value)) or ANYWHERE.get(token.lower_value)
    if kind == "dimension":
        return UNITS.get(token.lower_unit)
    if kind == "function":
        return FUNCTIONS.get(token.lower_name)
    return "css-unit-percent" if kind == "percentage" else None


def _leaves_flow(value: Iterable[Any]) -> bool:
    """Say whether a `position` moves anything: relative and static alone change nothing."""
    words = {token.lower_value for token in value if token.type == "ident"}
    return not words & {"relative", "static"}


def _flat(tokens: Iterable[Any]) -> Iterator[Any]:
    """Yield tokens and what stands in their functions and brackets, however deep."""
    stack = [iter(tokens)]
    while stack:
        for token in stack[-1]:
            yield token
            inner = token.arguments if token.type == "function" else _content(token)
            if inner:
                stack.append(iter(inner))
                break
        else:
            stack.pop()


def _content(token: Any) -> list[Any]:
    content: list[Any] = token.content if token.type in ("() block", "[] block", "{} block") else []
    return content


def _looks(declarations: Iterable[Any]) -> Looks:
    """Fold the declarations of one style attribute."""
    said = {
        node.lower_name: [t for t in node.value if t.type != "whitespace"] for node in declarations
    }
    word = {name: getattr(tokens[0], "lower_value", "") for name, tokens in said.items() if tokens}
    hides = (
        word.get("display") == "none"
        or word.get("visibility") == "hidden"
        or _number(said.get("opacity")) == 0
        or (
            word.get("overflow") == "hidden"
            and 0 in (_number(said.get("max-height")), _number(said.get("height")))
        )
    )
    size = said.get("font-size")
    tiny = None if not size else _is_tiny(size[0])
    ground = _colour(said.get("background-color")) or _ground(said.get("background"))
    return Looks(hides, tiny, _colour(said.get("color")), ground)


def _is_tiny(token: Any) -> bool:
    number = _number([token])
    if number is None:
        return False
    return number == 0 or (
        token.type == "dimension" and token.lower_unit == "px" and number < TINY_PX
    )


def _number(tokens: list[Any] | None) -> float | None:
    if tokens and tokens[0].type in ("number", "dimension", "percentage"):
        return float(tokens[0].value)
    return None


def _ground(tokens: list[Any] | None) -> Colour | tuple[()] | None:
    for token in tokens or ():
        if token.type == "url" or (token.type == "function" and not _colour([token])):
            return ()
    return next(filter(None, (_colour([token]) for token in tokens or ())), None)


def _colour(tokens: list[Any] | None) -> Colour | None:
    return colour_of(tokens[0]) if tokens else None


def colour_of(written: Any) -> Colour | None:
    """Return an opaque colour, of a token or as an attribute names it; None for all else."""
    from tinycss2 import color3

    colour = color3.parse_color(written)
    if colour is None or colour == "currentColor" or colour.alpha < 1:
        return None
    red, green, blue = (round(255 * min(max(value, 0), 1)) for value in colour[:3])
    return red, green, blue
