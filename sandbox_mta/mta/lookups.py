"""What lint asks of DNS, answered by dnspython: from a zone file, or by whoever it is given."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
import dns.resolver
import dns.zone
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from msa.auth.resolver import Address, Addresses, Exchangers, Names, Status, Texts
from sandbox_mta.mta.nameserver import resolver_over

MAX_FILE = 16 * 2**20  # octets of a zone file
_HEAD = "$TTL 300\n. SOA . . 1 7200 3600 1209600 60\n. NS .\n"  # what a zone must have


class ZoneFileError(Exception):
    """A zone file can't be used; the text is one line with file and line."""


class Lookups:
    """The `Resolver` of `msa`, over a resolver of dnspython; nothing raises."""

    def __init__(self, resolver: dns.resolver.Resolver) -> None:
        self._resolver = resolver

    def txt(self, name: str) -> Texts:
        """See `Resolver`."""
        status, records = self._find(name, dns.rdatatype.TXT)
        texts = tuple(b"".join(each.strings) for each in records if isinstance(each, TXT))
        return Texts(status, texts)

    def mx(self, name: str) -> Exchangers:
        """See `Resolver`."""
        status, records = self._find(name, dns.rdatatype.MX)
        found = [
            (each.preference, _text(each.exchange)) for each in records if isinstance(each, MX)
        ]
        return Exchangers(status, tuple(found))

    def a(self, name: str) -> Addresses:
        """See `Resolver`."""
        return self._addresses(name, dns.rdatatype.A)

    def aaaa(self, name: str) -> Addresses:
        """See `Resolver`."""
        return self._addresses(name, dns.rdatatype.AAAA)

    def ptr(self, address: Address) -> Names:
        """See `Resolver`."""
        status, records = self._find(address.reverse_pointer, dns.rdatatype.PTR)
        return Names(status, tuple(each.to_text().lower().removesuffix(".") for each in records))

    def _addresses(self, name: str, kind: dns.rdatatype.RdataType) -> Addresses:
        status, records = self._find(name, kind)
        return Addresses(status, tuple(ip_address(each.to_text()) for each in records))

    def _find(
        self, name: str, kind: dns.rdatatype.RdataType
    ) -> tuple[Status, Iterable[dns.rdata.Rdata]]:
        try:
            # Not from text: there a backslash, which SPF's macros may make, is an escape.
            labels = [label.encode("ascii") for label in name.split(".")]
            wanted = dns.name.Name([*labels, b""])
            found = self._resolver.resolve(wanted, kind, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return Status.NXDOMAIN, ()
        except (dns.exception.DNSException, OSError, ValueError):
            return Status.FAILED, ()
        records = tuple(found.rrset or ())
        return (Status.FOUND if records else Status.NODATA), records


def read_zone_file(path: Path) -> Lookups:
    """Read keys, policies and exchangers of any domains from one master file (RFC 1035 section 5).

    Names without a final dot are completed by `$ORIGIN`, or are full names where there is none.
    Raises `ZoneFileError`.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE + 1)
        text = octets.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ZoneFileError(f"{path}: the zone file can't be read: {reason}") from None
    if len(octets) > MAX_FILE:
        raise ZoneFileError(f"{path}: the zone file is larger than {MAX_FILE} octets")
    try:
        return Lookups(resolver_over([_parsed(text)]))
    except (dns.exception.DNSException, ValueError, KeyError) as error:
        raise ZoneFileError(_placed(path, text, str(error))) from None


def _parsed(text: str) -> dns.zone.Zone:
    return dns.zone.from_text(_HEAD + text, origin=".", relativize=False, allow_include=False)


def _placed(path: Path, text: str, message: str) -> str:
    # dnspython says "<string>:7: what is wrong", counts the lines put before the file's, and
    # names the next line where it had read the end of the bad one.
    found = re.fullmatch(r"[^:]*:(\d+): (.*)", message, re.DOTALL)
    if found is None:
        return f"{path}: {message or 'it is no master file'}"
    line = int(found[1]) - _HEAD.count("\n")
    try:
        _parsed("".join(text.splitlines(keepends=True)[: line - 1]))
    except (dns.exception.DNSException, ValueError, KeyError):
        line -= 1
    return f"{path}:{max(line, 1)}: {found[2]}"


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")
