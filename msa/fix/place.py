"""Where a field may be put in, and how its line ends."""

from msa.lint.draft import Draft

UNCLEAR = "a line of the header section is no field, and readers differ on where it ends"
_CUT_SHORT = "the header section has more fields than are read"
OPEN = "the header section ends in the middle of a line"


def line_end(draft: Draft) -> bytes:
    """Return how the lines of the message end: a file at rest has no CR."""
    return b"\n" if draft.at_rest else b"\r\n"


def obstacle(draft: Draft) -> str:
    """Say why no field may be added to the message; "" when one may."""
    if draft.root.strays:
        return UNCLEAR
    if "fields" in draft.message.caps:
        return _CUT_SHORT
    end = draft.root.header.end
    return "" if end == 0 or draft.content[end - 1] == 0x0A else OPEN
