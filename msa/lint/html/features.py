"""How each feature that caniemail knows is recognised; its names ("css-gap") are the keys.

Tests hold the tables against the data: each feature is recognised or stands in `UNRECOGNISED`.
"""

from collections.abc import Iterable, Mapping


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


def _same(prefix: str, names: str) -> dict[str, str]:
    """Map each name to the feature that is called after it."""
    return {name: prefix + name for name in names.split()}


def _all(slug: str, names: str) -> dict[str, str]:
    """Map several names to one feature."""
    return dict.fromkeys(names.split(), slug)


def _sides(slug: str, pattern: str, sides: str) -> dict[str, str]:
    return {pattern.format(side): slug for side in sides.split()}


PROPERTIES: Mapping[str, str] = {
    **_same(
        "css-",
        "accent-color align-items animation aspect-ratio backdrop-filter background"
        " background-blend-mode background-clip background-color background-image"
        " background-origin background-position background-repeat background-size border"
        " border-collapse border-image border-radius border-spacing box-shadow box-sizing"
        " caption-side clear clip-path color-scheme column-count cursor direction display"
        " empty-cells filter float font font-kerning font-size font-size-adjust font-stretch"
        " font-weight gap grid-template height hyphenate-character hyphenate-limit-chars hyphens"
        " inset justify-content letter-spacing line-height list-style list-style-image"
        " list-style-position list-style-type margin mask-image max-block-size max-height"
        " max-inline-size max-width min-block-size min-height min-inline-size min-width"
        " mix-blend-mode object-fit object-position opacity orphans outline outline-offset"
        " overflow overflow-wrap padding position resize shape-margin shape-outside tab-size"
        " table-layout text-align text-align-last text-decoration text-decoration-color"
        " text-decoration-line text-decoration-skip-ink text-decoration-style"
        " text-decoration-thickness text-emphasis text-emphasis-position text-indent text-justify"
        " text-orientation text-overflow text-shadow text-transform text-underline-offset"
        " text-underline-position text-wrap transform transition user-select vertical-align"
        " visibility white-space white-space-collapse widows width word-break word-spacing"
        " word-wrap writing-mode z-index",
    ),
    **_all("css-left-right-top-bottom", "left right top bottom"),
    **_all("css-block-inline-size", "block-size"),
    **_all("css-inline-size", "inline-size"),
    **_all("css-gap", "row-gap column-gap grid-gap"),
    **_all("css-scroll-snap", "scroll-snap-type scroll-snap-align scroll-snap-stop"),
    **_all("css-grid-template", "grid-template-areas grid-template-columns grid-template-rows"),
    **_all("css-column-layout-properties", "columns column-width column-rule column-span"),
    **_all("css-column-layout-properties", "column-fill"),
    **_all("css-border-inline-block", "border-inline border-block"),
    **_sides(
        "css-border-inline-block-individual",
        "border-{}",
        "inline-start inline-end block-start block-end",
    ),
    **_sides("css-border-inline-block-longhand", "border-inline-{}", "color style width"),
    **_sides("css-border-inline-block-longhand", "border-block-{}", "color style width"),
    **_sides(
        "css-border-radius-logical",
        "border-{}-radius",
        "start-start start-end end-start end-end",
    ),
    **_sides("css-border", "border-{}", "top right bottom left color style width"),
    **_sides("css-border", "border-top-{}", "color style width"),
    **_sides("css-border", "border-right-{}", "color style width"),
    **_sides("css-border", "border-bottom-{}", "color style width"),
    **_sides("css-border", "border-left-{}", "color style width"),
    **_sides(
        "css-border-radius", "border-{}-radius", "top-left top-right bottom-left bottom-right"
    ),
    **_sides("css-border-image", "border-image-{}", "source slice width outset repeat"),
    **_sides("css-margin", "margin-{}", "top right bottom left"),
    **_sides("css-padding", "padding-{}", "top right bottom left"),
    **_sides("css-margin-inline-block", "margin-{}", "inline block"),
    **_sides("css-margin-inline-start-end", "margin-inline-{}", "start end"),
    **_sides("css-margin-block-start-end", "margin-block-{}", "start end"),
    **_sides("css-padding-inline-block", "padding-{}", "inline block"),
    **_sides("css-padding-inline-start-end", "padding-inline-{}", "start end"),
    **_sides("css-padding-block-start-end", "padding-block-{}", "start end"),
    **_sides("css-outline", "outline-{}", "color style width"),
    **_sides("css-overflow", "overflow-{}", "x y"),
    **_sides(
        "css-animation",
        "animation-{}",
        "name duration delay direction fill-mode iteration-count play-state timing-function",
    ),
    **_sides("css-transition", "transition-{}", "property duration delay timing-function"),
    **_sides("css-text-emphasis", "text-emphasis-{}", "color style"),
}

# A property with one of these words in its value is a feature of its own.
KEYWORDS: Mapping[tuple[str, str], str] = {
    ("display", "flex"): "css-display-flex",
    ("display", "inline-flex"): "css-display-flex",
    ("display", "grid"): "css-display-grid",
    ("display", "inline-grid"): "css-display-grid",
    ("display", "none"): "css-display-none",
    ("flex-direction", "column"): "css-flex-direction",
    ("flex-wrap", "wrap"): "css-flex-wrap",
    ("flex-flow", "column"): "css-flex-direction",
    ("flex-flow", "wrap"): "css-flex-wrap",
    ("font-family", "system-ui"): "css-sytem-ui",
    ("font", "system-ui"): "css-sytem-ui",
}
# Words that are a feature in whatever property they stand.
ANYWHERE: Mapping[str, str] = {
    **_all("css-intrinsic-size", "fit-content min-content max-content"),
    "initial": "css-unit-initial",
}
FUNCTIONS: Mapping[str, str] = {
    **_all("css-unit-calc", "calc"),
    **_all("css-rgb", "rgb"),
    **_all("css-rgba", "rgba"),
    **_all("css-modern-color", "lab lch oklab oklch color color-mix hwb"),
    **_all("css-variables", "var"),
    **_all("css-conic-gradient", "conic-gradient repeating-conic-gradient"),
    **_all("css-linear-gradient", "linear-gradient repeating-linear-gradient"),
    **_all("css-radial-gradient", "radial-gradient repeating-radial-gradient"),
    **_same("css-function-", "clamp max min light-dark"),
    "fit-content": "css-intrinsic-size",
}
UNITS: Mapping[str, str] = _same("css-unit-", "ch cm em ex in mm pc pt px rem vh vmax vmin vw")
AT_RULES: Mapping[str, str] = {
    **_same("css-at-", "font-face import keyframes media supports"),
    "-webkit-keyframes": "css-at-keyframes",
}
MEDIA: Mapping[str, str] = {
    **_same("css-at-media-", "hover orientation prefers-color-scheme prefers-reduced-motion"),
    "any-hover": "css-at-media-hover",
    **_all(
        "css-at-media-device-pixel-ratio",
        "-webkit-device-pixel-ratio -webkit-min-device-pixel-ratio -webkit-max-device-pixel-ratio",
    ),
}
PSEUDO_CLASSES: Mapping[str, str] = _same(
    "css-pseudo-class-",
    "active checked default first-child first-of-type focus focus-visible focus-within has hover"
    " lang last-child last-of-type link not nth-child nth-last-child nth-last-of-type nth-of-type"
    " only-child only-of-type target visited",
)
PSEUDO_ELEMENTS: Mapping[str, str] = _same(
    "css-pseudo-element-", "after before first-letter first-line marker placeholder"
)
COMBINATORS: Mapping[str, str] = {
    ">": "css-selector-child",
    "+": "css-selector-adjacent-sibling",
    "~": "css-selector-general-sibling",
    ",": "css-selector-grouping",
    "*": "css-selector-universal",
    "&": "css-nesting",
}

TAGS: Mapping[str, str] = {
    **_same(
        "html-",
        "abbr acronym address audio base bdi blockquote body code del dfn dialog div form hr img"
        " marquee meter object p picture pre progress rp rt ruby select small span strike"
        " strong style svg table textarea video wbr",
    ),
    **_all("html-h1-h6", "h1 h2 h3 h4 h5 h6"),
    **_all("html-lists", "ul ol li dl dt dd"),
    **_all("html-image-maps", "map area"),
    **_all(
        "html-semantics",
        "article aside details figcaption figure footer header main mark nav section summary time",
    ),
    "s": "html-strike",
}
ATTRIBUTES: Mapping[str, str] = {
    **_same(
        "html-",
        "align aria-describedby aria-hidden aria-label aria-labelledby aria-live background"
        " cellpadding cellspacing dir height hidden lang popover required role srcset target"
        " valign width",
    ),
    "loading": "html-loading-attribute",
    "sizes": "html-srcset",
    "usemap": "html-image-maps",
    "inert": "css-inert-attribute",
}
INPUTS: Mapping[str, str] = _same("html-input-", "checkbox hidden radio reset submit text")
BUTTONS: Mapping[str, str] = _same("html-button-", "reset submit")
IMAGES: Mapping[str, str] = {
    **_same("image-", "apng avif bmp gif hdr ico jpg mp4 png svg tiff webp"),
    **_all("image-jpg", "jpeg"),
    **_all("image-tiff", "tif"),
    **_all("image-heif", "heif heic"),
}

UNRECOGNISED: Mapping[str, str] = {
    "amp": "a part of its own type, no feature of HTML",
    "bimi": "a record in DNS",
    "html-comments": "no client lacks them; conditional ones are Outlook's own",
    "html-doctype": "a mail should have one, whoever ignores it",
}

# What a reader misses when a client can't do it: content, layout, colours of text, sizes. Without
# the others (rounded corners, shadows, hover, dark mode) a message is plainer and as useful.
ESSENTIAL: frozenset[str] = words(
    "css-at-import css-display-flex css-display-grid css-flex-direction css-grid-template css-"
    "function-clamp css-function-light-dark css-function-max css-function-min css-inline-size"
    " css-block-inline-size css-inset css-left-right-top-bottom css-margin-block-start-end css-"
    "margin-inline-block css-margin-inline-start-end css-mask-image css-modern-color css-"
    "nesting css-padding-block-start-end css-padding-inline-block css-padding-inline-start-end"
    " css-position css-pseudo-element-after css-pseudo-element-before css-unit-calc css-unit-ch"
    " css-unit-rem css-unit-vmax css-unit-vmin css-variables css-writing-mode html-audio html-"
    "dialog html-hidden html-link html-meter html-popover html-progress html-svg html-video"
    " image-apng image-avif image-base64 image-hdr image-heif image-ico image-mp4 image-svg"
    " image-tiff image-webp"
)


# Help those who can, and are missed by nobody: of these nothing is ever told.
HARMLESS: frozenset[str] = words(
    "css-at-media css-at-media-device-pixel-ratio css-at-media-hover css-at-media-orientation"
    " css-at-media-prefers-color-scheme css-at-media-prefers-reduced-motion css-at-supports"
    " css-color-scheme css-comments css-cursor css-font-kerning css-font-size-adjust"
    " css-hyphenate-character css-hyphenate-limit-chars css-hyphens css-important css-orphans"
    " css-selector-adjacent-sibling css-selector-attribute css-selector-chaining"
    " css-selector-child css-selector-class css-selector-descendant"
    " css-selector-general-sibling css-selector-grouping css-selector-id css-selector-type"
    " css-selector-universal css-text-decoration-skip-ink css-user-select css-widows"
    " css-pseudo-class-active css-pseudo-class-focus css-pseudo-class-focus-visible"
    " css-pseudo-class-focus-within css-pseudo-class-hover css-pseudo-class-link"
    " css-pseudo-class-visited html-abbr html-acronym html-aria-describedby html-aria-hidden"
    " html-aria-label html-aria-labelledby html-aria-live html-bdi html-body html-lang"
    " html-loading-attribute html-meta-color-scheme html-picture html-role html-semantics"
    " html-srcset html-style html-target html-wbr"
)


def recognised() -> frozenset[str]:
    """Return the features that the tables, and the code that reads them, recognise."""
    tables: Iterable[Mapping[object, str]] = (
        *(PROPERTIES, KEYWORDS, ANYWHERE, FUNCTIONS, UNITS, AT_RULES, MEDIA, PSEUDO_CLASSES),
        *(PSEUDO_ELEMENTS, COMBINATORS, TAGS, ATTRIBUTES, INPUTS, BUTTONS, IMAGES),
    )  # type: ignore[assignment] # mypy knows no common key of the tables
    return frozenset(slug for table in tables for slug in table.values()) | IN_CODE


# Recognised by their form, where a table of words is no help; `css` and `page` say how.
IN_CODE: frozenset[str] = words(
    "css-comments css-important css-nesting css-selector-attribute css-selector-chaining css-"
    "selector-class css-selector-descendant css-selector-id css-selector-type css-unit-percent"
    " css-variables html-anchor-links html-link html-mailto-links html-meta-color-scheme image-"
    "base64"
)
