"""What lint asks of DNS, answered by dnspython: from a zone file, or by whoever it is given."""

from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from msa.auth.resolver import Address, Addresses, Exchangers, Names, Status, Texts
from sandbox_mta.mta.nameserver import resolver_over
from sandbox_mta.mta.zone_files import ZoneFileError, parse, read_text

__all__ = ["Lookups", "ZoneFileError", "read_zone_file"]

_SOA = "@ SOA . . 1 7200 3600 1209600 60\n"  # what a zone must have


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
    read = parse(path, read_text(path), ".")
    read.read(_SOA, ".")
    return Lookups(resolver_over([read.zone]))


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")
