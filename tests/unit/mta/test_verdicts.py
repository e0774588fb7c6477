"""What each mail server makes of DNS that gives no route: one row for each way and server."""

from pathlib import Path

import pytest

from sandbox_mta.mta.mx import Route, Router
from sandbox_mta.mta.verdicts import DNS_POLICIES, MEANINGS, Case, Unroutable, meaning_of
from sandbox_mta.mta.zone import Result, Zone, sim_zone

ZONE = """
$TTL 300
@ SOA ns hostmaster 1 7200 3600 1209600 60
  NS ns
ns A 192.0.2.53
lost MX 10 shy
ghostly MX 10 ghost
        MX 20 mta.sim.test.
"""
FAULTS = {
    "shy.rows.test": Result.SERVFAIL,
    "refused.rows.test": Result.REFUSED,
    "lame.rows.test": Result.LAME,
}
DOMAINS = {
    Case.BAD_NAME: "-bad.example",
    Case.BAD_LITERAL: "[192.0.2.256]",
    Case.NXDOMAIN: "nxdomain.sim.test",
    Case.NO_ADDRESS: "nomx.sim.test",
    Case.NULL_MX: "nullmx.sim.test",
    Case.SERVFAIL: "servfail.sim.test",
    Case.REFUSED: "refused.rows.test",
    Case.LAME: "lame.rows.test",
    Case.TIMEOUT: "dnstimeout.sim.test",
    Case.CNAME_LOOP: "cnameloop.sim.test",
    Case.DEAD_MX: "deadmx.sim.test",
    Case.LOST_MX: "lost.rows.test",
    Case.LOST_PRIMARY: "ghostly.rows.test",
    Case.OURSELVES: "loop.sim.test",
}
# Transient or permanent, and the enhanced status code; sources stand in verdicts.py.
ROWS = {
    #                  postfix  haraka   opensmtpd kumomta
    Case.BAD_NAME: ("5.4.4", "4.1.0", "5.0.0", "4.4.4"),
    Case.BAD_LITERAL: ("5.1.3", "5.1.3", "5.1.3", "5.1.3"),
    Case.NXDOMAIN: ("5.4.4", "5.1.2", "5.0.0", "4.4.4"),
    Case.NO_ADDRESS: ("5.4.4", "5.1.2", "4.0.0", "4.4.4"),
    Case.NULL_MX: ("5.1.0", "5.1.2", "5.0.0", "5.1.10"),
    Case.SERVFAIL: ("4.4.3", "4.1.0", "4.0.0", "4.4.4"),
    Case.REFUSED: ("4.4.3", "4.1.0", "4.0.0", "4.4.4"),
    Case.LAME: ("4.4.3", "4.1.0", "4.0.0", "4.4.4"),
    Case.TIMEOUT: ("4.4.3", "4.1.0", "4.0.0", "4.4.4"),
    Case.CNAME_LOOP: ("5.4.4", "4.1.0", "4.0.0", "4.4.4"),
    Case.DEAD_MX: ("5.4.4", "4.1.2", "4.0.0", "4.4.4"),
    Case.LOST_MX: ("4.4.3", "4.1.2", "4.0.0", "4.4.4"),
    Case.LOST_PRIMARY: ("4.4.4", "4.4.4", "4.4.4", "4.4.4"),
    Case.OURSELVES: ("5.4.6", "5.4.6", "5.4.6", "5.4.6"),
}


def router(policy: str) -> Router:
    return Router([Zone("rows.test", ZONE, FAULTS), sim_zone()], policy=policy)


@pytest.mark.parametrize("policy", DNS_POLICIES)
@pytest.mark.parametrize("case", Case)
def test_every_case_has_its_row(policy: str, case: Case) -> None:
    found = router(policy).route(DOMAINS[case])

    assert isinstance(found, Unroutable)
    assert found.rule == f"dns:{case}"
    expected = dict(zip(("postfix", "haraka", "opensmtpd", "kumomta"), ROWS[case], strict=True))
    assert found.reply.enhanced == expected[policy]
    assert "{" not in found.reply.text


@pytest.mark.parametrize("policy", DNS_POLICIES)
def test_every_row_says_where_it_is_from(policy: str) -> None:
    assert set(DNS_POLICIES[policy]) == set(Case)
    for verdict in DNS_POLICIES[policy].values():
        assert verdict.source


def test_postfix_names_the_exchanger_without_an_address() -> None:
    found = router("postfix").route("deadmx.sim.test")

    assert isinstance(found, Unroutable)
    assert "name=ghost.deadmx.sim.test " in found.reply.text


@pytest.mark.parametrize(
    "name",
    [
        *("implicit", "cname", "mxcname", "backup", "equal", "v6only", "notls", "sts"),
        "xn--bcher-kva",
    ],
)
def test_the_built_in_zone_has_domains_that_take_mail(name: str) -> None:
    assert isinstance(router("postfix").route(f"{name}.sim.test"), Route)


def test_the_documentation_has_every_row() -> None:
    page = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")

    for case in Case:
        verdicts = [policy[case] for policy in DNS_POLICIES.values()]
        cells = [f"{each.code} {each.code // 100}.{each.detail}" for each in verdicts]
        assert f"| `dns:{case}` | {MEANINGS[case]} | {' | '.join(cells)} |" in page


def test_rules_of_others_have_no_meaning_here() -> None:
    assert meaning_of("dns:null-mx") == "the domain says that it takes no mail (RFC 7505)"
    assert [meaning_of(rule) for rule in ("default", "dns:what", "magic:null-mx", "")] == [""] * 4
