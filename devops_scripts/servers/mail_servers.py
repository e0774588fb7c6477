"""Postfix and Exim, as clients of the sandbox: the distribution's packages unpacked into the cache.

Installed they would become this machine's mail service, and one would drive out the other. So
nothing is installed: each package, with the libraries this machine lacks, is unpacked into a
folder of its own, and tests start the programs from there with configurations of their own. With
Exim comes a library that shows it the user it was built for, whom only its installation makes.
"""

import asyncio
import os
from pathlib import Path

from devops_scripts.servers.machine import (
    Unavailable,
    cache_folder,
    filled_once,
    find_program,
    note,
    run,
)

VARIABLE = "MAIL_SERVERS"
_PACKAGES = {"postfix": ["postfix"], "exim": ["exim4-daemon-light", "libnss-wrapper"]}
_DOWNLOAD_S = 300  # about 5 MB
_UNPACK_S = 60


async def unpack(folder: Path) -> dict[str, str]:
    """Give the variable that names the folder with both, or the one that says why there is none.

    `folder` is for logs and for what is downloaded.
    """
    root = cache_folder() / f"mail-servers-{os.uname().machine}"
    try:
        if not root.exists():
            await _fill(root, folder)
    except Unavailable as failure:
        note(f"Postfix and Exim: {failure}")
        return {f"{VARIABLE}_WHY": str(failure).splitlines()[0]}
    return {VARIABLE: str(root)}


async def _fill(root: Path, folder: Path) -> None:
    if find_program("apt-get") is None or find_program("dpkg-deb") is None:
        raise Unavailable("their packages are unpacked with apt-get and dpkg-deb, missing here")
    if os.geteuid() != 0:
        raise Unavailable("they run as root only")
    note("Postfix and Exim: downloading the distribution's packages, about 5 MB, once")
    log = folder / "mail-servers.log"
    with filled_once(root) as draft:
        for name, packages in _PACKAGES.items():
            cache = folder / name
            await asyncio.to_thread((cache / "archives/partial").mkdir, parents=True)
            await run(
                [
                    "apt-get",
                    f"-oDir::Cache={cache}",
                    "-oAPT::Sandbox::User=root",  # apt's own user can't write here
                    "-oDPkg::Lock::Timeout=300",
                    "-oAcquire::Retries=3",
                    *("-q", "--yes", "--no-install-recommends", "--download-only", "--reinstall"),
                    *("install", *packages),
                ],
                log=log,
                within_s=_DOWNLOAD_S,
            )
            for archive in sorted((cache / "archives").glob("*.deb")):
                await run(["dpkg-deb", "-x", archive, draft / name], log=log, within_s=_UNPACK_S)
        # Set-user-ID, it would be loaded without the library that shows it its user.
        (draft / "exim/usr/sbin/exim4").chmod(0o755)
