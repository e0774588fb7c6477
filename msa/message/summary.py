"""What a list of messages shows, read at accept: as little as possible, and no MIME tree."""

import re
from typing import NamedTuple

from msa.message.words import decode_words

MAX_HEADER = 262_144  # octets searched for the three fields; real sections stay under 20 KB
MAX_SUMMARY = 998  # characters of each value, a line of RFC 5322 section 2.1.1

_END = re.compile(rb"\n\r?\n")
_FIELDS = re.compile(
    rb"^(from|subject|message-id)[ \t]*:([^\n]*(?:\n[ \t][^\n]*){0,100})",
    re.IGNORECASE | re.MULTILINE,
)


class Summary(NamedTuple):
    """Three header values for people: one line each, "" when the field is missing."""

    author: str
    subject: str
    message_id: str


def summarise(content: bytes) -> Summary:
    """Read the first From, Subject and Message-ID, decoded and cut to MAX_SUMMARY; never raises."""
    end = _END.search(content, 0, MAX_HEADER)
    stop = 0 if content[:2] in (b"\r\n", b"\n") else MAX_HEADER if end is None else end.end()
    values = {b"from": b"", b"subject": b"", b"message-id": b""}
    found = 0
    for field in _FIELDS.finditer(content, 0, stop):
        name = field[1].lower()
        if not values[name]:
            values[name] = field[2]
            found += 1
            if found == 3:
                break
    return Summary(
        *(decode_words(value[: 8 * MAX_SUMMARY])[:MAX_SUMMARY] for value in values.values())
    )
