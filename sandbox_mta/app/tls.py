"""TLS of the SMTP listeners: the settings read, the certificate made or loaded."""

import ssl
from pathlib import Path
from typing import NamedTuple

from sandbox_mta.app.trouble import CantStart
from sandbox_mta.settings import SELF_SIGNED, Settings


class Tls(NamedTuple):
    """What the listeners use, and the SHA-256 fingerprint that a client may pin."""

    context: ssl.SSLContext
    fingerprint: str


def load(settings: Settings) -> Tls | None:
    """Return what the settings ask for, None for no TLS; raises `CantStart`."""
    if settings.tls_cert is None and settings.smtps is None:
        return None
    from sandbox_mta import certificate

    certificate_file, key_file = settings.tls_cert, settings.tls_key
    try:
        if certificate_file is None or str(certificate_file) == SELF_SIGNED:
            made = certificate.self_signed(settings.data, settings.hostname)
            certificate_file, key_file = made.certificate, made.key
        return Tls(_context(certificate_file, key_file), certificate.fingerprint(certificate_file))
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CantStart(f"can't use tls_cert={certificate_file} and its key: {reason}") from None


def _context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
