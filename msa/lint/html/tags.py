"""What HTML says of its elements by their names: what they close, break, hold and refer to."""

from msa.lint.html.features import words

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
# Which attributes hold addresses, by element; "background" does everywhere.
_ADDRESSES: dict[str, tuple[str, ...]] = {
    "a": ("href",),
    **dict.fromkeys(("area", "link", "base"), ("href",)),
    **dict.fromkeys(("iframe", "frame", "embed", "audio", "track", "v:fill", "v:image"), ("src",)),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "input": ("src", "formaction"),
    "button": ("formaction",),
    "form": ("action",),
    "object": ("data",),
}
# All that a start tag does by its name: what it closes, whether it breaks the line and is void,
# and its addresses. One look-up in place of four.
USUAL: tuple[frozenset[str], bool, bool, tuple[str, ...]] = (frozenset(), False, False, ())
SHAPES = {
    tag: (_CLOSES.get(tag, frozenset()), tag in BLOCKS, tag in VOID, _ADDRESSES.get(tag, ()))
    for tag in (*_CLOSES, *BLOCKS, *VOID, *_ADDRESSES)
}
