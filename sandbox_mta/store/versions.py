"""The three versions of a message: as it was submitted, fixed, and delivered.

Only the submitted octets and the edits are stored; the other versions are made of them whenever
somebody asks, and are the same each time.
"""

from collections.abc import Mapping
from typing import Literal

from msa.fix.edit import apply
from sandbox_mta.mta.trace import Passage, trace
from sandbox_mta.store.stored import StoredMessage

Version = Literal["submitted", "fixed", "delivered"]

VERSIONS: Mapping[Version, str] = {
    "submitted": "the octets after DATA, untouched",
    "fixed": "with what RFC 6409 lets a submission agent fix",
    "delivered": "fixed, with Return-Path and Received, as exchangers get it",
}


class NoVersion(Exception):
    """There is no such version of the message; the text says why, in a sentence without stop."""


def missing(message: StoredMessage, wanted: Version) -> str:
    """Say why there is no such version of a message; "" when there is one."""
    if wanted == "submitted":
        return ""
    if message.accepted_at is None:
        return "it was refused, so it was neither fixed nor delivered"
    return "" if message.is_linted else "lint of it is pending, and so are its fixes"


def version(message: StoredMessage, content: bytes, wanted: Version, hostname: str) -> bytes:
    """Return the octets of a version; `content` are the submitted ones.

    `hostname` is the name of the submission agent in Received. Raises `NoVersion`.
    """
    if wanted == "submitted":
        return content
    if reason := missing(message, wanted):
        raise NoVersion(reason)
    assert message.accepted_at is not None  # else the version were missing
    fixed = content if message.fixed is None else apply(content, message.fixed.edits)
    if wanted == "fixed":
        return fixed
    passage = Passage(
        id=message.id,
        hostname=hostname,
        client=message.client,
        reverse_path=message.reverse_path,
        forward_paths=tuple(recipient.forward_path for recipient in message.recipients),
        smtputf8=message.smtputf8,
        accepted_at=message.accepted_at,
    )
    return trace(passage) + fixed
