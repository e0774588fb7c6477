"""MTA-STS and DANE: which hosts mail may be sent to, by what zones say of their TLS."""

import pytest

from sandbox_mta.mta.mx import Route, Router
from sandbox_mta.mta.tls_policy import StsPolicy, policy_of
from sandbox_mta.mta.zone import Zone

HEAD = """
@ SOA ns hostmaster 1 7200 3600 1209600 60
  NS ns
  MX 10 mx
mx A 192.0.2.1
"""
ANNOUNCED = '_mta-sts TXT "v=STSv1; id=20261125;"\n'
ENFORCED = (
    ANNOUNCED
    + '_mta-sts-policy TXT "version: STSv1" "mode: enforce" "mx: mx.tls.test" "max_age: 86400"\n'
)
DANE_EE = "_25._tcp.mx TLSA 3 1 1 " + "ab" * 32 + "\n"
DANE_TA = "_25._tcp.mx TLSA 2 1 1 " + "ab" * 32 + "\n"
PKIX = "_25._tcp.mx TLSA 1 1 1 " + "ab" * 32 + "\n"


def reasons(records: str, **tls: str) -> list[str]:
    zone = Zone("tls.test", "$TTL 300" + HEAD + records, {}, {f"{k}.tls.test": tls[k] for k in tls})
    route = Router([zone]).route("tls.test")
    assert isinstance(route, Route)
    return [each.insecure.reason if each.insecure else "" for each in route.exchangers]


@pytest.mark.parametrize("tls", ["none", "expired", "mismatch", "untrusted", "tlsa"])
@pytest.mark.parametrize(
    "records",
    [
        "",
        ANNOUNCED,
        ENFORCED.replace("enforce", "testing"),
        ENFORCED.replace("enforce", "none"),
        ENFORCED.replace("STSv1;", "STSv2;"),
        ENFORCED.replace("max_age: 86400", "max_age: soon"),
        ENFORCED.replace("version: STSv1", "version: 1"),
        ENFORCED.replace('"mx: mx.tls.test"', ""),
        ENFORCED + ANNOUNCED.replace("20261125", "2"),
    ],
)
def test_bad_tls_is_good_enough_without_a_policy(records: str, tls: str) -> None:
    assert reasons(records, mx=tls) == [""]


@pytest.mark.parametrize(
    ("records", "tls", "reason"),
    [
        (ENFORCED, "", ""),
        (ENFORCED, "none", "starttls-not-supported"),
        (ENFORCED, "expired", "certificate-expired"),
        (ENFORCED, "mismatch", "certificate-host-mismatch"),
        (ENFORCED, "untrusted", "certificate-not-trusted"),
        (ENFORCED, "tlsa", ""),
        (ENFORCED.replace("mx: mx.", "mx: other."), "", "validation-failure"),
        (ENFORCED.replace("mx: mx.", "mx: *."), "", ""),
        (ENFORCED.replace("mx: mx.tls.", "mx: *."), "", "validation-failure"),
        (DANE_EE, "", ""),
        (DANE_EE, "none", "starttls-not-supported"),
        (DANE_EE, "tlsa", "validation-failure"),
        (DANE_EE, "expired", ""),
        (DANE_EE, "untrusted", ""),
        (DANE_TA, "expired", "certificate-expired"),
        (DANE_TA, "mismatch", "certificate-host-mismatch"),
        (DANE_TA, "untrusted", ""),
        (DANE_TA + DANE_EE, "expired", ""),
        (PKIX, "none", "starttls-not-supported"),
        (PKIX, "expired", ""),
        (DANE_EE + ENFORCED.replace("mx: mx.", "mx: other."), "untrusted", ""),
    ],
)
def test_what_a_policy_demands(records: str, tls: str, reason: str) -> None:
    assert reasons(records, mx=tls) == [reason]


def test_a_domain_without_mx_records_can_have_a_policy() -> None:
    zone = Zone(
        "tls.test",
        "$TTL 300" + HEAD.replace("  MX 10 mx\n", "") + "@ A 192.0.2.9\n" + ENFORCED,
    )
    route = Router([zone]).route("tls.test")

    assert isinstance(route, Route)
    assert route.exchangers[0].insecure is not None


def test_the_built_in_zone_has_a_policy_that_is_met_and_one_that_is_not() -> None:
    router = Router()
    met, broken = router.route("sts.sim.test"), router.route("notls.sim.test")

    assert isinstance(met, Route)
    assert isinstance(broken, Route)
    rogue, listed = met.exchangers
    assert rogue.insecure is not None
    assert (rogue.insecure.rule, rogue.insecure.stage) == ("tls:validation-failure", "routing")
    assert str(rogue.insecure.reply) == (
        "451 4.7.5 rogue.sts.sim.test[192.0.2.62] is not listed in the MTA-STS policy of "
        "sts.sim.test"
    )
    assert listed.insecure is None
    [deaf] = broken.exchangers
    assert deaf.insecure is not None
    assert str(deaf.insecure.reply) == (
        "451 4.7.4 TLS is required, but was not offered by host mx.notls.sim.test[192.0.2.61]"
    )


class Texts:
    """A policy in memory."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    def texts(self, name: str) -> list[list[str]]:
        return [["v=STSv1; ", "id=1"]] if name.startswith("_mta-sts.") else [list(self.lines)]

    def tlsa_usages(self, name: str) -> list[int]:
        return []


def test_the_first_of_a_repeated_field_holds_and_every_exchanger() -> None:
    lines = ("version: STSv1", "mode:enforce", "mode: none", "mx: A.test", "mx: *.b.test", "odd")

    policy = policy_of(Texts(*lines, "max_age: 1"), "a.test")

    assert policy == StsPolicy("a.test", ("a.test", "*.b.test"))
    assert [policy.allows(host) for host in ("a.test", "x.b.test", "b.test", "x.y.b.test")] == [
        *(True, True, False, False)
    ]
