"""The trace fields that a message gets on its way (RFC 5321 section 4.4)."""

import re
from datetime import datetime
from typing import NamedTuple

from msa.envelope import Client
from msa.message.date import write_date

MAX_HELO = 255  # octets of a domain
_HELO = re.compile(r"[A-Za-z0-9._-]+|\[[A-Za-z0-9.:]+\]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


class Passage(NamedTuple):
    """What is known of a message's way through the submission agent."""

    id: str
    hostname: str  # of the submission agent
    client: Client  # without an address: the message was made here
    reverse_path: str
    forward_paths: tuple[str, ...]
    smtputf8: bool
    accepted_at: datetime


def protocol(client: Client, *, smtputf8: bool) -> str:
    """Return the name of the protocol that was spoken (RFC 3848, RFC 6531 section 4.3)."""
    name = "UTF8SMTP" if smtputf8 else "ESMTP"
    return name + ("S" if client.tls else "") + ("A" if client.user is not None else "")


def trace(passage: Passage) -> bytes:
    """Return Return-Path and Received, with their line ends."""
    client = passage.client
    lines = [f"Return-Path: <{_CONTROLS.sub('', passage.reverse_path)}>"]
    by = f"by {passage.hostname}"
    if client.address:
        lines.append(f"Received: from {_helo(client.helo)} ({_literal(client.address)})")
        lines.append(f"\t{by} with {protocol(client, smtputf8=passage.smtputf8)} id {passage.id}")
    else:
        lines.append(f"Received: {by} id {passage.id}")
    # Section 7.2: with several recipients, naming one would tell the others of a blind copy.
    if len(passage.forward_paths) == 1:
        lines.append(f"\tfor <{_CONTROLS.sub('', passage.forward_paths[0])}>")
    lines[-1] += ";"
    lines.append(f"\t{write_date(passage.accepted_at)}")
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")


def _helo(name: str) -> str:
    # What is neither a domain nor a literal could say anything here.
    return name if len(name) <= MAX_HELO and _HELO.fullmatch(name) else "unknown"


def _literal(address: str) -> str:
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
