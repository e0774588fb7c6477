"""Findings as SARIF 2.1.0, which code-scanning pages of forges read."""

import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from msa.lint import Finding, Rule, Severity
from sandbox_mta.linting.run import Linted, printable

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def document(messages: Iterable[Linted], rules: Sequence[Rule], version: str) -> str:
    """Return one log with one run; columns count code points, as the log says."""
    indices = {rule.code: index for index, rule in enumerate(rules)}
    results = [
        _result(linted, finding, indices) for linted in messages for finding in linted.findings
    ]
    driver = {"name": "sandbox-mta", "version": version, "rules": [_rule(each) for each in rules]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def _rule(rule: Rule) -> dict[str, Any]:
    means, _, _ = rule.documentation.partition("\n\n")
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": means},
        "fullDescription": {"text": rule.documentation},
        "help": {"text": f"{rule.documentation}\n\nFix: {rule.fix}\n\n{rule.reference}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(linted: Linted, finding: Finding, indices: dict[str, int]) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(linted.file)}}
    if finding.offset is not None:
        place["region"] = _region(linted, finding)
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": _LEVELS[finding.severity],
        "message": {"text": printable(finding.text)},
        "locations": [{"physicalLocation": place}],
        "properties": {"part": finding.part, "evidence": finding.evidence, "fix": finding.fix},
    }
    if finding.code in indices:
        result["ruleIndex"] = indices[finding.code]
    return result


def _region(linted: Linted, finding: Finding) -> dict[str, Any]:
    assert finding.offset is not None
    length = len(finding.evidence.encode().decode("unicode_escape"))
    line = linted.message.line_before(finding.offset)
    return {
        "startLine": finding.line,
        "startColumn": len(line.decode("utf-8", "replace")) + 1,
        "byteOffset": finding.offset,
        "byteLength": length,
    }


def _uri(file: str) -> str:
    return "stdin" if file == "-" else quote(file.encode("utf-8", "surrogateescape"))
