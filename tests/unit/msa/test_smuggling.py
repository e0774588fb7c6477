"""SMTP smuggling (CVE-2023-51764, -51765, -51766, CVE-2024-27305): one message stays one.

What a careless server takes for the end of the content is content here, to the octet, whether it
comes after DATA or in a chunk, at once or an octet at a time.
"""

import asyncio
from types import ModuleType

import pytest
import uvloop

from tests.dialogues.serving import MemoryStore, serving

PATIENCE_S = 10.0
ENVELOPE = b"EHLO x\r\nMAIL FROM:<ada@example.org>\r\nRCPT TO:<bob@example.org>\r\n"
SMUGGLED = (
    b"MAIL FROM:<eve@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: gotcha\r\n"
)
# By the rule of lint that tells of them. No line of them begins with a dot behind CR LF, or the
# dot would be taken for a stuffed one.
FORMS = {
    "SEC001-lf": b"\n",
    "SEC001-lf-lf": b"\n\n",
    "SEC002-cr": b"\r",
    "SEC002-cr-cr": b"\r\r",
    "SEC002-cr-cr-lf": b"\r\r\n",
    "SEC003-lf-dot-lf": b"\n.\n",
    "SEC003-lf-dot-crlf": b"\n.\r\n",
    "SEC003-lf-dot-cr": b"\n.\r",
    "SEC003-cr-dot-cr": b"\r.\r",
    "SEC003-cr-dot-lf": b"\r.\n",
    "SEC003-cr-dot-crlf": b"\r.\r\n",
    "SEC003-crlf-nul-dot-crlf": b"\r\n\0.\r\n",
    "SEC003-lf-dot-nul-lf": b"\n.\0\n",
    "SEC003-lf-nul-dot-lf": b"\n\0.\n",
    "SEC003-crlf-space-dot-crlf": b"\r\n .\r\n",
    "SEC003-lf-dot-lf-crlf": b"\n.\n\r\n",
    "SEC003-nel-dot-nel": b"\xc2\x85.\xc2\x85",
}
# These have a dot behind CR LF: it is taken for a stuffed one, and all else stays.
DOTTED_FORMS = {
    "SEC003-crlf-dot-lf": (b"\r\n.\n", b"\r\n\n"),
    "SEC003-crlf-dot-cr": (b"\r\n.\r", b"\r\n\r"),
    "SEC003-crlf-dot-cr-cr-lf": (b"\r\n.\r\r\n", b"\r\n\r\r\n"),
    "SEC003-crlf-dot-nul-crlf": (b"\r\n.\0\r\n", b"\r\n\0\r\n"),
    "SEC003-crlf-dot-space-crlf": (b"\r\n. \r\n", b"\r\n \r\n"),
}
WRITTEN = {name: (form, form) for name, form in FORMS.items()} | DOTTED_FORMS


async def submit(octets: bytes, *, bytewise: bool) -> tuple[MemoryStore, bytes]:
    """Say all that and close our half; return what was stored, and what the server said."""
    store = MemoryStore()
    async with serving(store=store) as listening:
        reader, writer = await asyncio.open_connection(*listening.address)
        size = 1 if bytewise else len(octets)
        for start in range(0, len(octets), size):
            writer.write(octets[start : start + size])
            await asyncio.sleep(0)
        writer.write_eof()
        said = await asyncio.wait_for(reader.read(), PATIENCE_S)
        writer.close()
    return store, said


def run(octets: bytes, library: ModuleType, *, bytewise: bool) -> tuple[MemoryStore, bytes]:
    with asyncio.Runner(loop_factory=library.new_event_loop) as runner:
        return runner.run(submit(octets, bytewise=bytewise))


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("library", [asyncio, uvloop], ids=["asyncio", "uvloop"])
def test_what_looks_like_the_end_of_data_is_content(
    form: str, bytewise: bool, library: ModuleType
) -> None:
    on_the_wire, kept = WRITTEN[form]
    sent = b"Subject: a\r\n\r\nb" + on_the_wire + SMUGGLED

    store, said = run(ENVELOPE + b"DATA\r\n" + sent + b".\r\nQUIT\r\n", library, bytewise=bytewise)

    [message] = store.accepted
    assert message.content == b"Subject: a\r\n\r\nb" + kept + SMUGGLED
    assert message.envelope.reverse_path == "ada@example.org"
    assert said.endswith(b"250 2.0.0 Ok: queued as s-1\r\n221 2.0.0 Bye\r\n")


@pytest.mark.parametrize("form", [*WRITTEN, "the-end-itself"])
@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
def test_nothing_in_a_chunk_ends_it(form: str, bytewise: bool) -> None:
    octets = WRITTEN.get(form, (b"\r\n.\r\n", b""))[0]
    sent = b"Subject: a\r\n\r\nb" + octets + SMUGGLED
    command = b"BDAT %d LAST\r\n" % len(sent)

    store, _ = run(ENVELOPE + command + sent + b"QUIT\r\n", asyncio, bytewise=bytewise)

    [message] = store.accepted
    assert message.content == sent


@pytest.mark.parametrize("form", [b".\n", b".\r", b"\n.\r\n", b"\r.\r\n", b"\0.\r\n", b". \r\n"])
def test_the_first_line_is_a_line_like_the_others(form: bytes) -> None:
    store, _ = run(
        ENVELOPE + b"DATA\r\n" + form + SMUGGLED + b".\r\nQUIT\r\n", asyncio, bytewise=False
    )

    [message] = store.accepted
    assert message.content == form.removeprefix(b".") + SMUGGLED


@pytest.mark.parametrize("form", [b"\r", b"\0", b"\x85", b"\v", b"\xe2\x80\xa8"])
def test_no_second_command_is_read_out_of_a_line(form: bytes) -> None:
    store, said = run(
        b"EHLO x\r\nNOOP" + form + b"MAIL FROM:<eve@example.org>\r\n"
        b"RCPT TO:<bob@example.org>\r\nQUIT\r\n",
        asyncio,
        bytewise=False,
    )

    assert store.accepted == []
    assert b"503 5.5.1 Need MAIL before RCPT" in said


def test_a_message_without_its_end_is_none() -> None:
    store, said = run(
        ENVELOPE + b"DATA\r\nSubject: a\r\n\r\nb\n.\nQUIT\r\n", asyncio, bytewise=False
    )  # fmt: skip

    assert store.accepted == []
    assert b"queued" not in said
