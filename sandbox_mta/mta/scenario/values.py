"""Values of a scenario file, checked as they are read."""

from collections.abc import Callable
from typing import Any, TypeVar

MAX_TEXTS = 1_000  # of one key

T = TypeVar("T")


class Problem(Exception):
    """One thing that is wrong, under a key of the table that is being read."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


def told(key: str, read: Callable[[Any], T], value: Any) -> T:
    """Read a value; what is wrong with it is said of its key."""
    try:
        return read(value)
    except ValueError as error:
        raise Problem(key, str(error)) from None


def text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Problem(key, f'"{key}" is a text: {key} = "..."')
    return value


def texts(key: str, value: Any) -> list[str]:
    many = value if isinstance(value, list) else [value]
    if len(many) > MAX_TEXTS:
        raise Problem(key, f'"{key}" has more than {MAX_TEXTS} values')
    return [text(key, each) for each in many]
