"""The self-signed certificate: made once, kept, private."""

import ssl
from pathlib import Path

from sandbox_mta.certificate import fingerprint, self_signed


def test_a_certificate_is_made_once_and_kept(tmp_path: Path) -> None:
    first = fingerprint(self_signed(tmp_path, "sandbox.test").certificate)

    assert fingerprint(self_signed(tmp_path, "sandbox.test").certificate) == first
    assert len(first.split(":")) == 32


def test_another_host_name_gets_another_certificate(tmp_path: Path) -> None:
    first = fingerprint(self_signed(tmp_path, "sandbox.test").certificate)

    assert fingerprint(self_signed(tmp_path, "mail.example").certificate) != first


def test_a_file_that_is_no_certificate_is_replaced(tmp_path: Path) -> None:
    files = self_signed(tmp_path, "sandbox.test")
    files.certificate.write_text("garbage")

    assert fingerprint(self_signed(tmp_path, "sandbox.test").certificate)


def test_only_its_owner_can_read_the_key(tmp_path: Path) -> None:
    files = self_signed(tmp_path, "sandbox.test")

    assert files.key.stat().st_mode & 0o777 == 0o600


def test_a_client_that_trusts_it_can_check_the_name(tmp_path: Path) -> None:
    files = self_signed(tmp_path, "sandbox.test")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cafile=str(files.certificate))
    ends = [ssl.MemoryBIO() for _ in range(2)]
    ours = server.wrap_bio(ends[0], ends[1], server_side=True)
    theirs = client.wrap_bio(ends[1], ends[0], server_hostname="127.0.0.1")

    for _ in range(4):
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue

    assert theirs.version() == "TLSv1.3"
