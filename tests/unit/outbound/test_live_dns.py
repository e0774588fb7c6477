"""Live look-ups, against a name server of this test's own."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from msa.auth.resolver import Status
from sandbox_mta.mta.mx import Route, Router
from sandbox_mta.mta.recorded import LookedUp, master_file
from sandbox_mta.mta.verdicts import Unroutable
from sandbox_mta.mta.zone_files import read_zone
from sandbox_mta.outbound import live_dns

RECORDS = {
    ("acme.example.", "A"): [("acme.example.", "A", "192.0.2.1")],
    ("shop.example.", "MX"): [("shop.example.", "MX", "10 mail.shop.example.")],
    ("mail.shop.example.", "A"): [("mail.shop.example.", "A", "198.51.100.9")],
    ("www.shop.example.", "MX"): [
        ("www.shop.example.", "CNAME", "shop.example."),
        ("shop.example.", "MX", "10 mail.shop.example."),
    ],
    ("null.example.", "MX"): [("null.example.", "MX", "0 .")],
    ("empty.example.", "TXT"): [("empty.example.", "TXT", "x")],
}


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
            kind = dns.rdatatype.to_text(query.question[0].rdtype)
            if (name, kind) in RECORDS:
                for owner, rdtype, text in RECORDS[name, kind]:
                    found = dns.rrset.from_text(owner, 300, "IN", rdtype, text)
                    response.answer.append(found)
            elif name == "silent.example.":
                continue
            elif name in {"refused.example.", "broken.example."}:
                refused = name == "refused.example."
                response.set_rcode(dns.rcode.REFUSED if refused else dns.rcode.SERVFAIL)
            elif name in {owner for owner, _ in RECORDS}:
                pass  # no data
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


DOMAINS = (
    *("shop.example", "www.shop.example", "acme.example", "null.example", "empty.example"),
    *("broken.example", "refused.example", "silent.example", "missing.example"),
)


def told(route: Route | Unroutable) -> object:
    return route.rule if isinstance(route, Unroutable) else route


def test_mail_is_routed_by_what_name_servers_say(server: NameServer) -> None:
    router = Router(unknown=live_dns.LiveNames(lambda _: None))

    found = {domain: told(router.route(domain)) for domain in DOMAINS}

    shop = found["shop.example"]
    assert isinstance(shop, Route)
    [exchanger] = shop.exchangers
    assert (exchanger.host, exchanger.addresses) == ("mail.shop.example", ("198.51.100.9",))
    assert found["www.shop.example"] == shop
    implicit = found["acme.example"]
    assert isinstance(implicit, Route)
    assert implicit.exchangers[0].preference == 0
    assert [found[domain] for domain in DOMAINS[3:]] == [
        *("dns:null-mx", "dns:no-address", "dns:servfail", "dns:refused", "dns:timeout"),
        "dns:nxdomain",
    ]
    before = len(server.asked)
    router.route("anybody.sim.test")
    assert len(server.asked) == before


def test_a_recorded_run_is_a_zone_that_says_the_same(server: NameServer, tmp_path: Path) -> None:
    answers: list[LookedUp] = []
    live = Router(unknown=live_dns.LiveNames(answers.append))
    found = [told(live.route(domain)) for domain in DOMAINS]
    asked = len(server.asked)
    path = tmp_path / "live"
    path.write_text(master_file(answers))

    again = Router([read_zone(path)])

    assert [told(again.route(domain)) for domain in DOMAINS] == found
    assert len(server.asked) == asked
