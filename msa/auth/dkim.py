"""DKIM verified: keys looked up, hashes compared (RFC 6376 section 6, RFC 8301, RFC 8463)."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from msa.auth import canonical
from msa.auth.canonical import Line
from msa.auth.resolver import Resolver, Status
from msa.auth.signature import Kind, Reading, Signature, read_signature
from msa.auth.tags import read_base64, read_tags, shown, without_space

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MAX_SIGNATURES = 10  # of one message that are verified
MAX_KEY = 2_100  # octets of a key; 16,384 bits
MIN_BITS = 1_024  # of an RSA key that verifiers accept, RFC 8301 section 3.2
GOOD_BITS = 2_048  # what signers SHOULD use


class Result(StrEnum):
    """What verifying ends with, in the words of RFC 8601 section 2.7.1."""

    PASS = "pass"  # noqa: S105 # no password
    FAIL = "fail"
    PERMERROR = "permerror"
    TEMPERROR = "temperror"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one signature."""

    result: Result
    reason: str  # "" when it passes
    key_bits: int | None = None  # of an RSA key that was found
    testing: bool = False  # t=y in the key's record: the signer asks not to be trusted yet


@dataclass(frozen=True, slots=True)
class Signed:
    """A message as signatures see it; all lines end in CR LF."""

    lines: Sequence[Line]
    body: bytes
    _canonical: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def canonical_body(self, form: str) -> bytes:
        """Return the body in a canonical form, made once: it may be long and signed ten times."""
        if form not in self._canonical:
            self._canonical[form] = canonical.body(self.body, form)
        return self._canonical[form]


def verify(message: Signed, line: Line, resolver: Resolver) -> Verdict:
    """Verify one DKIM-Signature field; never raises."""
    reading = read_signature(line.octets.partition(b":")[2], Kind.DKIM)
    return verify_read(message, line, reading, resolver)


def verify_read(message: Signed, line: Line, reading: Reading, resolver: Resolver) -> Verdict:
    """Verify a signature field that covers body and fields: DKIM's, or a message's of ARC."""
    signature = reading.signature
    if signature is None:
        return Verdict(Result.PERMERROR, reading.troubles[0].text)
    key = find_key(signature, resolver)
    if isinstance(key, Verdict):
        return key
    fault = _body_fault(message.canonical_body(signature.body_form), signature)
    if not fault and not key.verifies(signature, _signed_octets(message, line, signature)):
        fault = "the signature does not match the signed fields"
    result = Result.FAIL if fault else Result.PASS
    return Verdict(result, fault, key.bits, key.testing)


def _body_fault(octets: bytes, signature: Signature) -> str:
    if signature.length is not None:
        if signature.length > len(octets):
            return f"l={signature.length} is more than the body's {len(octets)} octets"
        octets = octets[: signature.length]
    if not hmac.compare_digest(hashlib.sha256(octets).digest(), signature.body_hash):
        return "the body was changed after it was signed (bh= does not match)"
    return ""


def _signed_octets(message: Signed, line: Line, signature: Signature) -> bytes:
    form = signature.header_form
    others = [each for each in message.lines if each is not line]
    fields = [
        canonical.field(each, form) + b"\r\n" for each in canonical.chosen(others, signature.fields)
    ]
    return b"".join((*fields, canonical.field(canonical.unsigned(line), form)))


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that DNS gave."""

    public: "RSAPublicKey | Ed25519PublicKey"
    testing: bool
    bits: int | None  # of an RSA key

    def verifies(self, signature: Signature, octets: bytes) -> bool:
        """Say whether a signature over some octets is this key's."""
        from cryptography.exceptions import InvalidSignature

        try:
            _check(self.public, signature.signature, octets)
        except (InvalidSignature, ValueError):
            return False
        return True


def _check(public: "RSAPublicKey | Ed25519PublicKey", signature: bytes, octets: bytes) -> None:
    # Imported where it is needed: 40 ms, and most messages carry no signature.
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed25519, padding

    if isinstance(public, ed25519.Ed25519PublicKey):
        public.verify(signature, hashlib.sha256(octets).digest())
    else:
        public.verify(signature, octets, padding.PKCS1v15(), hashes.SHA256())


def find_key(signature: Signature, resolver: Resolver) -> Key | Verdict:
    """Look up a signature's key (section 3.6.2.2), or say why it can't be used."""
    name = f"{signature.selector}._domainkey.{signature.domain}"
    found = resolver.txt(name)
    if found.status is Status.FAILED:
        return Verdict(Result.TEMPERROR, f"the key {name} could not be looked up")
    if len(found.records) != 1:
        count = "more than one TXT record" if found.records else "no key"
        return Verdict(Result.PERMERROR, f"there is {count} at {name}")
    read = _read_key(found.records[0], signature.algorithm.partition("-")[0])
    if isinstance(read, str):
        return Verdict(Result.PERMERROR, f"the key at {name} {read}")
    fault = ""
    if read.bits is not None and read.bits < MIN_BITS:
        fault = f"has {read.bits} bits, and verifiers want {MIN_BITS}"
    elif read.only_exact and not _is_exact(signature):
        fault = "allows no subdomain in i= (t=s)"
    if fault:
        text = f"the key at {name} {fault}"
        return Verdict(Result.PERMERROR, text, read.bits, read.testing)
    return Key(read.public, read.testing, read.bits)


def _is_exact(signature: Signature) -> bool:
    agent = signature.agent.rpartition("@")[2].lower()
    return not signature.agent or agent == signature.domain


class _Record(NamedTuple):
    public: "RSAPublicKey | Ed25519PublicKey"
    testing: bool
    bits: int | None
    only_exact: bool


@lru_cache(maxsize=256)
def _read_key(record: bytes, kind: str) -> _Record | str:
    """Read a key record (section 3.6.1) for an algorithm of a kind, or say what is wrong."""
    tags = read_tags(record.decode("utf-8", "replace"))
    values = tags.values
    fault = tags.trouble or _unusable(values, kind)
    if fault:
        return f"can't be used: {fault}"
    if not without_space(values["p"]):
        return "is revoked (p= is empty)"
    octets = read_base64(values["p"])
    if octets is None or len(octets) > MAX_KEY:
        return "is no base64, or too long"
    flags = [flag.strip() for flag in values.get("t", "").split(":")]
    try:
        public = _public(octets, kind)
    except Exception:  # the library has a dozen kinds, and a stranger wrote the octets
        return f"is no {kind} key"
    bits = public.key_size if kind == "rsa" else None  # type: ignore[union-attr] # RSA's alone
    return _Record(public, "y" in flags, bits, "s" in flags)


def _unusable(values: Mapping[str, str], kind: str) -> str:
    if values.get("v", "DKIM1") != "DKIM1":
        return f'its version is v="{shown(values["v"])}"'
    if "p" not in values:
        return "it has no p="
    if values.get("k", "rsa").lower() != kind:
        return f'it is of k="{shown(values.get("k", "rsa"))}", the signature of {kind}'
    if not _lists(values.get("h", "*"), "sha256"):
        return f'it allows only h="{shown(values["h"])}"'
    if not _lists(values.get("s", "*"), "email"):
        return f'it is for s="{shown(values["s"])}" and not for mail'
    return ""


def _lists(value: str, wanted: str) -> bool:
    return bool({each.strip().lower() for each in value.split(":")} & {"*", wanted})


def _public(octets: bytes, kind: str) -> "RSAPublicKey | Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if kind == "ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(octets)
    public = load_der_public_key(octets)
    if not isinstance(public, rsa.RSAPublicKey):
        raise TypeError("another kind of key")
    return public
