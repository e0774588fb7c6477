"""What rules and headers ask of a message: the values of its fields."""

import re
from collections.abc import Mapping
from hashlib import blake2b

from msa.message.words import decode_words

OUTCOME_FIELD = "x-sandbox-outcome"
MAX_HEADER = 262_144  # octets that are read
MAX_VALUE = 2_000  # octets of one value
MAX_FIELDS = 1_000

Fields = Mapping[str, tuple[str, ...]]  # values by the name in lower case, decoded and unfolded

_END = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)
_CONTINUED = re.compile(rb"\r?\n(?![ \t])")
BODY = ":body"  # no field's name: a hash of what follows the header


def read_fields(content: bytes) -> Fields:
    """Return the fields of a message, with a hash of its body under `BODY`; never raises."""
    end = _END.search(content, 0, MAX_HEADER)
    header = content[: MAX_HEADER if end is None else end.start()]
    found: dict[str, tuple[str, ...]] = {}
    for line in _CONTINUED.split(header, MAX_FIELDS)[:MAX_FIELDS]:
        match = _FIELD.fullmatch(line)
        if match is not None:
            name = match[1].decode("ascii").lower()
            value = decode_words(
                match[2][:MAX_VALUE].replace(b"\r", b"").replace(b"\n", b"")
            ).strip()
            found[name] = (*found.get(name, ()), value)
    body = b"" if end is None else content[end.end() :]
    found[BODY] = (blake2b(body, digest_size=16).hexdigest(),)
    return found
