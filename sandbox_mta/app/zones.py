"""Zone files of a sandbox: read at its start, followed while it runs, and checked without one."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sandbox_mta.app.trouble import CantStart
from sandbox_mta.mta.mx import Router
from sandbox_mta.mta.recorded import LookedUp
from sandbox_mta.mta.zone import Names, Nowhere, Zone, faults_of, sim_zone
from sandbox_mta.mta.zone_files import ZoneFileError, files_of, read_zones, remarks
from sandbox_mta.outbound.live_dns import LiveNames, NoDns
from sandbox_mta.settings import Settings

EVERY_S = 1.0  # between two looks at the files

log = logging.getLogger(__name__)


class ZoneFiles:
    """Zone files, and whether they have changed."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._signature: object = None

    def read(self) -> tuple[Zone, ...] | None:
        """Read the zones, with the built-in one last; None when nothing changed since last time.

        Raises `ZoneFileError`.
        """
        signature = list(_signature(self._paths))
        if signature == self._signature:
            return None
        self._signature = signature
        own = read_zones(self._paths)
        return own if any(zone.origin == sim_zone().origin for zone in own) else (*own, sim_zone())


def _signature(paths: Sequence[Path]) -> Iterator[object]:
    try:
        for path in files_of(paths):
            stat = path.stat()
            yield path, stat.st_mtime_ns, stat.st_size, stat.st_ino
    except (OSError, ZoneFileError) as error:
        yield str(error)


def router_of(
    settings: Settings, files: ZoneFiles, told: Callable[[LookedUp], None] = lambda _: None
) -> Router:
    """Make the router of a sandbox; `told` hears what name servers answer. Raises `CantStart`."""
    try:
        zones = files.read() if settings.zones else None
        unknown = _unknown(settings.unknown_domains, told)
    except (ZoneFileError, NoDns) as error:
        raise CantStart(str(error)) from None
    return Router(
        zones,
        hostname=settings.hostname,
        policy=settings.dns_policy,
        unknown=unknown,
        faults=faults_of(settings.dns_faults),
    )


def _unknown(setting: str, told: Callable[[LookedUp], None]) -> Names | None:
    """Return what answers for domains in no zone; None: they have exchangers that are made up."""
    if setting == "accept":
        return None
    if setting == "nxdomain":
        return Nowhere()
    log.warning("mail is routed by name servers: domains of recipients leave this machine")
    return LiveNames(told)


async def follow(
    files: ZoneFiles, use: Callable[[Sequence[Zone]], None], every_s: float = EVERY_S
) -> None:
    """Put the zones in force again whenever their files change; never returns.

    Files that can't be read leave the last good ones in force.
    """
    while True:
        await asyncio.sleep(every_s)
        try:
            zones = await asyncio.to_thread(files.read)
            if zones is not None:
                await asyncio.to_thread(use, zones)
                log.info("the zone files changed; %d zones are in force", len(zones))
        except ZoneFileError as error:
            log.warning("%s; the last good zones stay in force", error)


def check(paths: Sequence[Path], say: Callable[[str], None]) -> bool:
    """Say what is wrong or odd in zone files; returns whether they can be used."""
    good = True
    try:
        for path in files_of(paths):
            good = _check_file(path, say) and good
        if good:
            read_zones(paths)
    except ZoneFileError as error:
        say(str(error))
        return False
    return good


def _check_file(path: Path, say: Callable[[str], None]) -> bool:
    try:
        for remark in remarks(path):
            say(f"warning: {remark}")
    except ZoneFileError as error:
        say(str(error))
        return False
    return True
