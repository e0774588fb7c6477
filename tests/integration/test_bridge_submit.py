"""The submitter against a server that says what a script tells it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.ports import Outgoing, Verdict
from bridge.submit import MAILS_PER_CONNECTION, Server, SmtpSubmitter

QUEUED = "250 2.0.0 Ok: queued as 0000000000000000000001"
EHLO = ("SIZE 1000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "XSUBMISSIONKEY")
HI = b"Subject: x\r\n\r\nHi\r\n"
Script = dict[str, str | list[str]]


class ScriptedServer:
    """Answers commands by their first word: a reply, or one after the other; "cut" hangs up."""

    def __init__(self, script: Script, ehlo: tuple[str, ...]) -> None:
        self._script = script
        self._ehlo = ehlo
        self.commands: list[str] = []
        self.contents: list[bytes] = []
        self.connections = 0

    def _reply(self, verb: str, default: str) -> str:
        said = self._script.get(verb, default)
        if isinstance(said, str):
            return said
        return said.pop(0) if said else default

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._say(writer, self._reply("", "220 mx ESMTP")):
            return
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.commands.append(line)
            verb = line.split()[0].upper()
            default = "250 2.0.0 Ok"
            if verb == "EHLO":
                default = "\r\n".join(
                    ("250-mx", *(f"250-{word}" for word in self._ehlo), "250 HELP")
                )
            if verb == "DATA":
                default = "354 Go ahead"
            reply = self._reply(verb, "221 Bye" if verb == "QUIT" else default)
            if not await self._say(writer, reply) or verb == "QUIT":
                return
            if reply.startswith("354"):
                self.contents.append(await reader.readuntil(b"\r\n.\r\n"))
                if not await self._say(writer, self._reply(".", QUEUED)):
                    return

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        if reply == "cut":
            return False
        if reply == "silence":
            await asyncio.Event().wait()
        writer.write(reply.encode() + b"\r\n")
        await writer.drain()
        return not reply.startswith("421")


@asynccontextmanager
async def session(
    script: Script | None = None, ehlo: tuple[str, ...] = EHLO, **options: object
) -> AsyncIterator[tuple[SmtpSubmitter, ScriptedServer]]:
    scripted = ScriptedServer(script or {}, ehlo)
    listener = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    username = str(options.pop("username", ""))
    server = Server("127.0.0.1", port, username, "s3cret" if username else "")
    submitter = SmtpSubmitter(server, domain="bridge.test", **options)  # type: ignore[arg-type]  # connections, timeout_s
    try:
        yield submitter, scripted
    finally:
        await submitter.close()
        listener.close()


def outgoing(
    forward_path: str = "ada@example.org", content: bytes = b"Subject: x\r\n\r\nHi\r\n"
) -> Outgoing:
    return Outgoing(
        submission_key="key1",
        reverse_path="app@example.org",
        forward_path=forward_path,
        content=content,
        template="t",
        template_version="1",
        locale="",
        message_id="<key1.0@bridge.test>",
    )


async def test_a_message_is_submitted_with_its_key() -> None:
    async with session() as (submitter, server):
        verdict = await submitter.submit(outgoing())

    assert verdict == Verdict(
        code=250,
        enhanced="2.0.0",
        text="Ok: queued as 0000000000000000000001",
        submission_id="0000000000000000000001",
    )
    assert server.commands == [
        "EHLO bridge.test",
        "MAIL FROM:<app@example.org> SIZE=18 XSUBMISSIONKEY=key1",
        "RCPT TO:<ada@example.org>",
        "DATA",
        "QUIT",
    ]
    assert server.contents == [b"Subject: x\r\n\r\nHi\r\n.\r\n"]


async def test_a_connection_is_used_again_and_ehlo_said_once() -> None:
    async with session() as (submitter, server):
        for _ in range(3):
            assert (await submitter.submit(outgoing())).is_accepted

    assert server.connections == 1
    assert server.commands.count("EHLO bridge.test") == 1


async def test_a_connection_is_replaced_after_its_share() -> None:
    async with session() as (submitter, server):
        for _ in range(MAILS_PER_CONNECTION + 1):
            await submitter.submit(outgoing())

    assert server.connections == 2


async def test_many_messages_share_a_few_connections() -> None:
    async with session(connections=3) as (submitter, server):
        verdicts = await asyncio.gather(*(submitter.submit(outgoing()) for _ in range(20)))

    assert all(verdict.is_accepted for verdict in verdicts)
    assert server.connections == 3


async def test_international_addresses_and_8_bit_content_are_announced() -> None:
    async with session() as (submitter, server):
        await submitter.submit(outgoing("žofie@example.org", "Subject: é\r\n\r\n".encode()))

    assert server.commands[1] == (
        "MAIL FROM:<app@example.org> SIZE=15 BODY=8BITMIME SMTPUTF8 XSUBMISSIONKEY=key1"
    )
    assert server.commands[2] == "RCPT TO:<žofie@example.org>"


async def test_an_international_address_is_not_sent_to_a_server_that_takes_none() -> None:
    async with session(ehlo=("XSUBMISSIONKEY",)) as (submitter, server):
        verdict = await submitter.submit(outgoing("žofie@example.org"))

    assert (verdict.code, verdict.enhanced, verdict.stage) == (553, "5.6.7", "rcpt")
    assert not any(command.startswith("MAIL") for command in server.commands)


async def test_a_server_without_keys_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async with session(ehlo=("SIZE",), connections=2) as (submitter, server):
        await asyncio.gather(submitter.submit(outgoing()), submitter.submit(outgoing()))

    assert "XSUBMISSIONKEY" not in server.commands[2]
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "an event may be mailed twice in a crash" in warnings[0]


@pytest.mark.parametrize(
    ("script", "code", "enhanced", "stage"),
    [
        ({"": "554 5.7.1 Go away"}, 554, "5.7.1", "connect"),
        ({"": "421 4.3.2 Closing"}, 421, "4.3.2", "connect"),
        ({"": "cut"}, 0, "", "connect"),
        ({"MAIL": "451 4.3.0 Later"}, 451, "4.3.0", "mail"),
        ({"MAIL": "550 5.7.1 Not you"}, 550, "5.7.1", "mail"),
        ({"MAIL": "421 4.3.2 Closing"}, 421, "4.3.2", "mail"),
        ({"RCPT": "450 4.2.1 Later"}, 450, "4.2.1", "rcpt"),
        ({"RCPT": "550 5.1.1 Nobody"}, 550, "5.1.1", "rcpt"),
        ({"RCPT": "550-5.1.1 Nobody\r\n550 5.1.1 here"}, 550, "5.1.1", "rcpt"),
        ({"DATA": "451 4.3.0 Later"}, 451, "4.3.0", "data"),
        ({".": "554 5.6.0 Malformed"}, 554, "5.6.0", "data"),
        ({".": "451 Later"}, 451, "", "data"),
        ({".": "cut"}, 0, "", "data"),
        ({"RCPT": "cut"}, 0, "", "rcpt"),
        ({"RCPT": "what?"}, 0, "", "rcpt"),
    ],
)
async def test_a_reply_comes_back_with_its_place(
    script: Script, code: int, enhanced: str, stage: str
) -> None:
    async with session(script) as (submitter, _):
        verdict = await submitter.submit(outgoing())

    assert (verdict.code, verdict.enhanced, verdict.stage) == (code, enhanced, stage)
    assert "\n" not in verdict.text
    assert verdict.text


async def test_after_a_refusal_the_session_is_reset_and_used_again() -> None:
    async with session({"RCPT": ["550 5.1.1 Nobody"]}) as (submitter, server):
        refused = await submitter.submit(outgoing())
        accepted = await submitter.submit(outgoing())

    assert (refused.code, accepted.code) == (550, 250)
    assert server.connections == 1
    assert "RSET" in server.commands


async def test_a_connection_that_died_meanwhile_is_replaced_unseen() -> None:
    async with session({"MAIL": ["250 Ok", "421 4.4.2 Idle for too long"]}) as (submitter, server):
        await submitter.submit(outgoing())
        verdict = await submitter.submit(outgoing())

    assert verdict.is_accepted
    assert server.connections == 2


async def test_a_connection_that_breaks_after_the_dot_is_no_answer() -> None:
    async with session({".": [QUEUED, "cut"]}) as (submitter, server):
        await submitter.submit(outgoing())
        lost = await submitter.submit(outgoing())
        again = await submitter.submit(outgoing())

    assert (lost.code, lost.stage) == (0, "data")
    assert again.is_accepted
    assert len(server.contents) == 3  # the server knows the third by its key


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async with session({"MAIL": "silence"}, timeout_s=0.05) as (submitter, _):
        verdict = await submitter.submit(outgoing())

    assert (verdict.code, verdict.stage) == (0, "mail")


async def test_nobody_there_is_a_verdict(unused_tcp_port: int) -> None:
    submitter = SmtpSubmitter(Server("127.0.0.1", unused_tcp_port), domain="bridge.test")

    verdict = await submitter.submit(outgoing())

    assert (verdict.code, verdict.stage) == (0, "connect")


@pytest.mark.parametrize(
    ("ehlo", "script", "code"),
    [
        ((*EHLO, "AUTH PLAIN"), {"AUTH": "235 2.7.0 Welcome"}, 250),
        ((*EHLO, "AUTH PLAIN"), {"AUTH": "535 5.7.8 Wrong"}, 535),
        (EHLO, {}, 530),
    ],
)
async def test_logging_in(ehlo: tuple[str, ...], script: Script, code: int) -> None:
    async with session(script, ehlo, username="bridge") as (submitter, _):
        verdict = await submitter.submit(outgoing())

    assert verdict.code == code
    assert verdict.stage == ("data" if code == 250 else "auth")
    assert "s3cret" not in verdict.text


@pytest.mark.parametrize(
    "path", ["a@b.org> SIZE=1 <x", "a@b.org\r\nRSET", "a@b.org>", "a\x00@b.org"]
)
async def test_no_path_becomes_a_command_or_a_parameter(path: str) -> None:
    async with session() as (submitter, server):
        verdict = await submitter.submit(outgoing(path))

    assert verdict.code == 501
    assert not any(command.startswith(("MAIL", "RCPT", "RSET")) for command in server.commands)


async def test_a_submission_that_is_cancelled_leaves_no_half_used_connection() -> None:
    script: dict[str, str | list[str]] = {"RCPT": ["silence"]}
    async with session(script, connections=1) as (submitter, server):
        task = asyncio.create_task(submitter.submit(outgoing()))
        while not any(command.startswith("RCPT") for command in server.commands):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        verdict = await submitter.submit(outgoing())

    assert verdict.is_accepted
    assert server.connections == 2


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(Server("h", 25, "u", "s3cret"))
