"""One row for each way in which a look-up can end."""

import subprocess
import sys

import pytest

from sandbox_mta.mta.mx import (
    LIVE_S,
    MAX_ADDRESSES,
    MAX_DOMAIN,
    OWN_NAME,
    Exchanger,
    Route,
    Router,
)
from sandbox_mta.mta.verdicts import Unroutable
from sandbox_mta.mta.zone import Answer, Names, Nowhere, Result, Zone

HEAD = """
$TTL 300
@ SOA ns hostmaster 1 7200 3600 1209600 60
  NS ns
ns A 192.0.2.53
mx1 A 192.0.2.1
mx2 A 192.0.2.2
    AAAA 2001:db8::2
"""


def hosts(route: Route | Unroutable) -> list[tuple[int | None, str]]:
    assert isinstance(route, Route), route
    return [(each.preference, each.host) for each in route.exchangers]


def in_zone(
    records: str, faults: dict[str, Result] | None = None, policy: str = "postfix"
) -> Router:
    return Router([Zone("example.test", HEAD + records, faults or {})], policy=policy)


def failed(route: Route | Unroutable) -> str:
    assert isinstance(route, Unroutable), route
    return route.rule


@pytest.mark.parametrize(
    ("domain", "exchangers"),
    [
        ("sim.test", [(10, "mx.sim.test")]),
        ("SIM.Test.", [(10, "mx.sim.test")]),
        ("implicit.sim.test", [(0, "implicit.sim.test")]),
        ("cname.sim.test", [(10, "mx.sim.test")]),
        ("mxcname.sim.test", [(10, "alias.mxcname.sim.test")]),
        ("backup.sim.test", [(10, "mx1.backup.sim.test"), (20, "mx2.backup.sim.test")]),
        ("equal.sim.test", [(10, "a.equal.sim.test"), (10, "b.equal.sim.test")]),
        ("v6only.sim.test", [(10, "mx.v6only.sim.test")]),
        ("bücher.sim.test", [(10, "mx.sim.test")]),
        ("xn--bcher-kva.sim.test", [(10, "mx.sim.test")]),
        ("example.org", [(10, "mx.example.org")]),
        ("faß.example", [(10, "mx.xn--fa-hia.example")]),
        ("under_score.example", [(10, "mx.under_score.example")]),
        ("localhost", [(10, "mx.localhost")]),
        ("[192.0.2.7]", [(None, "[192.0.2.7]")]),
        ("[IPv6:2001:db8::7]", [(None, "[IPv6:2001:db8::7]")]),
        ("", [(10, OWN_NAME)]),
    ],
)
def test_a_domain_has_exchangers(domain: str, exchangers: list[tuple[int | None, str]]) -> None:
    assert hosts(Router().route(domain)) == exchangers


@pytest.mark.parametrize(
    ("domain", "status", "rule", "reason"),
    [
        ("nxdomain.sim.test", "550 5.4.4", "dns:nxdomain", "domain-unknown"),
        ("nomx.sim.test", "550 5.4.4", "dns:no-address", "domain-unknown"),
        ("nullmx.sim.test", "550 5.1.0", "dns:null-mx", "null-mx"),
        ("servfail.sim.test", "451 4.4.3", "dns:servfail", "dns"),
        ("dnstimeout.sim.test", "451 4.4.3", "dns:timeout", "dns"),
        ("cnameloop.sim.test", "550 5.4.4", "dns:cname-loop", "dns"),
        ("deadmx.sim.test", "550 5.4.4", "dns:dead-mx", "domain-unknown"),
        ("loop.sim.test", "550 5.4.6", "dns:loop", "dns"),
        ("[192.0.2.256]", "550 5.1.3", "dns:bad-literal", "domain-unknown"),
        ("[IPv6:192.0.2.1]", "550 5.1.3", "dns:bad-literal", "domain-unknown"),
        ("[tag:anything]", "550 5.1.3", "dns:bad-literal", "domain-unknown"),
        ("-bad.example", "550 5.4.4", "dns:bad-name", "domain-unknown"),
        ("a..example", "550 5.4.4", "dns:bad-name", "domain-unknown"),
        (".", "550 5.4.4", "dns:bad-name", "domain-unknown"),
        ("x" * 64 + ".example", "550 5.4.4", "dns:bad-name", "domain-unknown"),
        ("\u2100\u2060\ufdd0.example", "550 5.4.4", "dns:bad-name", "domain-unknown"),
    ],
)
def test_a_domain_can_not_be_routed(domain: str, status: str, rule: str, reason: str) -> None:
    found = Router().route(domain)

    assert isinstance(found, Unroutable)
    assert (str(found.reply).startswith(status + " "), found.rule, found.reason) == (
        True,
        rule,
        reason,
    )
    assert domain in found.reply.text


def test_an_exchanger_has_the_addresses_of_its_records() -> None:
    assert Router().route("mxcname.sim.test") == Route(
        (Exchanger("alias.mxcname.sim.test", ("192.0.2.26", "2001:db8::26"), 10),)
    )


def test_a_made_up_exchanger_always_has_the_same_addresses_for_documentation() -> None:
    first, again = Router().route("example.org"), Router().route("EXAMPLE.org.")
    other = Router().route("example.net")

    assert first == again
    assert isinstance(first, Route)
    assert isinstance(other, Route)
    [exchanger] = first.exchangers
    assert exchanger.addresses != other.exchangers[0].addresses
    ipv4, ipv6 = exchanger.addresses
    assert ipv4.startswith("192.0.2.")
    assert ipv6.startswith("2001:db8:")


def test_the_longest_possible_domain_has_an_exchanger_whose_name_is_not_longer() -> None:
    domain = ".".join(["x" * 62] * 4)

    [(_, host)] = hosts(Router().route(domain))

    assert len(domain) <= MAX_DOMAIN
    assert len(host) <= MAX_DOMAIN


def test_exchangers_worse_than_ourselves_are_dropped() -> None:
    router = in_zone("@ MX 10 mx1\n  MX 20 mta.sim.test.\n  MX 20 mx2\n  MX 30 mx2\n")

    assert hosts(router.route("example.test")) == [(10, "mx1.example.test")]


def test_the_order_in_the_zone_does_not_matter() -> None:
    router = in_zone("@ MX 30 mx2\n  MX 10 mx1\n  MX 20 mx2\n")

    assert [preference for preference, _ in hosts(router.route("example.test"))] == [10, 20, 30]


def test_our_own_host_name_is_a_setting() -> None:
    zone = Zone("example.test", HEAD + "@ MX 10 mail.example.com.\n")

    found = Router([zone], hostname="Mail.Example.com").route("example.test")

    assert isinstance(found, Unroutable)
    assert found.rule == "dns:loop"


@pytest.mark.parametrize("policy", ["haraka", "opensmtpd", "kumomta"])
def test_a_null_mx_among_others_means_nothing(policy: str) -> None:
    router = in_zone("@ MX 0 .\n  MX 10 mx1\n", policy=policy)

    assert hosts(router.route("example.test")) == [(10, "mx1.example.test")]


def test_a_null_mx_among_others_is_one_to_postfix() -> None:
    assert failed(in_zone("@ MX 0 .\n  MX 10 mx1\n").route("example.test")) == "dns:null-mx"


def test_an_exchanger_with_our_address_is_us_whatever_its_name() -> None:
    ours = "us A 192.0.2.25\n"

    first = in_zone(ours + "@ MX 10 us\n  MX 20 mx1\n").route("example.test")
    second = in_zone(ours + "@ MX 10 mx1\n  MX 20 us\n  MX 30 mx2\n").route("example.test")
    implicit = in_zone("@ A 192.0.2.25\n").route("example.test")

    assert failed(first) == "dns:loop"
    assert hosts(second) == [(10, "mx1.example.test")]
    assert failed(implicit) == "dns:loop"


def test_a_backup_waits_for_a_primary_that_has_no_address() -> None:
    found = in_zone("@ MX 10 ghost\n  MX 20 mta.sim.test.\n").route("example.test")

    assert isinstance(found, Unroutable)
    assert found.rule == "dns:lost-primary"
    assert str(found.reply) == "451 4.4.4 unable to find primary relay for example.test"


def test_addresses_come_by_turns_of_their_families_and_are_few() -> None:
    ipv4 = "".join(f"many A 192.0.2.{n}\n" for n in range(1, 9))
    route = in_zone(ipv4 + "many AAAA 2001:db8::1\n  AAAA 2001:db8::2\n@ MX 1 many\n").route(
        "example.test"
    )

    assert isinstance(route, Route)
    [exchanger] = route.exchangers
    assert exchanger.addresses == (
        *("192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"),
        "192.0.2.3",
    )
    assert len(exchanger.addresses) == MAX_ADDRESSES


def test_exchangers_without_an_address_are_skipped() -> None:
    router = in_zone("@ MX 10 ghost\n  MX 20 mx2\n")

    assert hosts(router.route("example.test")) == [(20, "mx2.example.test")]


def test_an_address_record_is_no_way_out_when_mx_records_lead_nowhere() -> None:
    router = in_zone("@ MX 10 ghost\n  A 192.0.2.9\n")

    found = router.route("example.test")

    assert isinstance(found, Unroutable)
    assert found.rule == "dns:dead-mx"


def test_a_soft_error_dominates_when_no_exchanger_has_an_address() -> None:
    router = in_zone("@ MX 10 ghost\n  MX 20 shy\n", faults={"shy.example.test": Result.SERVFAIL})

    found = router.route("example.test")

    assert isinstance(found, Unroutable)
    assert (found.rule, found.reply.enhanced) == ("dns:lost-mx", "4.4.3")


def test_a_wildcard_stands_for_names_that_do_not_exist() -> None:
    router = in_zone("*.wild MX 10 mx1\ndeep.known.wild A 192.0.2.8\n")

    assert hosts(router.route("any.wild.example.test")) == [(10, "mx1.example.test")]
    blocked = router.route("other.known.wild.example.test")
    assert isinstance(blocked, Unroutable)
    assert blocked.rule == "dns:nxdomain"


def test_names_above_an_existing_one_exist_without_data() -> None:
    found = in_zone("deep.empty A 192.0.2.8\n").route("empty.example.test")

    assert isinstance(found, Unroutable)
    assert found.rule == "dns:no-address"


def test_aliases_and_exchangers_outside_all_zones_are_made_up() -> None:
    router = in_zone("away CNAME elsewhere.example.\nhosted MX 5 mx.provider.example.\n")

    assert hosts(router.route("away.example.test")) == [(10, "mx.elsewhere.example")]
    assert hosts(router.route("hosted.example.test")) == [(5, "mx.provider.example")]


def test_a_chain_of_aliases_is_followed_through_all_zones_up_to_sixteen() -> None:
    chain = "".join(f"a{n} CNAME a{n + 1}\n" for n in range(1, 18)) + "a18 MX 10 mx1\n"
    router = Router(
        [
            Zone("example.test", HEAD + chain),
            Zone("other.test", HEAD + "@ CNAME a4.example.test.\n".replace("@", "alias")),
        ]
    )

    assert hosts(router.route("alias.other.test")) == [(10, "mx1.example.test")]
    too_long = router.route("a1.example.test")
    assert isinstance(too_long, Unroutable)
    assert too_long.rule == "dns:cname-loop"


def test_the_longest_origin_serves_a_name() -> None:
    router = Router(
        [
            Zone("example.test", HEAD + "sub MX 10 mx1\n"),
            Zone("sub.example.test", HEAD + "@ MX 10 mx2\n"),
        ]
    )

    assert hosts(router.route("sub.example.test")) == [(10, "mx2.sub.example.test")]


def test_equal_exchangers_are_shuffled_the_same_way_for_the_same_key() -> None:
    route = Router().route("equal.sim.test")
    assert isinstance(route, Route)

    orders = [tuple(each.host for each in route.in_order(f"key {n}")) for n in range(64)]

    assert orders == [tuple(each.host for each in route.in_order(f"key {n}")) for n in range(64)]
    first = sum(order[0] == "a.equal.sim.test" for order in orders)
    assert 16 < first < 48


def test_no_shuffle_puts_a_worse_exchanger_first() -> None:
    route = Router().route("backup.sim.test")
    assert isinstance(route, Route)

    assert {route.in_order(f"key {n}")[0].preference for n in range(64)} == {10}


def test_mail_to_other_domains_loads_no_dns_library() -> None:
    program = (
        "import sys; from sandbox_mta.mta.mx import Router; Router().route('example.org');"
        "from sandbox_mta.mta import worker; print('dns.resolver' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.strip() == b"False"


def test_the_dns_library_is_loaded_for_simulated_names_and_once() -> None:
    router = Router()

    assert not router.is_slow("example.org")
    assert router.is_slow("Implicit.Sim.test")

    router.load()

    assert not router.is_slow("implicit.sim.test")


def test_no_look_up_touches_a_socket() -> None:
    program = """
import sys
from sandbox_mta.mta.mx import Router

def tell(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":  # which asks the kernel
        print(event, arguments)

sys.addaudithook(tell)
router = Router()
for name in ("", "backup.", "servfail.", "dnstimeout.", "cnameloop.", "nomx.", "nxdomain."):
    router.route(name + "sim.test")
router.route("example.org")
print("done")
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.split() == [b"done"]


def test_domains_in_no_zone_can_be_unknown() -> None:
    router = Router(unknown=Nowhere())

    assert failed(router.route("example.org")) == "dns:nxdomain"
    assert hosts(router.route("sim.test")) == [(10, "mx.sim.test")]
    zone = Zone("example.test", HEAD + "@ MX 5 mx.elsewhere.example.\naway CNAME no.example.\n")
    strict = Router([zone], unknown=Nowhere())
    assert failed(strict.route("example.test")) == "dns:dead-mx"
    assert failed(strict.route("away.example.test")) == "dns:nxdomain"


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        (Result.SERVFAIL, "dns:servfail"),
        (Result.TIMEOUT, "dns:timeout"),
        (Result.REFUSED, "dns:refused"),
        (Result.LAME, "dns:lame"),
    ],
)
def test_any_name_can_fail_in_or_outside_of_the_zones(fault: Result, rule: str) -> None:
    router = Router(faults={"broken.example": fault, "mx.sim.test": fault})

    assert failed(router.route("Broken.Example.")) == rule
    assert failed(router.route("sim.test")) == "dns:lost-mx"
    assert hosts(router.route("sub.broken.example")) == [(10, "mx.sub.broken.example")]


def test_a_fault_holds_for_who_is_led_to_the_name_by_an_alias() -> None:
    router = Router(
        [Zone("example.test", HEAD + "alias CNAME broken.example.\n")],
        faults={"broken.example": Result.SERVFAIL},
    )

    assert failed(router.route("alias.example.test")) == "dns:servfail"


class Asked(Names):
    """Answers from a table, as name servers elsewhere would, and counts the questions."""

    is_slow = True

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def exchangers(self, name: str) -> Answer:
        self.asked.append(name)
        return self.answers.get(name, Answer(Result.NODATA, name))

    def addresses(self, name: str) -> Answer:
        self.asked.append(name)
        return self.answers.get(name, Answer(Result.FOUND, name, addresses=("198.51.100.1",)))


def test_others_are_asked_for_domains_in_no_zone_and_not_again_for_a_while() -> None:
    now = 0.0
    others = Asked({"example.org": Answer(Result.FOUND, "example.org", ((10, "mx.example.org"),))})
    router = Router(unknown=others, monotonic=lambda: now)

    assert router.is_slow("example.org")
    for _ in range(3):
        assert hosts(router.route("example.org")) == [(10, "mx.example.org")]
    assert not router.is_slow("example.org")
    assert others.asked == ["example.org", "mx.example.org"]

    now = LIVE_S
    assert router.is_slow("example.org")
    router.route("sim.test")
    assert others.asked == ["example.org", "mx.example.org"]


def test_aliases_lead_from_one_source_into_another_and_not_for_ever() -> None:
    others = Asked({"a.example": Answer(Result.NODATA, "back.sim.test")})
    zone = Zone("sim.test", HEAD + "back CNAME a.example.\n")

    assert failed(Router([zone], unknown=others).route("a.example")) == "dns:cname-loop"
    assert len(others.asked) < 20


def test_hosts_that_keep_silent_are_not_all_waited_for() -> None:
    silent = [f"mx{n}.example.org" for n in range(50)]
    others = Asked({host: Answer(Result.TIMEOUT, host) for host in silent})
    mx = tuple((10, host) for host in silent)
    others.answers["example.org"] = Answer(Result.FOUND, "example.org", mx)

    found = Router(unknown=others).route("example.org")

    assert failed(found) == "dns:lost-mx"
    assert len(others.asked) == 3


def test_other_zones_can_be_put_in_force() -> None:
    router = in_zone("@ MX 10 mx1\n")
    assert hosts(router.route("example.test")) == [(10, "mx1.example.test")]

    router.use([Zone("example.test", HEAD + "@ MX 10 mx2\n")])

    assert hosts(router.route("example.test")) == [(10, "mx2.example.test")]


def test_hosts_whose_names_are_full_of_escapes_have_no_address() -> None:
    host = "\\001" * 63 + ".example"
    others = Asked(
        {
            "example.org": Answer(Result.FOUND, "example.org", ((10, host),)),
            "alias.example": Answer(Result.FOUND, host, addresses=("198.51.100.1",)),
        }
    )
    others.answers["example.net"] = Answer(Result.FOUND, "x", ((10, "alias.example"),))
    router = Router(unknown=others)

    assert failed(router.route("example.org")) == "dns:dead-mx"
    assert failed(router.route("example.net")) == "dns:dead-mx"
