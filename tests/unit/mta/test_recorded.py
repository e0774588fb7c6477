"""Recorded answers as a master file, also when they contradict each other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox_mta.mta.mx import Route, Router
from sandbox_mta.mta.recorded import LookedUp, master_file
from sandbox_mta.mta.zone import Result
from sandbox_mta.mta.zone_files import read_zone

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def looked_up(minute: int, name: str, rdtype: str, *records: str) -> LookedUp:
    at = AT + timedelta(minutes=minute)
    return LookedUp(name, rdtype, Result.FOUND, records, at)


def test_nothing_recorded_is_a_zone_without_names(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_text(master_file([]))

    assert not isinstance(Router([read_zone(path)]).route("example.org"), Route)


def test_the_later_of_two_answers_holds(tmp_path: Path) -> None:
    answers = [
        looked_up(3, "b.example", "MX", "b.example. 60 IN MX 10 new.b.example."),
        looked_up(1, "a.example", "MX", "a.example. 60 IN MX 10 old.b.example."),
        looked_up(
            2,
            "a.example",
            "A",
            "a.example. 60 IN CNAME b.example.",
            "b.example. 60 IN A 192.0.2.1",
        ),
        looked_up(0, "b.example", "MX", "b.example. 60 IN MX 10 old.b.example."),
        looked_up(4, "new.b.example", "A", "new.b.example. 60 IN A 192.0.2.2"),
    ]
    path = tmp_path / "live"
    path.write_text(master_file(answers))

    route = Router([read_zone(path)]).route("a.example")

    assert "; What name servers answered from 2026-11-25 12:00 to 2026-11-25 12:04 (UTC)." in (
        path.read_text()
    )
    assert "old" not in path.read_text()
    assert isinstance(route, Route)
    assert route.exchangers[0].host == "new.b.example"


def test_a_name_that_answered_once_is_not_said_to_fail() -> None:
    failed = LookedUp("a.example", "AAAA", Result.TIMEOUT, (), AT)
    looped = LookedUp("loop.example", "MX", Result.LOOP, (), AT)
    found = looked_up(1, "a.example", "A", "a.example. 60 IN A 192.0.2.1")

    text = master_file([failed, found, looped])

    assert [line for line in text.splitlines() if "fault" in line] == [
        "; sim-fault: loop.example. SERVFAIL"
    ]
