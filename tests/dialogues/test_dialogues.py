r"""Every *.smtp file here is one conversation with a real server.

    S: 250 2.0.0 Ok         what the server must say; * stands for words that really vary
    C: MAIL FROM:<a@b.c>    what the client says; lines in a row go out in one segment
    R: \x16\x03             octets, written as in Python, without a line end
    ${x*600}                x 600 times
    -- starttls             the client begins a TLS handshake; also: half-close, closed (the
                            server must have hung up), shut-down, connect (a second client)
    # options: auth=required store=full starttls

Each is played as it stands and one octet at a time, on asyncio's loop and on uvloop's.
"""

import asyncio
import inspect
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from ipaddress import ip_network
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import uvloop

from msa import reply
from msa.options import Login, ServerOptions
from msa.reply import Reply
from tests.dialogues.serving import MemoryStore, client_context, serving, tls_context

DIALOGUES = sorted(Path(__file__).parent.glob("*.smtp"))
PATIENCE_S = 10.0


def read_options(text: str) -> tuple[ServerOptions, MemoryStore]:
    chosen: dict[str, Any] = {"hostname": "msa.example"}
    words = " ".join(re.findall(r"^# options: (.*)$", text, re.MULTILINE)).split()
    for name, _, value in (word.partition("=") for word in words):
        is_number = re.fullmatch(r"\d+(\.\d+)?", value)
        chosen[name] = (float(value) if "." in value else int(value)) if is_number else value
    store = MemoryStore(chosen.pop("store", ""))
    if "starttls" in chosen:
        chosen["tls_context"] = tls_context()
        del chosen["starttls"]
    if "proxies" in chosen:
        chosen["proxies"] = (ip_network(chosen["proxies"]),)
    if "bridge_login" in chosen:
        chosen["bridge_login"] = Login(*chosen["bridge_login"].split(":"))
    if "submission_keys" in chosen:
        chosen["submission_keys"] = chosen["submission_keys"] != "off"
    return ServerOptions(**chosen), store


def steps(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        who, separator, said = line[:2], line[2:3], line[3:]
        if who in ("C:", "R:", "S:", "--"):
            assert separator in ("", " "), f"line {number}: a space must follow {who}"
            yield number, who, re.sub(r"\$\{(.)\*(\d+)\}", lambda m: m[1] * int(m[2]), said)
        else:
            assert line.strip() == "" or line.startswith("#"), f"line {number}: {line}"


def octets(who: str, said: str) -> bytes:
    if who == "C:":
        return said.encode() + b"\r\n"
    return said.encode().decode("unicode_escape").encode("latin-1")


class Player:
    """The client of one dialogue."""

    def __init__(self, listening: Any, *, bytewise: bool) -> None:
        self.listening, self.bytewise = listening, bytewise
        self.pending = b""
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> None:
        self.reader, writer = await asyncio.open_connection(*self.listening.address)
        self.writers.append(writer)

    async def send(self) -> None:
        pending, self.pending = self.pending, b""
        size = 1 if self.bytewise else max(1, len(pending))
        for piece in (pending[i : i + size] for i in range(0, len(pending), size)):
            self.writers[-1].write(piece)
            await asyncio.sleep(0)

    async def act(self, what: str) -> None:
        await self.send()
        match what:
            case "starttls":
                await self.writers[-1].start_tls(client_context())
            case "half-close":
                self.writers[-1].write_eof()
            case "closed":
                assert await self.reader.read() == b""
            case "shut-down":
                await self.listening.close(drain_s=0)
            case "connect":
                await self.connect()
            case _:
                raise AssertionError(f"no such step: {what}")

    async def step(self, who: str, said: str) -> None:
        if who == "--":
            await self.act(said)
        elif who == "S:":
            await self.send()
            heard = (await self.reader.readline()).decode().removesuffix("\r\n")
            assert fnmatchcase(heard, said.replace("[", "[[]")), f"heard {heard!r}"
        else:
            self.pending += octets(who, said)


async def play(text: str, *, bytewise: bool) -> None:
    options, store = read_options(text)
    async with serving(options, store) as listening:
        player = Player(listening, bytewise=bytewise)
        await player.connect()
        try:
            for number, who, said in steps(text):
                try:
                    await asyncio.wait_for(player.step(who, said), PATIENCE_S)
                except (AssertionError, TimeoutError) as error:
                    pytest.fail(f"line {number}: {error or 'heard nothing'}, wanted {said!r}")
        finally:
            for writer in player.writers:
                writer.close()


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda path: path.stem)
@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("library", [asyncio, uvloop], ids=["asyncio", "uvloop"])
def test_dialogue(dialogue: Path, bytewise: bool, library: ModuleType) -> None:
    with asyncio.Runner(loop_factory=library.new_event_loop) as runner:
        runner.run(play(dialogue.read_text(), bytewise=bytewise))


def spoken() -> list[str]:
    texts = (path.read_text() for path in DIALOGUES)
    return [said for text in texts for _, who, said in steps(text) if who == "S:"]


CONSTANTS = {name: value for name, value in vars(reply).items() if isinstance(value, Reply)}
FUNCTIONS = {
    name: value
    for name, value in vars(reply).items()
    if inspect.isfunction(value) and inspect.signature(value).return_annotation is Reply
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_every_reply_is_heard_in_a_dialogue(name: str) -> None:
    assert str(CONSTANTS[name]) in spoken()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_reply_whose_words_vary_is_heard_in_a_dialogue(name: str) -> None:
    parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
    arguments = ["\0" if each.annotation is str else "\1" for each in parameters]
    shown = str(FUNCTIONS[name](*arguments))

    beginning = re.split("[\0\1\n]", shown)[0]

    assert any(line.startswith((beginning, beginning.replace(" ", "-", 1))) for line in spoken())


def test_every_reply_carries_an_enhanced_code_except_where_rfc_2034_has_none() -> None:
    # EHLO, HELO and the greeting are the three functions below; 354 and 334 are no class of 3463.
    bare = {name for name, value in CONSTANTS.items() if not value.detail}

    assert bare == {"START_CONTENT"}
    assert [
        name
        for name in FUNCTIONS
        if not FUNCTIONS[name](*["x"] * len(inspect.signature(FUNCTIONS[name]).parameters)).detail
    ] == ["greeting", "hello", "challenge"]
