"""Zone files for lint: what is found in them, and what is wrong with one."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from msa.auth.resolver import Addresses, Exchangers, Names, Status, Texts
from sandbox_mta.mta.lookups import ZoneFileError, read_zone_file

ZONE = """\
$ORIGIN acme.example.
@       MX    10 mx
        TXT   "v=spf1 mx " "-all"
mx      A     192.0.2.25
        AAAA  2001:db8::25
www     CNAME mx
loop    CNAME loop2
loop2   CNAME loop
null.example.  MX 0 .
25.2.0.192.in-addr.arpa. PTR MX.acme.example.
"""


def test_every_kind_of_record_is_found(tmp_path: Path) -> None:
    path = tmp_path / "zone"
    path.write_text(ZONE)
    dns = read_zone_file(path)

    assert dns.txt("acme.example") == Texts(Status.FOUND, (b"v=spf1 mx -all",))
    assert dns.mx("ACME.example") == Exchangers(Status.FOUND, ((10, "mx.acme.example"),))
    assert dns.mx("null.example") == Exchangers(Status.FOUND, ((0, ""),))
    assert dns.a("www.acme.example") == Addresses(Status.FOUND, (ip_address("192.0.2.25"),))
    assert dns.aaaa("mx.acme.example").records == (ip_address("2001:db8::25"),)
    assert dns.ptr(ip_address("192.0.2.25")) == Names(Status.FOUND, ("mx.acme.example",))


def test_what_is_missing_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "zone"
    path.write_text(ZONE)
    dns = read_zone_file(path)

    assert dns.a("acme.example").status is Status.NODATA
    assert dns.a("other.example").status is Status.NXDOMAIN
    assert dns.a("loop.acme.example").status is Status.FAILED
    assert dns.txt(r"a\ b:c/d.acme.example").status is Status.NXDOMAIN
    assert dns.txt("a" * 64 + ".example").status is Status.FAILED


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a. A 192.0.2.1\nb. A nonsense\nc. A 192.0.2.1\n", ":2: Text input is malformed."),
        ("a. A 192.0.2.1\nb. BOGUS x\n", ":2: unknown rdatatype 'BOGUS'"),
        ("a. MX ten mx.\n", ":1: expecting an integer"),
        ('a. A 192.0.2.1\n\nb. TXT "open\n', ":3: newline in quoted string"),
        ("$INCLUDE /etc/passwd\n", ":1: zone file directive '$INCLUDE' is not allowed"),
    ],
)
def test_an_error_has_its_file_and_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "zone"
    path.write_text(text)

    with pytest.raises(ZoneFileError) as raised:
        read_zone_file(path)

    assert str(raised.value) == f"{path}{problem}"


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ZoneFileError, match="can't be read: No such file"):
        read_zone_file(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(ZoneFileError, match="can't be read: it is not UTF-8"):
        read_zone_file(tmp_path / "binary")
