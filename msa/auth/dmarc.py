"""DMARC: policy records, and the walk through DNS that finds them (RFC 9989)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from msa.auth.resolver import Resolver, Status
from msa.auth.tags import read_tags, shown

MAX_LABELS = 8  # a longer name is cut to one label fewer in the second step, section 4.10
MAX_ADDRESSES = 20  # of rua and ruf that are judged

Policy = Literal["none", "quarantine", "reject"]
Alignment = Literal["relaxed", "strict"]

_POLICIES = ("none", "quarantine", "reject")
_REMOVED = ("pct", "rf", "ri")  # known to RFC 7489 only
_KNOWN = frozenset(("v", "p", "sp", "np", "adkim", "aspf", "fo", "psd", "t", "rua", "ruf"))
_FO = frozenset(("0", "1", "d", "s"))
_URI = re.compile(r"mailto:[^@\s!,]{1,64}@[a-z0-9.-]{1,253}(![0-9]{1,18}[kmgt]?)?", re.IGNORECASE)
_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")


@dataclass(frozen=True, slots=True)
class Record:
    """A policy record that receivers apply, and what is wrong with it all the same."""

    policy: Policy
    subdomains: Policy  # sp=
    missing: Policy  # np=: of subdomains that don't exist
    dkim: Alignment = "relaxed"
    spf: Alignment = "relaxed"
    public_suffix: Literal["y", "n", "u"] = "u"  # psd=
    testing: bool = False  # t=y
    troubles: tuple[str, ...] = ()


class Found(NamedTuple):
    """What stands at one name of the walk."""

    domain: str
    record: Record | None  # None: none that applies
    trouble: str  # of a record that doesn't apply; else ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What DMARC says of an author's domain."""

    organisation: str  # the organisational domain
    domain: str  # where the record stands; "" without one
    record: Record | None
    policy: Policy | None  # what applies to the author's domain
    trouble: str  # why there is no record; "" when there is one
    is_certain: bool = True  # no look-up failed


def read_record(text: str) -> Record | str:
    """Read a policy record (section 4.7), or say why receivers don't apply it; never raises."""
    tags = read_tags(text)
    values = {name.lower(): value for name, value in tags.values.items()}
    if tags.trouble:
        return tags.trouble
    reports = any(_URI.fullmatch(each.strip()) for each in values.get("rua", "").split(","))
    troubles = list(_troubles(values))
    chosen: list[Policy] = []
    usual: Policy = "none"
    for name in ("p", "sp", "np"):
        value = values.get(name, usual).lower()
        if value not in _POLICIES or (name == "p" and "p" not in values):
            fault = f'{name}="{shown(value)}" is no policy' if name in values else "it has no p="
            if not reports:
                return fault
            # Section 4.7: a report address is asked for, so receivers go on as with p=none.
            return _record(values, ("none", "none", "none"), (fault, *troubles))
        usual = cast("Policy", value)
        chosen.append(usual)
    return _record(values, (chosen[0], chosen[1], chosen[2]), troubles)


def _record(
    values: Mapping[str, str], policies: tuple[Policy, Policy, Policy], troubles: Sequence[str]
) -> Record:
    psd = values.get("psd", "u").lower()
    return Record(
        *policies,
        dkim="strict" if values.get("adkim", "r").lower() == "s" else "relaxed",
        spf="strict" if values.get("aspf", "r").lower() == "s" else "relaxed",
        public_suffix="y" if psd == "y" else "n" if psd == "n" else "u",
        testing=values.get("t", "n").lower() == "y",
        troubles=tuple(troubles),
    )


def _troubles(values: Mapping[str, str]) -> list[str]:
    troubles = [f"{name}= was removed in RFC 9989" for name in _REMOVED if name in values]
    unknown = [name for name in values if name not in _KNOWN and name not in _REMOVED]
    troubles += [f'the tag "{shown(name)}" is unknown' for name in unknown]
    for name, allowed in (("adkim", "rs"), ("aspf", "rs"), ("psd", "ynu"), ("t", "yn")):
        value = values.get(name, allowed[0])
        if len(value) != 1 or value.lower() not in allowed:
            troubles.append(f'{name}="{shown(value)}" is none of {", ".join(allowed)}')
    options = {each.strip().lower() for each in values.get("fo", "0").split(":")}
    if not options <= _FO:
        troubles.append(f'fo="{shown(values["fo"])}" is none of 0, 1, d, s')
    for name in ("rua", "ruf"):
        addresses = values.get(name, "").split(",") if name in values else []
        for address in addresses[:MAX_ADDRESSES]:
            uri = _URI.fullmatch(address.strip())
            if uri is None:
                troubles.append(f'{name}= holds "{shown(address.strip())}", no mailto: address')
            elif uri[1]:
                troubles.append(f"the size limit in {name}= was removed in RFC 9989")
    return troubles


def discover(domain: str, resolver: Resolver) -> Discovery:
    """Find the policy for an author's domain, in ASCII (section 4.10.1); never raises."""
    walk, is_certain = _walk(domain, resolver)
    organisation = _organisation(domain, walk)
    at = {found.domain: found for found in walk if found.record is not None}
    suffix = next((each.domain for each in walk if _suffix_of(each) == "y"), "")
    place = next((name for name in (domain, organisation, suffix) if name in at), "")
    if not place:
        wrong = next((found for found in walk if found.trouble), None)
        trouble = f"{domain} has no DMARC record"
        if wrong is not None:
            trouble = f"no receiver applies the record at _dmarc.{wrong.domain}: {wrong.trouble}"
        return Discovery(organisation, "", None, None, trouble, is_certain)
    record = at[place].record
    assert record is not None  # only such are in `at`
    policy = record.policy if place == domain else _inherited(record, domain, resolver)
    return Discovery(organisation, place, record, policy, "", is_certain)


def organisation_of(domain: str, resolver: Resolver) -> str:
    """Find the organisational domain of a name (section 4.10.2); never raises."""
    return _organisation(domain, _walk(domain, resolver)[0])


def _inherited(record: Record, domain: str, resolver: Resolver) -> Policy:
    exists = any(
        ask(domain).status is not Status.NXDOMAIN
        for ask in (resolver.a, resolver.aaaa, resolver.mx)
    )
    return record.subdomains if exists else record.missing


def _walk(domain: str, resolver: Resolver) -> tuple[list[Found], bool]:
    """Ask at the name, then at its parents, until one says that it is the end."""
    walk: list[Found] = []
    is_certain = True
    labels = domain.split(".")
    while labels:
        name = ".".join(labels)
        texts = resolver.txt(f"_dmarc.{name}")
        is_certain = is_certain and texts.status is not Status.FAILED
        found = _found(name, texts.records)
        walk.append(found)
        if _suffix_of(found) in ("y", "n"):
            break
        labels = labels[1 - MAX_LABELS :] if len(labels) >= MAX_LABELS else labels[1:]
    return walk, is_certain


def _suffix_of(found: Found) -> str:
    return "u" if found.record is None else found.record.public_suffix


def _found(name: str, texts: Sequence[bytes]) -> Found:
    records = [each.decode("utf-8", "replace") for each in texts]
    records = [text for text in records if _VERSION.match(text)]
    if len(records) != 1:
        return Found(name, None, f"there are {len(records)} of them" if records else "")
    read = read_record(records[0])
    return Found(name, None, read) if isinstance(read, str) else Found(name, read, "")


def _organisation(domain: str, walk: Sequence[Found]) -> str:
    for found in walk:
        said = _suffix_of(found)
        if said == "n":
            return found.domain
        if said == "y" and found.domain != domain:
            depth = found.domain.count(".") + 2
            return ".".join(domain.split(".")[-depth:])
    with_record = [found.domain for found in walk if found.record is not None]
    return min(with_record, key=lambda name: name.count("."), default=domain)
