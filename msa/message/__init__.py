"""Reading a message without changing it: the span parser, and what people want to know of it.

Pure: octets in, values out. The stdlib's parser is not used, since it hides, repairs and
sometimes raises on exactly the octets that lint must show.
"""

from msa.message.tree import Delimiters, Field, Message, Part, Span, parse

__all__ = ["Delimiters", "Field", "Message", "Part", "Span", "parse"]
