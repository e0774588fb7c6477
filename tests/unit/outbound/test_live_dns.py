"""Live look-ups, against a name server of this test's own."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from msa.auth.resolver import Status
from sandbox_mta.outbound import live_dns


class NameServer:
    """Answers on loopback: one record, one name that doesn't exist, and silence."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port

    def _serve(self) -> None:
        while True:
            request, client = self.socket.recvfrom(4096)
            if request == b"end":
                return
            query = dns.message.from_wire(request)
            name = query.question[0].name.to_text()
            self.asked.append(name)
            response = dns.message.make_response(query, recursion_available=True)
            if name == "acme.example.":
                response.answer.append(dns.rrset.from_text(name, 300, "IN", "A", "192.0.2.1"))
            elif name == "silent.example.":
                continue
            else:
                response.set_rcode(dns.rcode.NXDOMAIN)
            self.socket.sendto(response.to_wire(), client)

    def close(self) -> None:
        self.socket.sendto(b"end", self.socket.getsockname())
        self._thread.join()
        self.socket.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """Let this machine's configuration name the test's own server."""
    server = NameServer()

    def configured(resolver: dns.resolver.Resolver, source: object = None) -> None:
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = server.port

    monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", configured)
    monkeypatch.setattr(live_dns, "ANSWER_S", 0.3)
    yield server
    server.close()


def test_live_look_ups_ask_once_for_each_name(server: NameServer) -> None:
    lookups = live_dns.live_lookups()

    for _ in range(3):
        assert lookups.a("acme.example").records == (ip_address("192.0.2.1"),)
        assert lookups.a("other.example").status is Status.NXDOMAIN

    assert server.asked.count("acme.example.") == 1


def test_a_silent_server_is_given_up(server: NameServer) -> None:
    assert live_dns.live_lookups().a("silent.example").status is Status.FAILED


def test_nobody_is_asked_unless_a_setting_says_so(server: NameServer) -> None:
    assert live_dns.resolver_for("off") is None
    assert server.asked == []
