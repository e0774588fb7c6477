"""The values of settings: how each kind is read, and what may stand in it.

What is no value raises ValueError with one sentence that says what may stand there.
"""

import json
import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from msa import policy
from msa.lint import RULES, choice
from msa.lint.html.support import resolve
from sandbox_mta.events.formats import FORMATS
from sandbox_mta.events.webhook import key
from sandbox_mta.mta.clock import parse_duration, parse_mode
from sandbox_mta.mta.schedule import named
from sandbox_mta.mta.verdicts import DNS_POLICIES
from sandbox_mta.mta.zone import faults_of
from sandbox_mta.outbound.posting import Poster

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20}
STAGES = ("msa", "mta", "bridge", "web")


def octets(value: Any) -> Any:
    """Read `50MB`, `512KiB` or a plain number of octets."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if match is None or match[2].upper() not in _UNITS:
        raise ValueError(f"{value!r} is no size; write 50MB, 512KiB or a number of octets")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def names(value: Any) -> Any:
    """Read a comma-separated list; a TOML array is one already."""
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


def address(value: str) -> str:
    """Check HOST:PORT, with the host optional and an IPv6 host in brackets."""
    match = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*):(\d{1,5})", value)
    if match is None or int(match[1]) > 65535:
        raise ValueError(f"{value!r} is no address; write HOST:PORT, for example 127.0.0.1:1025")
    return value


def database(value: str) -> str:
    scheme = urlsplit(value).scheme
    if scheme not in ("sqlite", "mysql"):
        raise ValueError("write sqlite:///file.db or mysql://user:password@host:3306/database")
    return value


def kafka(value: str) -> str:
    if value in ("off", "embedded") or re.fullmatch(r"embedded:\d{1,5}", value):
        return value
    for server in value.split(","):
        address(server.strip())
    return value


def clock(value: str) -> str:
    parse_mode(value)
    return value


def schedule(value: str) -> str:
    named(value)
    return value


def retention(value: str) -> str:
    """Check `all`, a number of messages, or how long they are kept."""
    if value != "all" and not re.fullmatch(r"[1-9]\d{0,9}", value):
        try:
            if not parse_duration(value):
                raise ValueError
        except ValueError:
            raise ValueError(
                f"{value!r} says not what is kept; write `all`, a number of messages such as "
                "10000, or an age such as 7d"
            ) from None
    return value


def stages(value: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in value if name not in STAGES]
    if unknown or not value:
        raise ValueError(f"no stage {', '.join(unknown) or 'given'}; there are {', '.join(STAGES)}")
    return value


def lint_mode(value: str) -> str:
    if value not in policy.modes():
        raise ValueError(f"there is no lint mode {value!r}; there are {', '.join(policy.modes())}")
    return value


def lint_rules(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        choice.named(word, RULES)
    return words


def lint_clients(words: tuple[str, ...]) -> tuple[str, ...]:
    resolve(words)
    return words


def lint_dns(value: str) -> str:
    """Check that a zone file can be used; loads the DNS library only for one."""
    if value not in ("off", "live"):
        from sandbox_mta.mta.lookups import ZoneFileError, read_zone_file

        try:
            read_zone_file(Path(value))
        except ZoneFileError as error:
            raise ValueError(f"{error}; write off, live or the path of a zone file") from None
    return value


def dns_policy(value: str) -> str:
    if value not in DNS_POLICIES:
        raise ValueError(f"there is no policy {value!r}; there are {', '.join(DNS_POLICIES)}")
    return value


def dns_faults(words: tuple[str, ...]) -> tuple[str, ...]:
    faults_of(words)
    return words


def webhook_url(value: str) -> str:
    Poster(value)
    return value


def webhook_format(value: str) -> str:
    if value not in FORMATS:
        raise ValueError(f"there is no webhook format {value!r}; there are {', '.join(FORMATS)}")
    return value


def webhook_secret(value: str) -> str:
    key(value)
    return value


def read_json(value: Any) -> Any:
    """Read a table written as JSON; a TOML table is one already."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("is not JSON") from None


Address = Annotated[str, AfterValidator(address)]
Octets = Annotated[int, BeforeValidator(octets), Field(gt=0)]
Network = IPv4Network | IPv6Network
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(names)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(names)]
Rules = Annotated[Names, AfterValidator(lint_rules)]
Clients = Annotated[Names, AfterValidator(lint_clients)]
Faults = Annotated[Names, AfterValidator(dns_faults)]
