"""Programs the tests use that the distribution's packages bring."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from devops_scripts.servers.machine import Unavailable, find_program, note, run

# Program to package. None of these packages starts a service: of the database they are the parts
# that hold the programs alone.
PACKAGES: Mapping[str, str] = {
    "mariadbd": "mariadb-server-core",
    "my_print_defaults": "mariadb-client-core",  # its installer asks it
    "java": "default-jre-headless",
    "mvn": "maven",
    "swaks": "swaks",
    "msmtp": "msmtp",
    "mshow": "mblaze",
    "kcat": "kcat",
    "curl": "curl",
    "chromium": "chromium",
    "strace": "strace",
    "shellcheck": "shellcheck",
}

_ALONG: Mapping[str, tuple[str, ...]] = {"swaks": ("libnet-ssleay-perl",)}  # its TLS

_UPDATE_S = 180
_INSTALL_S = 900  # a browser and a Java runtime over a slow line
_OPTIONS = (
    "-oDPkg::Lock::Timeout=300",  # seconds, while another apt-get runs
    "-oAcquire::Retries=3",
)


def missing(programs: Sequence[str]) -> list[str]:
    """Give those of the programs that this machine doesn't have."""
    return [program for program in programs if find_program(program) is None]


async def install(programs: Sequence[str], folder: Path) -> None:
    """Install what is missing, where that is possible, and say what could not be had.

    One package that can't be installed is no reason to go without the others.
    """
    wanted = missing(programs)
    if not wanted:
        return
    if os.geteuid() != 0 or find_program("apt-get") is None:
        note(f"not installed, and no root with apt-get here: {', '.join(wanted)}")
        return
    note(f"installing with apt-get: {', '.join(PACKAGES[program] for program in wanted)}")
    try:
        await _apt_get("update", folder=folder, within_s=_UPDATE_S)
    except Unavailable as failure:
        note(f"apt-get update: {failure}")
    try:
        await _apt_get_install(wanted, folder)
    except Unavailable:
        for program in wanted:
            await _install_alone(program, folder)
    if still := missing(wanted):
        note(f"could not be installed: {', '.join(still)}")
    else:
        note("installed")


async def _install_alone(program: str, folder: Path) -> None:
    try:
        await _apt_get_install([program], folder)
    except Unavailable as failure:
        note(f"{PACKAGES[program]}: {failure}")


async def _apt_get_install(programs: Sequence[str], folder: Path) -> None:
    await _apt_get(
        "install",
        "--yes",
        "--no-install-recommends",
        *(PACKAGES[program] for program in programs),
        *(package for program in programs for package in _ALONG.get(program, ())),
        folder=folder,
        within_s=_INSTALL_S,
    )


async def _apt_get(*arguments: str, folder: Path, within_s: float) -> None:
    await run(
        ["apt-get", "-q", *_OPTIONS, *arguments],
        log=folder / "apt-get.log",
        within_s=within_s,
        variables={"DEBIAN_FRONTEND": "noninteractive"},
    )
