"""MariaDB, from the distribution's package."""

import os
from pathlib import Path

from devops_scripts.servers import sql
from devops_scripts.servers.machine import Unavailable, find_program, run
from devops_scripts.servers.process import Server, launch

_INITIALISE_S = 60


async def start(folder: Path, port: int) -> Server:
    """Start a server with its data in `folder`, made there when missing.

    Raises Unavailable when the program isn't there or doesn't start.
    """
    program, installer = find_program("mariadbd"), find_program("mariadb-install-db")
    if program is None or installer is None:
        raise Unavailable("no mariadbd on this machine (Debian: mariadb-server-core)")
    data = folder / "data"
    owner = ["--user=root"] if os.geteuid() == 0 else []
    if not data.exists():
        await run(
            [
                installer,
                "--no-defaults",
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                *owner,
            ],
            log=folder / "install.log",
            within_s=_INITIALISE_S,
        )
    process, version = await launch(
        [
            program,
            "--no-defaults",
            f"--datadir={data}",
            *owner,
            *sql.shared_options(folder, port),
        ],
        port=port,
        probe=sql.version,
        log=folder / "server.log",
    )
    return Server(
        title=f"MariaDB {version}", port=port, url=sql.url(port), process=process, variables={}
    )
