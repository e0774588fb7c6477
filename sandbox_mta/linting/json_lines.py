"""Findings and the MIME tree as JSON, one object a line."""

import json
from collections.abc import Iterator
from typing import Any

from msa.lint import Finding
from msa.message.tree import Part, Span, parse
from sandbox_mta.linting.messages import FileMessage
from sandbox_mta.linting.run import Linted


def lines(linted: Linted) -> Iterator[str]:
    """Yield a line a finding: its fields, the file, and the message's number in the file."""
    for finding in linted.findings:
        fields = {name: getattr(finding, name) for name in Finding.__slots__}
        yield _line({"file": linted.file, "message": linted.message.number, **fields})


def structure(message: FileMessage) -> Iterator[str]:
    """Yield a line a part in the order of the tree; ranges are half-open octets of the file."""
    for part in parse(message.content).root.walk():
        yield _line(_part(message, part))


def _part(message: FileMessage, part: Part) -> dict[str, Any]:
    def span(range: Span) -> list[int]:
        return [message.offset(range.start), message.offset(range.end)]

    fields = [
        {"name": each.name, "start": message.offset(each.start), "end": message.offset(each.end)}
        for each in part.fields
    ]
    return {
        "part": part.path,
        "type": part.type,
        "charset": part.charset,
        "encoding": part.encoding,
        "header": span(part.header),
        "body": span(part.body),
        "fields": fields,
    }


def _line(fields: dict[str, Any]) -> str:
    # ASCII, so that neither a terminal nor a lone surrogate of a file's name is in the way.
    return json.dumps(fields, separators=(",", ":"))
