"""Signature fields read: DKIM-Signature (RFC 6376 section 3.5) and ARC's two (RFC 8617 section 4).

What is wrong with one is listed, not raised: lint tells all of it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from msa.auth.names import ascii_name
from msa.auth.tags import read_base64, read_tags, shown, without_space

MAX_INSTANCE = 50  # sets of ARC in one message, RFC 8617 section 4.2.1
MAX_NUMBER = 12  # digits of t= and x=, RFC 6376 section 3.5; of l= up to 76, which nobody needs

_NUMBER = re.compile(r"[0-9]{1,76}")


class Kind(StrEnum):
    """The three fields that are signatures, by their names in lower case."""

    DKIM = "dkim-signature"
    ARC_MESSAGE = "arc-message-signature"
    ARC_SEAL = "arc-seal"


class Trouble(NamedTuple):
    """One thing that is wrong with a signature field."""

    text: str
    fatal: bool  # no verifier accepts the signature; else it is unwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature field that can be verified."""

    domain: str  # d=, in ASCII
    selector: str
    algorithm: str  # "rsa-sha256"
    header_form: str = "relaxed"  # or "simple"
    body_form: str = "relaxed"
    fields: tuple[str, ...] = ()  # h=, lower case; none in a seal
    body_hash: bytes = b""
    signature: bytes
    length: int | None = None  # l=, octets of the body that are covered
    signed_at: int | None = None  # seconds since 1970
    expires_at: int | None = None
    instance: int | None = None  # i= of ARC
    chain: str = ""  # cv= of a seal
    agent: str = ""  # i= of DKIM, AUID


class Reading(NamedTuple):
    """A signature field read."""

    signature: Signature | None  # None with a fatal trouble
    troubles: tuple[Trouble, ...]
    domain: str | None  # d=, as far as it can be told


_REQUIRED: Mapping[Kind, tuple[str, ...]] = {
    Kind.DKIM: ("v", "a", "b", "bh", "d", "h", "s"),
    Kind.ARC_MESSAGE: ("i", "a", "b", "bh", "d", "h", "s"),
    Kind.ARC_SEAL: ("i", "a", "b", "cv", "d", "s"),
}
_ALGORITHMS = ("rsa-sha256", "ed25519-sha256")
_FORMS = ("simple", "relaxed")


def read_signature(value: bytes, kind: Kind) -> Reading:
    """Read the value of a signature field; never raises."""
    tags = read_tags(value.decode("utf-8", "replace"))
    domain = ascii_name(without_space(tags.values.get("d", "")))
    if tags.trouble:
        return Reading(None, (Trouble(tags.trouble, True),), domain)
    troubles: list[Trouble] = []
    missing = [name for name in _REQUIRED[kind] if name not in tags.values]
    if missing:
        listed = " and ".join(f"{name}=" for name in missing)
        troubles.append(Trouble(f"the required {listed} is missing", True))
    for judge in _JUDGES:
        troubles += judge(tags.values, kind)
    if any(trouble.fatal for trouble in troubles):
        return Reading(None, tuple(troubles), domain)
    return Reading(_signature(tags.values, kind), tuple(troubles), domain)


def _signature(tags: Mapping[str, str], kind: Kind) -> Signature:
    header_form, _, body_form = tags.get("c", "simple/simple").lower().partition("/")
    return Signature(
        domain=ascii_name(without_space(tags["d"])) or "",
        selector=ascii_name(without_space(tags["s"])) or "",
        algorithm=tags["a"].lower(),
        header_form="relaxed" if kind is Kind.ARC_SEAL else header_form.strip(),
        body_form=body_form.strip() or "simple",
        fields=_names(tags.get("h", "")),
        body_hash=read_base64(tags.get("bh", "")) or b"",
        signature=read_base64(tags["b"]) or b"",
        length=_number(tags.get("l")),
        signed_at=_number(tags.get("t")),
        expires_at=_number(tags.get("x")),
        instance=None if kind is Kind.DKIM else _number(tags["i"]),
        chain=tags.get("cv", "").lower(),
        agent=tags.get("i", "") if kind is Kind.DKIM else "",
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def _names(listed: str) -> tuple[str, ...]:
    return tuple(without_space(name).lower() for name in listed.split(":"))


def _version(tags: Mapping[str, str], kind: Kind) -> list[Trouble]:
    if kind is Kind.DKIM and tags.get("v", "1") != "1":
        return [Trouble(f"the version is v={shown(tags['v'])} and not 1", True)]
    return []


def _algorithm(tags: Mapping[str, str], kind: Kind) -> list[Trouble]:
    name = tags.get("a", "rsa-sha256")
    if name.lower() == "rsa-sha1":
        return [Trouble("it is signed with rsa-sha1, which counts as no signature", True)]
    if name.lower() not in _ALGORITHMS:
        return [Trouble(f'the algorithm "{shown(name)}" is unknown', True)]
    return []


def _forms(tags: Mapping[str, str], kind: Kind) -> list[Trouble]:
    header, _, body = tags.get("c", "simple/simple").lower().partition("/")
    if header.strip() in _FORMS and (body.strip() or "simple") in _FORMS:
        return []
    return [Trouble(f'the canonicalization "{shown(tags["c"])}" is unknown', True)]


def _place(tags: Mapping[str, str], kind: Kind) -> list[Trouble]:
    return [
        Trouble(f'{name}="{shown(tags[name])}" is no domain name', True)
        for name in ("d", "s")
        if name in tags and ascii_name(without_space(tags[name])) is None
    ]


def _octets(tags: Mapping[str, str], kind: Kind) -> list[Trouble]:
    return [
        Trouble(f"{name}= is not base64", True)
        for name in ("b", "bh")
        if name in tags and not read_base64(tags[name])
    ]


def _fields(tags: Mapping[str, str], kind: Kind) -> list[Trouble]:
    if "h" not in tags:
        return []
    names = _names(tags["h"])
    if kind is Kind.ARC_SEAL:
        return [Trouble("a seal has no h=", True)]
    if kind is Kind.DKIM and "from" not in names:
        return [Trouble("the From field is not in h=", True)]
    if kind is Kind.ARC_MESSAGE and "arc-seal" in names:
        return [Trouble("ARC-Seal is in h=", True)]
    return []


def _length(tags: Mapping[str, str], kind: Kind) -> list[Trouble]:
    if "l" not in tags:
        return []
    if _number(tags["l"]) is None:
        return [Trouble(f'l="{shown(tags["l"])}" is no number', True)]
    text = f"l={shown(tags['l'])} leaves what is appended to the body unsigned"
    return [Trouble(text, False)]


def _times(tags: Mapping[str, str], kind: Kind) -> list[Trouble]:
    troubles = [
        Trouble(f'{name}="{shown(tags[name])}" is no number of seconds', True)
        for name in ("t", "x")
        if name in tags and (_number(tags[name]) is None or len(tags[name]) > MAX_NUMBER)
    ]
    signed_at, expires_at = _number(tags.get("t")), _number(tags.get("x"))
    if signed_at is not None and expires_at is not None and expires_at <= signed_at:
        troubles.append(Trouble(f"it expires (x={expires_at}) before it is signed", True))
    return troubles


def _agent(tags: Mapping[str, str], kind: Kind) -> list[Trouble]:
    """Judge i=: the user or agent of DKIM, the number of an ARC set."""
    value = tags.get("i")
    if value is None:
        return []
    if kind is not Kind.DKIM:
        instance = _number(value)
        if instance is None or not 1 <= instance <= MAX_INSTANCE:
            return [Trouble(f'i="{shown(value)}" is no number from 1 to {MAX_INSTANCE}', True)]
        return []
    signer, agent = tags.get("d", "").lower(), value.rpartition("@")[2].lower()
    if "@" not in value or not (agent == signer or agent.endswith("." + signer)):
        return [Trouble(f'i="{shown(value)}" is not of d={shown(signer)}', True)]
    return []


def _chain(tags: Mapping[str, str], kind: Kind) -> list[Trouble]:
    if kind is not Kind.ARC_SEAL or "cv" not in tags:
        return []
    if tags["cv"].lower() not in ("none", "pass", "fail"):
        return [Trouble(f'cv="{shown(tags["cv"])}" is neither none nor pass nor fail', True)]
    return []


_JUDGES: tuple[Callable[[Mapping[str, str], Kind], list[Trouble]], ...] = (
    *(_version, _algorithm, _forms, _place, _octets, _fields, _length, _times, _agent, _chain),
)
