"""Findings as a compiler prints them."""

from collections.abc import Iterator

from msa.lint import Finding, Severity
from sandbox_mta.linting.run import Linted, printable

_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}


def lines(linted: Linted, *, colour: bool) -> Iterator[str]:
    """Yield the lines of one message's findings."""
    for finding in linted.findings:
        yield f"{_place(linted.file, finding)}: {_severity(finding.severity, colour)} " + printable(
            f"{finding.code} {finding.name}: {finding.text}"
        )
        if finding.evidence:
            yield f"    | {printable(finding.evidence)}"
        yield f"    fix: {printable(finding.fix)} ({finding.reference})"


def _place(file: str, finding: Finding) -> str:
    name = printable(file)
    return name if finding.line is None else f"{name}:{finding.line}:{finding.column}"


def _severity(severity: Severity, colour: bool) -> str:
    return f"\x1b[1;{_COLOURS[severity]}m{severity}\x1b[0m" if colour else severity.value
