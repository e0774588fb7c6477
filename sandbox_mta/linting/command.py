"""What the commands `lint` and `address` do with their arguments."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from msa.envelope import Envelope, Recipient
from msa.grade import Grade
from msa.lint import RULES, Draft, LintOptions, Severity
from msa.lint.budget import budget_exceeded
from msa.lint.choice import UnknownRule, named
from msa.lint.page import explanation
from sandbox_mta.linting import addresses, json_lines, report
from sandbox_mta.linting.messages import FileMessage, read_messages
from sandbox_mta.linting.run import File, Tally, printable, run

LINKS_S = 60.0  # for the links of one message


class CantLint(Exception):
    """The arguments can't be used; the text is one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for."""

    files: Sequence[str]  # none, or "-": stdin
    options: LintOptions
    format: str = "text"
    fail_on: str = "error"
    reverse_path: str | None = None
    forward_paths: Sequence[str] = ()


def lint_files(request: Request) -> int:
    """Lint files, write what was found on stdout and a summary on stderr.

    Returns the exit status: 1 when something as bad as `fail_on` was found, 2 when a file could
    not be read. Raises `CantLint`.
    """
    if request.format not in report.FORMATS:
        raise CantLint(f"there is no format {request.format!r}; {_one_of(report.FORMATS)}")
    if request.fail_on not in tuple(Severity):
        raise CantLint(f"there is no severity {request.fail_on!r}; {_one_of(tuple(Severity))}")
    fail_on = Severity(request.fail_on)
    tally = Tally()
    look_up = _asking(request.options)
    messages = run(_files(request.files), request.options, _envelope(request), tally, look_up)
    if sys.stderr.isatty() and not sys.stdout.isatty():
        messages = report.with_progress(messages, tally)
    make = report.reporter(request.format, colour=_wants_colour())
    report.write(make(messages, tally, fail_on), sys.stdout)
    report.write([*tally.troubles, str(tally)], sys.stderr)
    if tally.troubles:
        return 2
    return int(tally.reaches(fail_on))


def show_structure(files: Sequence[str]) -> int:
    """Write the MIME trees of files on stdout; returns the exit status."""
    status = 0
    for file in _files(files):
        try:
            with file.open() as stream:
                for message in read_messages(stream):
                    if isinstance(message, FileMessage):
                        report.write(json_lines.structure(message), sys.stdout)
                    else:
                        report.write(
                            [f"{printable(file.name)}: a message is too large"], sys.stderr
                        )
                        status = 2
        except OSError as error:
            report.write([f"can't read {printable(file.name)}: {error.strerror}"], sys.stderr)
            status = 2
    return status


def explain(word: str) -> int:
    """Write the pages of the rules that a code, a family or a name stands for."""
    try:
        rules = named(word, (*RULES, budget_exceeded))
    except UnknownRule as error:
        raise CantLint(str(error)) from None
    report.write(["\n\n\n".join(map(explanation, rules))], sys.stdout)
    return 0


def grade_addresses(texts: Sequence[str], *, as_json: bool, from_stdin: bool) -> int:
    """Grade addresses, given or one JSON string a line on stdin; returns the exit status."""
    if from_stdin == bool(texts):
        raise CantLint("give addresses, or --jsonl and one JSON string a line on stdin")
    grades: set[Grade] = set()
    given = addresses.read_lines(sys.stdin.buffer) if from_stdin else texts
    try:
        report.write(
            addresses.lines(given, as_json=as_json or from_stdin, grades=grades), sys.stdout
        )
    except addresses.BadLine as error:
        raise CantLint(str(error)) from None
    return int(Grade.INVALID in grades)


def _asking(options: LintOptions) -> Callable[[Draft], None]:
    """Return what asks the outside about a message, as far as the options say."""
    look_up = _look_up(options.dns)
    if not options.links:
        return look_up
    from msa.lint.gather import ask_links
    from sandbox_mta.outbound.links import links_for

    links = links_for(options.links_allow)

    def ask(draft: Draft) -> None:
        look_up(draft)
        ask_links(draft, links, LINKS_S)

    return ask


def _look_up(dns: str) -> Callable[[Draft], None]:
    if dns == "off":
        return lambda draft: None
    from msa.lint.gather import Gatherer
    from sandbox_mta.mta.lookups import ZoneFileError
    from sandbox_mta.outbound.live_dns import NoDns, resolver_for

    try:
        resolver = resolver_for(dns)
    except (NoDns, ZoneFileError) as error:
        raise CantLint(str(error)) from None
    assert resolver is not None  # only "off" has none
    return Gatherer(resolver).add_to


def _files(names: Sequence[str]) -> Iterator[File]:
    if not names and sys.stdin.isatty():
        raise CantLint("name a file, or give a message on stdin")
    for name in names or ("-",):
        yield File(name, partial(_open, name))


def _open(name: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb")


def _envelope(request: Request) -> Envelope | None:
    if request.reverse_path is None and not request.forward_paths:
        return None
    if request.reverse_path is None or not request.forward_paths:
        raise CantLint("an envelope has --mail-from and at least one --rcpt")
    paths = (request.reverse_path, *request.forward_paths)
    return Envelope(
        reverse_path=request.reverse_path,
        recipients=tuple(Recipient(path) for path in request.forward_paths),
        body="8BITMIME",  # a file can't tell; mail libraries declare it when they need it
        smtputf8=not all(path.isascii() for path in paths),
    )


def _wants_colour() -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def _one_of(names: Sequence[str]) -> str:
    return f"there are {', '.join(names)}"
