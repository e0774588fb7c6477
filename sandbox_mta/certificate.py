"""The certificate for TLS: the one that is given, or one of our own made at the first start.

The only door to cryptography; imported when TLS is asked for.
"""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=825)  # what Apple's clients accept at most
RENEW_BEFORE = timedelta(days=30)


class CertificateFiles(NamedTuple):
    """Where a certificate and its key lie, both PEM."""

    certificate: Path
    key: Path


def self_signed(folder: Path, hostname: str) -> CertificateFiles:
    """Return a certificate for `hostname` and loopback, made in `folder` unless it is there.

    One that was made before stays, so that clients who trust it go on; it is made again when it
    names another host or ends within RENEW_BEFORE. Raises OSError.
    """
    files = CertificateFiles(folder / "tls-certificate.pem", folder / "tls-key.pem")
    if not _serves(files, hostname):
        _make(files, hostname)
    return files


def fingerprint(certificate: Path) -> str:
    """Return the SHA-256 fingerprint of the first certificate of a PEM file, as openssl does."""
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    return read.fingerprint(hashes.SHA256()).hex(":").upper()


def _serves(files: CertificateFiles, hostname: str) -> bool:
    try:
        read = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    ends_late = read.not_valid_after_utc - RENEW_BEFORE > datetime.now(UTC)
    known = names.get_values_for_type(x509.DNSName)
    return ends_late and hostname in known and files.key.exists()


def _make(files: CertificateFiles, hostname: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    now = datetime.now(UTC)
    names = [
        x509.DNSName(hostname),
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a container's clock may be behind
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(files.key, secret, 0o600)
    _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _write(path: Path, octets: bytes, mode: int) -> None:
    """Write a file that is whole or not there, and never readable by more than `mode` says."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
    draft.rename(path)
