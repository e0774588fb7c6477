"""Submitting over SMTP with a few connections that stay open; the only door to aiosmtplib."""

import asyncio
import logging
import re
from contextlib import suppress
from dataclasses import dataclass, field

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from bridge.ports import Outgoing, Verdict

log = logging.getLogger(__name__)

CONNECTIONS = 8
MAILS_PER_CONNECTION = 100  # then a new one, so that several servers behind a proxy share the load
TIMEOUT_S = 60.0  # for any reply; a sandbox answers in milliseconds, a real server may take long
CONNECT_TIMEOUT_S = 10.0
QUIT_TIMEOUT_S = 1.0
NO_AUTH = "The server offers no AUTH, and a login is configured"
MAX_TEXT = 500  # characters of a reply that are kept
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
_QUEUED = re.compile(r"queued as <?([0-9A-Za-z-]{1,64})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Server:
    """Where to submit, and as whom; without a username nobody logs in."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class SmtpSubmitter:
    """Implements `Submitter`; `close` ends its connections."""

    def __init__(
        self,
        server: Server,
        *,
        domain: str,
        connections: int = CONNECTIONS,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Connect only when something is submitted; `domain` is the argument of EHLO."""
        self._server = server
        self._domain = domain
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[_Connection] = []
        self._has_warned = False

    async def submit(self, outgoing: Outgoing) -> Verdict:
        """Submit one message; a connection that turns out to be dead is replaced once."""
        async with self._slots:
            connection = self._take()
            is_reused = connection is not None
            verdict = await self._submit_on(connection, outgoing)
            if is_reused and verdict.code in (0, 421) and verdict.stage == "mail":
                verdict = await self._submit_on(None, outgoing)
            return verdict

    async def close(self) -> None:
        """Say QUIT on every idle connection."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.quit() for connection in idle))

    def _take(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            connection.drop()
        return None

    async def _submit_on(self, connection: "_Connection | None", outgoing: Outgoing) -> Verdict:
        if connection is None:
            opened = await self._open()
            if isinstance(opened, Verdict):
                return opened
            connection = opened
        try:
            verdict = await connection.transact(outgoing)
        except BaseException:
            connection.drop()  # cancelled in the middle: its state is unknown
            raise
        if connection.is_usable:
            self._idle.append(connection)
        else:
            await connection.quit()
        return verdict

    async def _open(self) -> "_Connection | Verdict":
        smtp = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            local_hostname=self._domain,
            timeout=self._timeout_s,
            start_tls=False,
        )
        stage = "connect"
        try:
            await smtp.connect(timeout=min(CONNECT_TIMEOUT_S, self._timeout_s))
            stage = "ehlo"
            await smtp.ehlo()
            if self._server.username:
                stage = "auth"
                if not smtp.supported_auth_methods:
                    smtp.close()
                    return Verdict(code=530, enhanced="5.7.0", text=NO_AUTH, stage=stage)
                await smtp.login(self._server.username, self._server.password)
        except (SMTPException, OSError, ValueError) as error:
            smtp.close()
            return _failure(error, stage)
        except BaseException:
            smtp.close()
            raise
        if not smtp.supports_extension("xsubmissionkey") and not self._has_warned:
            self._has_warned = True
            log.warning(
                "%s offers no XSUBMISSIONKEY: an event may be mailed twice in a crash", self._server
            )
        return _Connection(smtp)


class _Connection:
    """One SMTP session."""

    def __init__(self, smtp: aiosmtplib.SMTP) -> None:
        self._smtp = smtp
        self._mails = 0

    @property
    def is_usable(self) -> bool:
        return self._smtp.is_connected and self._mails < MAILS_PER_CONNECTION

    def drop(self) -> None:
        self._smtp.close()

    async def quit(self) -> None:
        with suppress(SMTPException, OSError):
            if self._smtp.is_connected:
                await self._smtp.quit(timeout=QUIT_TIMEOUT_S)
        self._smtp.close()

    async def transact(self, outgoing: Outgoing) -> Verdict:
        """Do one mail transaction (RFC 5321 section 3.3); after a refusal the session is reset."""
        self._mails += 1
        paths = (outgoing.reverse_path, outgoing.forward_path)
        if unfit := self._unfit(paths):
            return unfit
        stage = "mail"
        try:
            reply = await self._command(
                b"MAIL", b"FROM:<%s>" % paths[0].encode(), *self._parameters(outgoing)
            )
            if reply.is_accepted:
                stage = "rcpt"
                reply = await self._command(b"RCPT", b"TO:<%s>" % paths[1].encode())
            if reply.is_accepted:
                stage = "data"
                answer = await self._smtp.data(outgoing.content)
                return _verdict(answer.code, answer.message, stage)
        except (SMTPException, OSError) as error:
            reply = _failure(error, stage)
        if self._smtp.is_connected:
            await self._reset()
        return Verdict(code=reply.code, enhanced=reply.enhanced, text=reply.text, stage=stage)

    def _unfit(self, paths: tuple[str, ...]) -> Verdict | None:
        is_international = not all(path.isascii() for path in paths)
        if is_international and not self._smtp.supports_extension("smtputf8"):
            text = "The server takes no internationalised addresses"
            return Verdict(code=553, enhanced="5.6.7", text=text, stage="rcpt")
        # The last guard against a second command or parameter; a quoted local part may hold spaces.
        if any(not path.isprintable() or "<" in path or ">" in path for path in paths):
            return Verdict(code=501, enhanced="5.1.3", text="Malformed path", stage="rcpt")
        return None

    def _parameters(self, outgoing: Outgoing) -> list[bytes]:
        supports = self._smtp.supports_extension
        parameters = []
        if supports("size"):
            parameters.append(b"SIZE=%d" % len(outgoing.content))
        if supports("8bitmime") and not outgoing.content.isascii():
            parameters.append(b"BODY=8BITMIME")
        if supports("smtputf8") and not (outgoing.forward_path + outgoing.reverse_path).isascii():
            parameters.append(b"SMTPUTF8")
        if supports("xsubmissionkey"):
            parameters.append(b"XSUBMISSIONKEY=%s" % outgoing.submission_key.encode())
        return parameters

    async def _command(self, *words: bytes) -> Verdict:
        answer = await self._smtp.execute_command(*words)
        return _verdict(answer.code, answer.message, "")

    async def _reset(self) -> None:
        try:
            answer = await self._smtp.rset()
            is_reset = answer.code == 250
        except (SMTPException, OSError):
            is_reset = False
        if not is_reset:
            self._smtp.close()


def _verdict(code: int, message: str, stage: str) -> Verdict:
    text = " ".join(message.encode("utf-8", "replace").decode().split())[:MAX_TEXT]
    enhanced = _ENHANCED.match(text)
    queued = _QUEUED.search(text)
    return Verdict(
        code=code,
        enhanced=enhanced[1] if enhanced else "",
        text=text[enhanced.end() :] if enhanced else text,
        submission_id=queued[1] if queued and code == 250 else "",
        stage=stage,
    )


def _failure(error: Exception, stage: str) -> Verdict:
    if isinstance(error, SMTPResponseException) and error.code > 0:
        return _verdict(error.code, error.message, stage)
    text = " ".join(str(error).split())[:MAX_TEXT] or type(error).__name__
    return Verdict(code=0, enhanced="", text=text, stage=stage)
