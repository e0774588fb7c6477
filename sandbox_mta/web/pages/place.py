"""Where a reader is: the filter and the page of the list, which every link of a page keeps."""

from dataclasses import dataclass
from urllib.parse import urlencode

MAX_Q = 1_000  # characters of a filter; the reader of queries refuses more


@dataclass(frozen=True, slots=True)
class Place:
    """A filter, and the number that the page of the list starts below (None: the newest)."""

    q: str = ""
    before: int | None = None

    @classmethod
    def read(cls, q: str, before: str) -> "Place":
        """Read a place from the words of a URL; what can't be read is left out."""
        is_number = before.isascii() and before.isdecimal() and len(before) < 18
        return cls(q[: MAX_Q + 1], int(before) if is_number else None)

    def link(self, path: str, **words: str | int | None) -> str:
        """Write a link that stays at this place, leaving out what is empty."""
        return link(path, **words, q=self.q, before=self.before)


def link(path: str, **words: str | int | None) -> str:
    """Write a link, leaving out what is empty."""
    given = {name: value for name, value in words.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path
