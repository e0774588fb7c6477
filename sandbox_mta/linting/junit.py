"""Findings as JUnit XML: a message is a test case, a finding that counts is a failure of it."""

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from msa.lint import Finding, Severity
from sandbox_mta.linting import plain
from sandbox_mta.linting.run import ORDER, Linted, printable


def document(messages: Iterable[Linted], troubles: Sequence[str], fail_on: Severity) -> str:
    """Return the report; what is milder than `fail_on` stands in the case's output."""
    counting = ORDER[ORDER.index(fail_on) :]
    suite = Element("testsuite", name="sandbox-mta lint")
    cases = failures = 0
    for linted in messages:
        cases += 1
        bad = [each for each in linted.findings if each.severity in counting]
        failures += bool(bad)
        _add_case(suite, linted, bad)
    for trouble in troubles:
        case = SubElement(suite, "testcase", classname="sandbox-mta", name="lint")
        SubElement(case, "error", message=trouble)
    suite.set("tests", str(cases + len(troubles)))
    suite.set("failures", str(failures))
    suite.set("errors", str(len(troubles)))
    root = Element("testsuites")
    root.append(suite)
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}'


def _add_case(suite: Element, linted: Linted, bad: Sequence[Finding]) -> None:
    name = f"message {linted.message.number}"
    case = SubElement(suite, "testcase", classname=printable(linted.file), name=name)
    for finding in bad:
        one = Linted(linted.file, linted.message, (finding,))
        message = printable(f"{finding.code} {finding.name}: {finding.text}")
        failure = SubElement(case, "failure", message=message, type=str(finding.severity))
        failure.text = "\n".join(plain.lines(one, colour=False))
    rest = tuple(each for each in linted.findings if each not in bad)
    if rest:
        output = SubElement(case, "system-out")
        output.text = "\n".join(
            plain.lines(Linted(linted.file, linted.message, rest), colour=False)
        )
