"""What the command `address` does: grades addresses, a line each."""

import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from msa.grade import Grade, Graded, grade
from sandbox_mta.linting.run import printable

MAX_LINE = 65_536  # octets of a JSON string that are read


class BadLine(Exception):
    """A line is no JSON string; the text says which."""


def read_lines(stream: BinaryIO) -> Iterator[str]:
    """Yield the addresses of a stream, one JSON string a line; raises `BadLine`."""
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        try:
            text = json.loads(line) if len(line) <= MAX_LINE else None
        except (ValueError, RecursionError):
            text = None
        if not isinstance(text, str):
            raise BadLine(f"line {number} is no JSON string of at most {MAX_LINE} octets")
        yield text


def lines(texts: Iterable[str], *, as_json: bool, grades: set[Grade]) -> Iterator[str]:
    """Yield a line an address, and put its grade into `grades`."""
    for text in texts:
        graded = grade(text)
        grades.add(graded.grade)
        yield _json(text, graded) if as_json else _plain(text, graded)


def _json(text: str, graded: Graded) -> str:
    fields = {
        "address": text,
        "grade": str(graded.grade),
        "reason": graded.reason or None,
        "position": graded.position,
        "ascii_domain": graded.ascii_domain,
    }
    return json.dumps(fields, separators=(",", ":"))


def _plain(text: str, graded: Graded) -> str:
    said = [f"{graded.grade!s:10} {printable(text)}"]
    if graded.reason:
        where = f" (character {graded.position})" if graded.position is not None else ""
        said.append(f"{graded.reason}{where}")
    if graded.ascii_domain:
        said.append(f"its domain is {graded.ascii_domain} in ASCII")
    return ": ".join([said[0], "; ".join(said[1:])]) if said[1:] else said[0]
