"""MySQL itself: the one installed, or the distribution's packages unpacked into the cache.

Debian's stable releases have MariaDB alone; its unstable one has MySQL. Nothing of that is
installed: the packages, with the C library they want, are unpacked into a private folder and the
server is started with the loader from there, so that the system stays as it is.
"""

import asyncio
import os
from pathlib import Path

from devops_scripts.servers import sql
from devops_scripts.servers.machine import (
    Unavailable,
    cache_folder,
    filled_once,
    find_program,
    note,
    run,
)
from devops_scripts.servers.process import Server, launch

_INITIALISE_S = 120
_DOWNLOAD_S = 600  # about 60 MB
_UNPACK_S = 60  # each package
_PACKAGE = "mysql-server-core"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


async def start(folder: Path, port: int) -> Server:
    """Start a server with its data in `folder`, made there when missing.

    Raises Unavailable when no MySQL can be had or it doesn't start.
    """
    program, options = await _program(folder)
    command = [*program, "--no-defaults", *options, f"--datadir={folder / 'data'}"]
    if os.geteuid() == 0:
        command.append("--user=root")
    if not (folder / "data").exists():
        await run(
            [*command, "--initialize-insecure"],
            log=folder / "initialise.log",
            within_s=_INITIALISE_S,
        )
    process, version = await launch(
        [
            *command,
            *sql.shared_options(folder, port),
            "--mysqlx=OFF",  # it would take a second port
            "--secure-file-priv=NULL",  # the default is a folder that only the package makes
            "--performance-schema=OFF",  # 200 MB of memory that no test reads
        ],
        port=port,
        probe=sql.version,
        log=folder / "server.log",
    )
    return Server(
        title=f"MySQL {version}", port=port, url=sql.url(port), process=process, variables={}
    )


async def _program(folder: Path) -> tuple[list[str], list[str]]:
    """Give what starts the server, and the options that tell it where its own files are."""
    installed = find_program("mysqld")
    if installed and "MariaDB" not in await _output(installed, "--version"):
        return [installed], []
    root = cache_folder() / "mysql"
    if not root.exists():
        await _unpack(root, folder)
    return _unpacked_program(root)


def _unpacked_program(root: Path) -> tuple[list[str], list[str]]:
    loader = next(root.glob("usr/lib*/ld-linux*.so.*"), None)
    library = next(root.glob("usr/lib/*-linux-gnu/libc.so.6"), None)
    if loader is None or library is None:
        raise Unavailable(f"{root} holds no MySQL that could run; remove it to have it made again")
    usr = root / "usr"
    return (
        [str(loader), "--library-path", str(library.parent), str(usr / "sbin/mysqld")],
        [f"--basedir={usr}", f"--lc-messages-dir={usr / 'share/mysql'}"],
    )


async def _unpack(root: Path, folder: Path) -> None:
    """Download the server's package with all it needs, and unpack everything into `root`."""
    mirror = await _mirror()
    note("MySQL: downloading Debian's packages, about 60 MB, once")
    apt = folder / "apt"
    options = _private_apt(apt, mirror)
    log = folder / "download.log"
    await run(["apt-get", *options, "-q", "update"], log=log, within_s=_DOWNLOAD_S)
    await run(
        [
            "apt-get",
            *options,
            "-q",
            "--yes",
            "--no-install-recommends",
            "--download-only",
            "install",
            _PACKAGE,
        ],
        log=log,
        within_s=_DOWNLOAD_S,
    )
    with filled_once(root) as draft:
        for archive in sorted((apt / "cache/archives").glob("*.deb")):
            await run(["dpkg-deb", "-x", archive, draft], log=log, within_s=_UNPACK_S)


async def _mirror() -> str:
    """Give the address from which this machine takes Debian's packages."""
    if find_program("apt-get") is None:
        raise Unavailable("no mysqld on this machine, and no apt-get to have one with")
    targets = await _output("apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)")
    for target in targets.splitlines():
        origin, label, uri = [*target.rsplit(maxsplit=2), "", ""][:3]
        if (origin, label) == ("Debian", "Debian"):
            return uri
    raise Unavailable(
        "no mysqld on this machine, and its packages aren't Debian's (or apt-get update never ran)"
    )


def _private_apt(apt: Path, mirror: str) -> list[str]:
    """Lay out an apt that knows Debian unstable alone and nothing of this system's packages."""
    for name in ("lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    (apt / "status").touch()
    signed_by = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    (apt / "sources.list").write_text(f"deb {signed_by}{mirror} unstable main\n")
    return [
        f"-oDir::Etc::sourcelist={apt / 'sources.list'}",
        "-oDir::Etc::sourceparts=/dev/null",
        "-oDir::Etc::preferencesparts=/dev/null",
        f"-oDir::State::lists={apt / 'lists'}",
        f"-oDir::State::status={apt / 'status'}",
        f"-oDir::Cache={apt / 'cache'}",
        "-oAPT::Sandbox::User=root",  # apt's own user can't write here; without root it is ignored
        # A mirror that lags will do for a test; who signed its packages is checked all the same.
        "-oAcquire::Retries=3",
        "-oAcquire::Check-Valid-Until=false",
    ]


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return output.decode(errors="replace")
