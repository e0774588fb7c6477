"""Zones from master files (RFC 1035 section 5): reading them, and saying what is wrong where."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import dns.exception
import dns.name
import dns.node
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.tokenizer
import dns.zone
import dns.zonefile
from dns.rdtypes.ANY.MX import MX

from sandbox_mta.mta.zone import FaultError, Zone, faults_in, tls_in

MAX_FILE = 16 * 2**20  # octets of a zone file
MAX_FILES = 1000  # of all folders
DEFAULT_TTL_S = 300  # of records without one, where no $TTL says it
SUFFIX = ".zone"  # of the files in a folder

_BROKEN = (dns.exception.DNSException, ValueError, KeyError)  # what dnspython raises for a file
_SOA = "{origin} 300 IN SOA localhost. hostmaster.localhost. 1 7200 3600 1209600 60\n"
_NS = "{origin} 300 IN NS localhost.\n"


class ZoneFileError(Exception):
    """A zone file can't be used; the text is one line with file and line."""


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Return the zone files that a setting names: files, and `*.zone` of folders, in order.

    Raises `ZoneFileError`.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*" + SUFFIX)) if path.is_dir() else [path]
        if not inside:
            raise ZoneFileError(f"{path}: the folder holds no file *{SUFFIX}")
        found += inside
    if len(found) > MAX_FILES:
        raise ZoneFileError(f"{found[MAX_FILES]}: there are more than {MAX_FILES} zone files")
    return found


def read_zones(paths: Sequence[Path]) -> tuple[Zone, ...]:
    """Read zones from files and folders, one a file; raises `ZoneFileError`."""
    zones: dict[str, tuple[Path, Zone]] = {}
    for path in files_of(paths):
        zone = read_zone(path)
        if zone.origin in zones:
            other, _ = zones[zone.origin]
            raise ZoneFileError(f"{path}: {other} says what is in the zone {_shown(zone)} already")
        zones[zone.origin] = path, zone
    return tuple(zone for _, zone in zones.values())


def read_zone(path: Path) -> Zone:
    """Read one zone; raises `ZoneFileError`.

    Its origin is the owner of its SOA record. In a file without one it is the first `$ORIGIN`, or
    the file's name without `.zone`, and the two records that every zone has are made up. That is
    also where names without a final dot begin.
    """
    text = read_text(path)
    initial = path.name.removesuffix(SUFFIX).lower() + "." if path.name.endswith(SUFFIX) else "."
    read = parse(path, text, initial)
    if len(read.soas) > 1:
        line = read.soas[1][1]
        raise ZoneFileError(f"{path}:{line}: a second SOA record; write one zone a file")
    origin = read.soas[0][0] if read.soas else read.first_origin or dns.name.from_text(initial)
    for name, line in read.lines.items():
        if not name.is_subdomain(origin):
            raise ZoneFileError(f"{path}:{line}: {name} does not lie in the zone {origin}")
    try:
        faults, tls = faults_in(text, initial), tls_in(text, initial)
    except FaultError as error:
        raise ZoneFileError(f"{path}:{error.line}: {error}") from None
    made_up = ""
    for rdtype, record in ((dns.rdatatype.SOA, _SOA), (dns.rdatatype.NS, _NS)):
        if read.zone.get_rdataset(origin, rdtype) is None:
            made_up += record.format(origin=origin)
    records = read.zone.to_text(relativize=False, sorted=False)
    return Zone(
        origin.to_text(omit_final_dot=True).lower().strip("."), made_up + records, faults, tls
    )


def remarks(path: Path) -> Iterator[str]:
    """Say what in a zone is allowed in a file, but not what its writer will have meant.

    Raises `ZoneFileError`.
    """
    parsed = parse(path, read_zone(path).text, ".").zone
    for name, rdataset in parsed.iterate_rdatasets(dns.rdatatype.MX):
        hosts = [each.exchange for each in rdataset if isinstance(each, MX)]
        if dns.name.root in hosts and len(hosts) > 1:
            yield f"{path}: {name} has a null MX among others (RFC 7505 section 3: it stands alone)"
        for host in hosts:
            if parsed.get_rdataset(host, dns.rdatatype.CNAME) is not None:
                yield f"{path}: the exchanger {host} of {name} is an alias (RFC 2181 section 10.3)"


def read_text(path: Path) -> str:
    """Return what a zone file says; raises `ZoneFileError`."""
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE + 1)
        text = octets.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ZoneFileError(f"{path}: the zone file can't be read: {reason}") from None
    if len(octets) > MAX_FILE:
        raise ZoneFileError(f"{path}: the zone file is larger than {MAX_FILE} octets")
    return text


class Records:
    """What dnspython's reader gets to put records into: a zone of any names, with their lines."""

    def __init__(self) -> None:
        # The root holds any name, so that none is left out in silence.
        self.zone = dns.zone.Zone(dns.name.root, relativize=False)
        self.lines: dict[dns.name.Name, int] = {}  # where the first record of a name ends
        self.soas: list[tuple[dns.name.Name, int]] = []
        self.first_origin: dns.name.Name | None = None
        self._tokenizer = dns.tokenizer.Tokenizer("")
        self._checks: list[Check] = []

    def read(self, text: str, origin: str) -> None:
        """Read a master file; raises what dnspython raises, and has the records before."""
        self._tokenizer = dns.tokenizer.Tokenizer(text)
        reader = dns.zonefile.Reader(
            self._tokenizer,
            dns.rdataclass.IN,
            self,  # type: ignore[arg-type] # it asks for no more of a transaction than this
            allow_directives=("$ORIGIN", "$TTL"),
            default_ttl=DEFAULT_TTL_S,
        )
        reader.current_origin = reader.last_name = dns.name.from_text(origin)
        reader.read()

    @property
    def manager(self) -> dns.zone.Zone:
        return self.zone

    def check_put_rdataset(self, check: "Check") -> None:
        self._checks.append(check)

    def get_node(self, name: dns.name.Name) -> dns.node.Node | None:
        return self.zone.get_node(name)

    def add(self, name: dns.name.Name, ttl_s: int, record: dns.rdata.Rdata) -> None:
        line = self._tokenizer.where()[1] - 1  # its end was read already
        added = dns.rdataset.from_rdata(ttl_s, record)
        for check in self._checks:
            check(self, name, added)
        there = self.zone.find_rdataset(name, added.rdtype, added.covers, create=True)
        there.add(record, ttl_s)
        self.lines.setdefault(name, line)
        if added.rdtype == dns.rdatatype.SOA:
            self.soas.append((name, line))

    def _set_origin(self, origin: dns.name.Name) -> None:
        self.first_origin = self.first_origin or origin


Check = Callable[[Records, dns.name.Name, dns.rdataset.Rdataset], None]


def parse(path: Path, text: str, origin: str) -> Records:
    """Read a master file's text; raises `ZoneFileError`."""
    records = Records()
    try:
        records.read(text + "\n", origin)
    except _BROKEN as error:
        raise ZoneFileError(_placed(path, text, str(error), origin)) from None
    return records


def _placed(path: Path, text: str, message: str, origin: str) -> str:
    # dnspython says "<string>:7: what is wrong", and names the next line where it had read the
    # end of the bad one.
    found = re.fullmatch(r"[^:]*:(\d+): (.*)", message, re.DOTALL)
    if found is None:
        return f"{path}: {message or 'it is no master file'}"
    line = int(found[1])
    try:
        Records().read("".join(text.splitlines(keepends=True)[: line - 1]), origin)
    except _BROKEN:
        line -= 1
    return f"{path}:{max(line, 1)}: {found[2]}"


def _shown(zone: Zone) -> str:
    return zone.origin or "."
