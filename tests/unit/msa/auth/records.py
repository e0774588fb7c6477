"""DNS in a dictionary, and keys made for one run."""

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from ipaddress import ip_address
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from msa.auth.resolver import Address, Addresses, Exchangers, Names, Status, Texts

FAILS = "FAILS"  # in place of a name's records: nobody answers


class Records:
    """A `Resolver` over `{name: {type: [value, ...]}}`; it counts what it is asked."""

    def __init__(self, names: Mapping[str, Mapping[str, Sequence[Any]] | str]) -> None:
        self._names = names
        self.asked: list[str] = []

    def _find(self, name: str, kind: str) -> tuple[Status, Sequence[Any]]:
        self.asked.append(name)
        records = self._names.get(name)
        if isinstance(records, str):
            return Status.FAILED, ()
        if records is None:
            # So the openSPF suite has it.
            return (Status.FAILED if name.startswith("error.") else Status.NXDOMAIN), ()
        if FAILS in records.get(kind, ()):
            return Status.FAILED, ()
        if "CNAME" in records:
            return self._find(records["CNAME"][0], kind)
        return (Status.FOUND, records[kind]) if records.get(kind) else (Status.NODATA, ())

    def txt(self, name: str) -> Texts:
        status, found = self._find(name, "TXT")
        return Texts(status, tuple(text.encode() for text in found))

    def mx(self, name: str) -> Exchangers:
        status, found = self._find(name, "MX")
        return Exchangers(status, tuple((preference, host) for preference, host in found))

    def a(self, name: str) -> Addresses:
        status, found = self._find(name, "A")
        return Addresses(status, tuple(map(ip_address, found)))

    def aaaa(self, name: str) -> Addresses:
        status, found = self._find(name, "AAAA")
        return Addresses(status, tuple(map(ip_address, found)))

    def ptr(self, address: Address) -> Names:
        status, found = self._find(address.reverse_pointer, "PTR")
        return Names(status, tuple(found))


@cache
def rsa_key(bits: int = 2048) -> tuple[bytes, str]:
    """Make an RSA key: its private half as PEM, its public half as p= has it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, base64.b64encode(public).decode()


@cache
def ed25519_key() -> tuple[bytes, str]:
    """Make an Ed25519 key: both halves as base64 of their 32 octets."""
    key = ed25519.Ed25519PrivateKey.generate()
    return (
        base64.b64encode(key.private_bytes_raw()),
        base64.b64encode(key.public_key().public_bytes_raw()).decode(),
    )
