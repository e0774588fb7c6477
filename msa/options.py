"""What can be chosen about the submission server."""

import ssl
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Login:
    """The credentials that the bridge submits with, from wherever it runs."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """The choices of one listener; the defaults are those of the settings."""

    hostname: str = "sandbox.test"
    max_size: int = 50_000_000  # octets of content
    max_recipients: int = 1_000
    connections_per_host: int = 1_000
    idle_timeout_s: float = 300.0  # RFC 5321 section 4.5.3.2.7: at least five minutes
    auth: Literal["any", "required", "off"] = "any"
    tls_context: ssl.SSLContext | None = None  # for STARTTLS; None: it is not offered
    proxies: tuple[Network, ...] = ()  # whose connections begin with a PROXY header
    submission_keys: bool = True  # for loopback and for the bridge's login
    bridge_login: Login | None = None
    lint: str = "accept"  # one of `msa.policy.modes()`

    def __post_init__(self) -> None:
        if not 1 <= self.max_recipients <= 1_000:
            raise ValueError("max_recipients is 1 to 1000: stores number them in ten bits")
        if min(self.max_size, self.connections_per_host, self.idle_timeout_s) <= 0:
            raise ValueError("a limit of the server is not positive")
