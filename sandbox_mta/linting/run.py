"""Lints the messages of files, and counts what was found."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import BinaryIO, NamedTuple

from msa.envelope import Envelope
from msa.lint import Draft, Finding, LintOptions, Severity, lint
from sandbox_mta.linting.messages import MAX_OCTETS, FileMessage, TooLarge, read_messages

ORDER = (Severity.INFO, Severity.WARNING, Severity.ERROR)


class File(NamedTuple):
    """A file to lint: its name as people gave it, and how to open it."""

    name: str
    open: Callable[[], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True, slots=True)
class Linted:
    """One message and its findings, whose places count from the start of the file."""

    file: str
    message: FileMessage
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Tally:
    """What a run came to."""

    messages: int = 0
    severities: Counter[Severity] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)  # a line each: what could not be linted

    def reaches(self, severity: Severity) -> bool:
        """Say whether anything as bad was found."""
        return any(self.severities[each] for each in ORDER[ORDER.index(severity) :])

    def __str__(self) -> str:
        said = [_counted(self.severities[severity], severity) for severity in reversed(ORDER)]
        return f"{_counted(self.messages, 'message')}: {', '.join(said)}"


def run(
    files: Iterable[File],
    options: LintOptions,
    envelope: Envelope | None,
    tally: Tally,
    look_up: Callable[[Draft], None] = lambda draft: None,
) -> Iterator[Linted]:
    """Yield each message of the files, linted; what can't be read is a trouble of the tally.

    `look_up` adds what DNS says to the facts about a message.
    """

    def linted(name: str, message: FileMessage) -> Linted:
        findings = lint(message.content, envelope, options, look_up=look_up)
        return Linted(name, message, tuple(_in_file(each, message) for each in findings))

    for file in files:
        try:
            with file.open() as stream:
                for message in read_messages(stream):
                    if isinstance(message, TooLarge):
                        tally.troubles.append(
                            f"{printable(file.name)}: message {message.number} is larger than "
                            f"{MAX_OCTETS // 10**6} MB and was passed over"
                        )
                        continue
                    one = linted(file.name, message)
                    tally.messages += 1
                    tally.severities.update(each.severity for each in one.findings)
                    yield one
        except OSError as error:
            tally.troubles.append(f"can't read {printable(file.name)}: {error.strerror}")


def _in_file(finding: Finding, message: FileMessage) -> Finding:
    if finding.offset is None or finding.line is None or finding.column is None:
        return finding
    return replace(
        finding,
        offset=message.offset(finding.offset),
        line=message.first_line + finding.line - 1,
        column=message.column(finding.offset, finding.column),
    )


def printable(text: str) -> str:
    """Spell out what would move a terminal's cursor or turn its text around."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 or what == Severity.INFO else f"{count} {what}s"
