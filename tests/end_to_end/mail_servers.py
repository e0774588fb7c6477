"""Postfix and Exim as clients: configured, started and stopped in a folder of their own."""

import os
import shutil
import subprocess
import time
from pathlib import Path

# Users and groups of every Debian that own nothing of ours; their own are made by an installation.
_OWNER, _GROUP = "mail", "sasl"

_MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
meta_directory = {folder}/etc
shlib_directory = {root}/usr/lib/postfix
mail_owner = {owner}
setgid_group = {group}
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
import_environment = LD_LIBRARY_PATH MAIL_CONFIG
export_environment = LD_LIBRARY_PATH MAIL_CONFIG
myhostname = client.example
mydestination =
alias_maps =
alias_database =
inet_interfaces = loopback-only
inet_protocols = ipv4
relayhost = [127.0.0.1]:{port}
smtp_host_lookup = native
smtp_dns_support_level = disabled
smtputf8_enable = yes
smtp_tls_security_level = {tls}
"""
_MASTER_CF = """\
pickup  unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr    unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce  unix - - n - 0 bounce
defer   unix - - n - 0 bounce
trace   unix - - n - 0 bounce
flush   unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp    unix - - n - - smtp -v
relay   unix - - n - - smtp -v
error   unix - - n - - error
retry   unix - - n - - error
tlsmgr  unix - - n 1000? 1 tlsmgr
scache  unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_QUEUES = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush"),
    *("hold", "incoming", "private", "saved", "trace"),
)


class Postfix:
    """One instance whose smarthost is the sandbox; all its users must be able to read `folder`."""

    def __init__(self, root: Path, folder: Path, port: int, *, tls: str = "none") -> None:
        self._root, self._folder = root, folder
        self.log = folder / "log"
        self._environment = os.environ | {
            "LD_LIBRARY_PATH": f"{root}/usr/lib/postfix:{_libraries(root)}",
            "MAIL_CONFIG": f"{folder}/etc",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._lay_out(port, tls)

    def _lay_out(self, port: int, tls: str) -> None:
        for name in ("etc", "queue", "data"):
            (self._folder / name).mkdir(parents=True)
        filled = _MAIN_CF.format(
            folder=self._folder, root=self._root, owner=_OWNER, group=_GROUP, port=port, tls=tls
        )
        (self._folder / "etc/main.cf").write_text(filled)
        (self._folder / "etc/master.cf").write_text(_MASTER_CF)
        queue = self._folder / "queue"
        for name in (*_QUEUES, "pid", "maildrop", "public"):
            (queue / name).mkdir()
        for name in _QUEUES:
            shutil.chown(queue / name, _OWNER)
            (queue / name).chmod(0o700)
        for name, mode in (("maildrop", 0o1730), ("public", 0o710)):
            shutil.chown(queue / name, _OWNER, _GROUP)
            (queue / name).chmod(mode)
        shutil.chown(self._folder / "data", _OWNER)

    def __enter__(self) -> "Postfix":
        with (self._folder / "master.out").open("wb") as output:
            self._process = subprocess.Popen(
                [f"{self._root}/usr/lib/postfix/sbin/master", "-c", f"{self._folder}/etc", "-s"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            self.wait_for("daemon started")
        except AssertionError:
            self._stop()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop()

    def _stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)

    def send(self, content: str, *options: str, mail_from: str, to: list[str]) -> None:
        """Queue a message as a program on its machine would."""
        done = subprocess.run(
            [f"{self._root}/usr/sbin/sendmail", "-C", f"{self._folder}/etc", "-i", *options,
             "-f", mail_from, *to],
            input=content.encode(), env=self._environment, capture_output=True, timeout=20,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def wait_for(self, words: str, seconds: float = 20.0) -> str:
        """Return the log once it holds the words."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            text = self.log.read_text(errors="replace") if self.log.exists() else ""
            if words in text:
                return text
            time.sleep(0.05)
        raise AssertionError(f"no {words!r} in the log of Postfix:\n{text[-3000:]}")


_EXIM_CONF = """\
exim_path = {root}/usr/sbin/exim4
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
primary_hostname = client.example
never_users =
exim_user = {owner}
exim_group = {owner}
tls_advertise_hosts =
keep_environment = ^LD_ : ^NSS_WRAPPER_
untrusted_set_sender = *
local_from_check = false
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
acl_smtp_rcpt = all
acl_smtp_data = all
begin acl
all:
  accept
begin routers
sandbox:
  driver = manualroute
  route_list = * 127.0.0.1
  transport = sandbox
  self = send
begin transports
sandbox:
  driver = smtp
  port = {port}
  allow_localhost
  hosts_try_chunking = {chunking}
  hosts_try_fastopen =
  hosts_avoid_tls = *
begin retry
* * F,2h,1m
begin rewrite
begin authenticators
"""


class Exim:
    """Exim without a daemon: each message is delivered by the process that takes it."""

    def __init__(self, root: Path, folder: Path, port: int, *, chunking: bool) -> None:
        self._root, self._folder = root, folder
        (folder / "spool").mkdir(parents=True)
        for name in (folder, folder / "spool"):
            shutil.chown(name, _OWNER, _OWNER)
        self._environment = {"PATH": os.defpath} | self._with_its_user()
        (folder / "exim.conf").write_text(
            _EXIM_CONF.format(
                root=self._root,
                folder=folder,
                owner=_OWNER,
                port=port,
                chunking="*" if chunking else "",
            )
        )

    def _with_its_user(self) -> dict[str, str]:
        """Show it the user it was built for, who is `_OWNER` here."""
        for name in ("passwd", "group"):
            known = Path("/etc", name).read_text()
            [own] = [line for line in known.splitlines() if line.startswith(f"{_OWNER}:")]
            alias = own.replace(_OWNER, "Debian-exim", 1)
            (self._folder / name).write_text(f"{known}{alias}\n")
        libraries = _libraries(self._root)
        return {
            "LD_LIBRARY_PATH": libraries,
            "LD_PRELOAD": f"{libraries}/libnss_wrapper.so",
            "NSS_WRAPPER_PASSWD": f"{self._folder}/passwd",
            "NSS_WRAPPER_GROUP": f"{self._folder}/group",
        }

    def send(self, content: str, *, mail_from: str, to: str) -> str:
        """Deliver a message now; return what Exim says of it, its SMTP dialogue included."""
        return self._run(content, "-oi", "-f", mail_from, to)

    def relay(self, *lines: str) -> str:
        """Take a dialogue of SMTP on its standard input, and deliver what it brings."""
        return self._run("".join(f"{line}\r\n" for line in lines), "-bs")

    def _run(self, stdin: str, *options: str) -> str:
        done = subprocess.run(
            [f"{self._root}/usr/sbin/exim4", "-C", f"{self._folder}/exim.conf", "-odi",
             "-d-all+transport", *options],
            input=stdin.encode(), env=self._environment, capture_output=True, timeout=30,
        )  # fmt: skip
        said = done.stderr.decode(errors="replace")
        assert done.returncode == 0, said
        return said


def _libraries(root: Path) -> str:
    """Give the folder with the libraries that this machine lacked."""
    return str(next(iter(sorted(root.glob("usr/lib/*-linux-gnu"))), root))
