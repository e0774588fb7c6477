"""Writes what a run found, in the format that was asked for."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import TextIO

from msa.lint import RULES, Severity
from sandbox_mta.linting import json_lines, junit, plain, sarif
from sandbox_mta.linting.run import Linted, Tally

FORMATS = ("text", "jsonl", "sarif", "junit")
PROGRESS_EVERY_S = 0.5

Reporter = Callable[[Iterable[Linted], Tally, Severity], Iterator[str]]


def _text(colour: bool) -> Reporter:
    def report(messages: Iterable[Linted], tally: Tally, fail_on: Severity) -> Iterator[str]:
        for linted in messages:
            yield from plain.lines(linted, colour=colour)

    return report


def _json_lines(messages: Iterable[Linted], tally: Tally, fail_on: Severity) -> Iterator[str]:
    for linted in messages:
        yield from json_lines.lines(linted)


def _sarif(messages: Iterable[Linted], tally: Tally, fail_on: Severity) -> Iterator[str]:
    yield sarif.document(messages, RULES, version("sandbox-mta"))


def _junit(messages: Iterable[Linted], tally: Tally, fail_on: Severity) -> Iterator[str]:
    yield junit.document(messages, tally.troubles, fail_on)


def reporter(format: str, *, colour: bool) -> Reporter:
    """Return what makes the lines of a format; raises `KeyError` for one that there isn't."""
    return {"text": _text(colour), "jsonl": _json_lines, "sarif": _sarif, "junit": _junit}[format]


def write(lines: Iterable[str], out: TextIO) -> None:
    """Write lines; what the encoding of `out` lacks is spelled out."""
    encoding = out.encoding or "utf-8"
    for line in lines:
        out.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    out.flush()


def with_progress(messages: Iterable[Linted], tally: Tally) -> Iterator[Linted]:
    """Pass messages on, and count them on stderr while the run takes long."""
    shown_at = time.monotonic()
    shown = False
    for linted in messages:
        if time.monotonic() - shown_at > PROGRESS_EVERY_S:
            shown_at, shown = time.monotonic(), True
            sys.stderr.write(f"\r\x1b[K{tally}")
            sys.stderr.flush()
        yield linted
    if shown:
        sys.stderr.write("\r\x1b[K")
