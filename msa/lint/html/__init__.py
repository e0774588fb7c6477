"""HTML and CSS of a message, as far as rules ask; the only door to turbohtml and tinycss2.

`page` reads a body into elements, text and references with their places, `css` reads style sheets
and style attributes, `features` names what stands there in caniemail's words, and `support` knows
which mail client can do what. Both libraries are imported when the first message has HTML.
"""

from msa.lint.html.css import Css
from msa.lint.html.page import Page
from msa.lint.html.reader import Element, Hidden, Place, Reference, Sheet

__all__ = ["Css", "Element", "Hidden", "Page", "Place", "Reference", "Sheet"]
