"""Zone files of a running sandbox: read at its start, followed, and checked without one."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox_mta.app.answers import Answers
from sandbox_mta.app.trouble import CantStart
from sandbox_mta.app.zones import ZoneFiles, follow, router_of
from sandbox_mta.cli import app
from sandbox_mta.mta.mx import Route, Router
from sandbox_mta.mta.recorded import LookedUp
from sandbox_mta.mta.zone import Result
from sandbox_mta.settings import SettingsError, load
from sandbox_mta.store import open_store

GOOD = "@ MX 10 mx1\nmx1 A 192.0.2.1\n"
OTHER = "@ MX 10 mx2\nmx2 A 192.0.2.2\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "company.test.zone"
    path.write_text(GOOD)
    return path


def host_of(router: Router, domain: str) -> str:
    route = router.route(domain)
    assert isinstance(route, Route), route
    return route.exchangers[0].host


def router_for(**given: str) -> Router:
    settings, _ = load(given)
    return router_of(settings, ZoneFiles([Path(path) for path in settings.zones]))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


def test_the_settings_make_a_router(file: Path) -> None:
    router = router_for(
        zones=str(file),
        unknown_domains="nxdomain",
        dns_policy="haraka",
        dns_faults="broken.test=SERVFAIL",
    )

    assert host_of(router, "company.test") == "mx1.company.test"
    assert host_of(router, "sim.test") == "mx.sim.test"
    for domain, reply in (
        ("example.org", "550 5.1.2 No Such Domain: example.org"),
        ("broken.test", "450 4.1.0 DNS lookup failure: broken.test"),
    ):
        found = router.route(domain)
        assert not isinstance(found, Route)
        assert str(found.reply) == reply


def test_a_file_of_ones_own_can_take_the_place_of_the_built_in_zone(tmp_path: Path) -> None:
    path = tmp_path / "sim.test.zone"
    path.write_text(GOOD)

    assert host_of(router_for(zones=str(path)), "sim.test") == "mx1.sim.test"


def test_a_broken_file_keeps_a_sandbox_from_starting(file: Path) -> None:
    file.write_text("@ A nonsense\n")

    with pytest.raises(CantStart, match=r"company\.test\.zone:1: "):
        router_for(zones=str(file))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("dns_policy", "sendmale", "there is no policy 'sendmale'; there are postfix, haraka,"),
        ("dns_faults", "a.test=BROKEN", "there is no fault 'BROKEN'; there are SERVFAIL,"),
        ("dns_faults", "=SERVFAIL", "'=SERVFAIL' is no fault; write `broken.test=SERVFAIL`"),
        ("unknown_domains", "maybe", "'accept', 'nxdomain'"),
    ],
)
def test_a_setting_that_means_nothing_is_told(name: str, value: str, problem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load({name: value})

    assert problem in str(raised.value)


async def test_a_change_is_followed_and_a_broken_file_changes_nothing(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings, _ = load({"zones": str(file)})
    files = ZoneFiles([file])
    router = router_of(settings, files)
    following = asyncio.create_task(follow(files, router.use, every_s=0.01))

    file.write_text(OTHER)
    await until(lambda: host_of(router, "company.test") == "mx2.company.test")
    file.write_text("@ MX ten mx\n")
    await until(lambda: "last good zones stay in force" in caplog.text)
    await asyncio.sleep(0.1)
    assert host_of(router, "company.test") == "mx2.company.test"
    assert caplog.text.count(f"{file}:1: ") == 1

    os.replace(file, file.with_suffix(".old"))
    await until(lambda: "No such file" in caplog.text)
    file.write_text(GOOD)
    await until(lambda: host_of(router, "company.test") == "mx1.company.test")
    following.cancel()


def test_good_files_are_checked_in_silence(file: Path) -> None:
    done = CliRunner().invoke(app, ["zones", "check", str(file.parent)])

    assert (done.exit_code, done.output) == (0, "")


def test_every_broken_file_is_told_and_what_is_odd(file: Path) -> None:
    broken = file.with_name("a.test.zone")
    broken.write_text("@ A nonsense\n")
    odd = file.with_name("odd.test.zone")
    odd.write_text("@ MX 0 .\n  MX 10 mx.example.\n")

    done = CliRunner().invoke(app, ["zones", "check", str(file.parent)])

    assert done.exit_code == 1
    first, second = done.output.splitlines()
    assert first.startswith(f"{broken}:1: ")
    assert second.startswith(f"warning: {odd}: ")


async def test_recorded_answers_are_written_out_as_a_zone_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_MTA_DATA", str(tmp_path))
    record = "a.example. 60 IN MX 10 x.example."
    at = datetime(2026, 11, 25, tzinfo=UTC)
    store = await open_store("sqlite:///sandbox.db", folder=tmp_path, instance="test")
    await store.dns_answers.keep([LookedUp("a.example", "MX", Result.FOUND, (record,), at)])
    await store.close()

    done = await asyncio.to_thread(CliRunner().invoke, app, ["zones", "export"])

    assert done.exit_code == 0
    assert record in done.stdout.splitlines()
    assert done.stderr == "1 answer\n"


async def test_answers_without_a_database_are_lost_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def unavailable(_: Iterable[LookedUp]) -> None:
        raise ConnectionError("no database")

    answers = Answers(unavailable)
    answers.told(LookedUp("a.example", "MX", Result.NXDOMAIN, (), datetime.now(UTC)))

    await answers.flush()

    assert "answers of name servers are not recorded (1): no database" in caplog.text
