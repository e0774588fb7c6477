"""A real server on a free port, with a store in memory: what dialogues and server tests talk to."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from msa.envelope import Submission
from msa.fix.edit import Fixed
from msa.lint.finding import Finding, Severity
from msa.options import ServerOptions
from msa.ports import Judgement, StoreFull
from msa.reply import Reply
from msa.server import Listening, listen

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryStore:
    """Keeps submissions in lists; may be full, fail, or wait for `gate` before it commits."""

    def __init__(self, behaviour: str = "") -> None:
        self.behaviour = behaviour
        self.accepted: list[Submission] = []
        self.refused: list[tuple[Submission, Reply, Sequence[Finding]]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def accept(
        self,
        submission: Submission,
        findings: Sequence[Finding] | None = None,
        fixed: Fixed | None = None,
    ) -> str:
        if self.behaviour == "full":
            raise StoreFull
        if self.behaviour == "fails":
            raise OSError("disk on fire at /var/lib/secret")
        await self.gate.wait()
        key = submission.submission_key
        for earlier in self.accepted:
            if key is not None and earlier.submission_key == key:
                return earlier.id
        self.accepted.append(submission)
        return submission.id

    async def refuse(
        self, submission: Submission, reply: Reply, findings: Sequence[Finding]
    ) -> None:
        self.refused.append((submission, reply, findings))


class WordLinter:
    """Finds an error for each line that says `bad`, and a warning for each that says `odd`."""

    async def lint(self, submission: Submission) -> Judgement:
        found = []
        for number, line in enumerate(submission.content.split(b"\r\n"), start=1):
            if line in (b"bad", b"odd"):
                severity = Severity.ERROR if line == b"bad" else Severity.WARNING
                found.append(finding(severity=severity, line=number))
        return Judgement(tuple(found), Fixed())


def finding(
    code: str = "HDR004",
    name: str = "from-missing",
    severity: Severity = Severity.ERROR,
    text: str = "there is no From field",
    line: int | None = 1,
) -> Finding:
    return Finding(
        code=code,
        name=name,
        severity=severity,
        text=text,
        part="",
        offset=0,
        line=line,
        column=1,
        evidence="",
        reference="RFC 5322 section 3.6",
        fix="Add one.",
    )


@asynccontextmanager
async def serving(
    options: ServerOptions | None = None, store: MemoryStore | None = None
) -> AsyncIterator[Listening]:
    """Run a server on a free port of 127.0.0.1; ids are s-1, s-2, ..."""
    ids = count(1)
    listening = await listen(
        options or ServerOptions(hostname="msa.example"),
        store or MemoryStore(),
        WordLinter(),
        now=lambda: NOW,
        new_id=lambda: f"s-{next(ids)}",
        host="127.0.0.1",
        port=0,
    )
    try:
        yield listening
    finally:
        await listening.close(drain_s=0)


@cache
def tls_context() -> ssl.SSLContext:
    """Return a server's context with a certificate made for this run."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        command = ["openssl", "req", "-x509", "-nodes", "-subj", "/CN=msa.example", "-newkey", "ec"]
        command += ["-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", str(key)]
        subprocess.run([*command, "-out", certificate], check=True, capture_output=True)
        context.load_cert_chain(certificate, key)
    return context


def client_context() -> ssl.SSLContext:
    """Return a client's context that trusts anybody: the certificate is our own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
