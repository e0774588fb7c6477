"""Zones from files: whose they are, what is wrong where, and what is merely odd."""

import re
from pathlib import Path

import pytest

from sandbox_mta.mta.mx import Route, Router
from sandbox_mta.mta.zone import Result
from sandbox_mta.mta.zone_files import ZoneFileError, read_zone, read_zones, remarks

WHOLE = """\
$ORIGIN company.test.
@     SOA  ns hostmaster (
           1 7200 3600
           1209600 60 )
      NS   ns
      MX   10 mx
ns    A    192.0.2.53
mx    A    192.0.2.1
; sim-fault: down SERVFAIL
; Sim-Fault: gone.company.test. timeout
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def first_host(router: Router, domain: str) -> str:
    route = router.route(domain)
    assert isinstance(route, Route), route
    return route.exchangers[0].host


def test_a_zone_belongs_to_the_owner_of_its_soa_record(tmp_path: Path) -> None:
    zone = read_zone(written(tmp_path, "anything", WHOLE))

    assert zone.origin == "company.test"
    assert zone.faults == {
        "down.company.test": Result.SERVFAIL,
        "gone.company.test": Result.TIMEOUT,
    }
    assert first_host(Router([zone]), "company.test") == "mx.company.test"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("company.test.zone", "@ MX 10 mx\nmx A 192.0.2.1\n"),
        ("Company.Test.zone", "@ MX 10 mx\nmx A 192.0.2.1\n"),
        ("db", "$ORIGIN company.test.\n@ MX 10 mx\nmx A 192.0.2.1\n"),
        ("test.zone", "$ORIGIN company\n@ MX 10 mx\nmx A 192.0.2.1\n"),
    ],
)
def test_a_zone_without_soa_is_told_by_its_origin_or_file(
    tmp_path: Path, name: str, text: str
) -> None:
    zone = read_zone(written(tmp_path, name, text))

    assert zone.origin == "company.test"
    assert first_host(Router([zone]), "company.test") == "mx.company.test"


def test_the_root_can_be_a_zone_and_holds_every_name(tmp_path: Path) -> None:
    text = "$ORIGIN .\n@ SOA a. b. 1 2 3 4 5\n@ NS a.\nx.example. MX 1 mx.x.example.\n"
    router = Router([read_zone(written(tmp_path, "all", text + "mx.x.example. A 192.0.2.1\n"))])

    assert first_host(router, "x.example") == "mx.x.example"
    assert not isinstance(router.route("y.example"), Route)


def test_a_folder_is_all_its_zone_files(tmp_path: Path) -> None:
    written(tmp_path, "b.test.zone", "@ A 192.0.2.2\n")
    written(tmp_path, "a.test.zone", "@ A 192.0.2.1\n")
    written(tmp_path, "README", "not a zone")

    assert [zone.origin for zone in read_zones([tmp_path])] == ["a.test", "b.test"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a A 192.0.2.1\nb A nonsense\nc A 192.0.2.1\n", ":2: Text input is malformed."),
        ("a MX ten mx\n", ":1: expecting an integer"),
        ("$INCLUDE /etc/passwd\n", ":1: zone file directive '$INCLUDE' is not allowed"),
        (
            '@ A 192.0.2.1\n@ TXT ( "a"\n "b" )\nc.example. A 192.0.2.1\n',
            ":4: c.example. does not lie in the zone company.test.",
        ),
        (
            "@ SOA a. b. 1 2 3 4 5\nsub SOA a. b. 1 2 3 4 5\n",
            ":2: a second SOA record; write one zone a file",
        ),
        (
            "@ A 192.0.2.1\n; sim-fault: down BROKEN\n",
            ":2: there is no fault 'BROKEN'; there are SERVFAIL, TIMEOUT, REFUSED, LAME",
        ),
        ("; sim-fault: down\n", ":1: write such a comment like `; sim-fault: NAME SERVFAIL`"),
        ("; sim-tls: mx\n", ":1: write such a comment like `; sim-tls: HOST none`"),
        (
            "@ A 192.0.2.1\n; sim-tls: mx old\n",
            ":2: TLS of a host can't be 'old'; it can be none, expired, mismatch, untrusted, tlsa",
        ),
    ],
)
def test_an_error_has_its_file_and_line(tmp_path: Path, text: str, problem: str) -> None:
    path = written(tmp_path, "company.test.zone", text)

    with pytest.raises(ZoneFileError) as raised:
        read_zone(path)

    assert str(raised.value) == f"{path}{problem}"


def test_two_files_can_not_be_one_zone(tmp_path: Path) -> None:
    one = written(tmp_path, "a.test.zone", "@ A 192.0.2.1\n")
    other = written(tmp_path, "other", "$ORIGIN a.test.\n@ A 192.0.2.2\n")

    with pytest.raises(ZoneFileError) as raised:
        read_zones([one, other])

    assert str(raised.value) == f"{other}: {one} says what is in the zone a.test already"


def test_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(ZoneFileError, match=r"holds no file \*\.zone"):
        read_zones([tmp_path])
    with pytest.raises(ZoneFileError, match="can't be read: No such file"):
        read_zones([tmp_path / "missing"])


def test_what_is_odd_is_remarked(tmp_path: Path) -> None:
    odd = "@ MX 0 .\n  MX 10 alias\nalias CNAME mx\nmx A 192.0.2.1\n"

    said = list(remarks(written(tmp_path, "odd.test.zone", odd)))

    assert ["null MX among others" in said[0], "is an alias" in said[1]] == [True, True]
    assert len(said) == 2
    assert list(remarks(written(tmp_path, "plain", WHOLE))) == []


def test_the_zone_of_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")
    [text] = re.findall(r"```zone\n(.*?)```", page, re.DOTALL)

    path = written(tmp_path, "zone", text)

    assert list(remarks(path)) == []
    assert read_zone(path).origin == "company.test"
