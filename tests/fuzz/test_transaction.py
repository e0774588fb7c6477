"""Whatever a client says, it hears a reply; nothing but `Refused` comes out."""

from hypothesis import given
from hypothesis import strategies as st

from msa.command import SYNTAX, CommandLines
from msa.content import ChunkReader, ContentReader
from msa.extensions import offer
from msa.options import ServerOptions
from msa.reply import Refused, Reply
from msa.session import Session
from msa.transaction import Transaction

OFFER = offer(max_size=1000, max_recipients=3, starttls=False, auth=True, submission_keys=True)

PATHS = st.one_of(
    st.sampled_from(
        ["<>", "<a@b.example>", "<a b@c>", '<"a>b"@c>', "<a@", "a@b", "<@x:y@z>", "<ø@b>"]
    ),
    st.text(max_size=30),
)
WORDS = st.one_of(
    st.sampled_from(
        [
            *("SIZE=1", "SIZE=99999", "SIZE=", "BODY=8BITMIME", "SMTPUTF8", "RET=FULL", "RET=x"),
            *("ENVID=a+2B", "AUTH=<>", "XSUBMISSIONKEY=k", "NOTIFY=NEVER", "NOTIFY=DELAY,SUCCESS"),
            *("ORCPT=rfc822;a@b", "ORCPT=utf-8;ø", "ORCPT=x", "=", "é=1"),
        ]
    ),
    st.text(max_size=12),
)
ARGUMENTS = st.builds(
    lambda keyword, path, words: " ".join([f"{keyword}{path}", *words]),
    st.sampled_from(["FROM:", "TO:", "to: ", ""]),
    PATHS,
    st.lists(WORDS, max_size=4),
)
COMMANDS = st.lists(st.tuples(st.sampled_from(["mail", "rcpt", "data"]), ARGUMENTS), max_size=12)


@given(COMMANDS)
def test_a_transaction_answers_and_a_refusal_changes_nothing(
    commands: list[tuple[str, str]],
) -> None:
    talk = Transaction(OFFER, max_size=1000, max_recipients=3)
    recipients = 0
    for verb, argument in commands:
        was_open, key = talk.is_open, talk.submission_key
        try:
            answer = talk.data() if verb == "data" else getattr(talk, verb)(argument)
            assert isinstance(answer, Reply)
            recipients += verb == "rcpt"
        except Refused as refused:
            assert refused.reply.code // 100 in (4, 5)
            assert len(refused.reply.wire()) <= 512
            assert (talk.is_open, talk.submission_key) == (was_open, key)
    if recipients:
        assert len(talk.envelope().recipients) == recipients <= 3


VERBS = st.sampled_from([*SYNTAX, "mail", "x", "", "GET", "*"])
LINES = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda verb, argument: f"{verb} {argument}\r\n".encode("utf-8", "replace"),
        VERBS,
        st.one_of(
            ARGUMENTS, st.sampled_from(["", "x", "PLAIN", "LOGIN", "PLAIN AGEAYg==", "YWRh"])
        ),
    ),
    st.sampled_from([b"YWRh\r\n", b"*\r\n", b"=\r\n", b"EHLO x\r\n", b"MAIL FROM:<a@b>\r\n"]),
)


@given(st.lists(LINES, max_size=20), st.sampled_from(["any", "required", "off"]))
def test_a_session_answers_every_line_with_one_sound_reply(lines: list[bytes], auth: str) -> None:
    session = Session(ServerOptions(auth=auth), "127.0.0.1")  # type: ignore[arg-type] # one of three
    for line in lines:
        wire = session.hear(line).wire()

        assert wire.isascii()
        for said in wire.removesuffix(b"\r\n").split(b"\r\n"):
            assert 4 <= len(said) <= 510
            assert said[:3] == wire[:3]
            assert b"\r" not in said
            assert b"\n" not in said


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"x", b"\r\n.\r\n", b"\r\n"]), max_size=30))
def test_content_ends_at_the_first_lone_dot_and_nowhere_else(octets: list[bytes]) -> None:
    wire = b"".join(octets) + b"\r\n.\r\nNOOP\r\n"
    buffer = bytearray()
    reader = ContentReader(buffer, 10_000)

    ended = False
    for octet in wire:
        buffer.append(octet)
        ended = ended or reader.take(buffer)

    content, _, rest = (b"\r\n" + wire).partition(b"\r\n.\r\n")
    assert ended
    assert reader.content() == (content + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]
    assert bytes(buffer) == rest


@given(st.lists(st.binary(max_size=9), max_size=20), st.integers(0, 60), st.booleans())
def test_a_chunk_is_exactly_the_octets_announced(
    segments: list[bytes], size: int, keep: bool
) -> None:
    buffer, sent = bytearray(), b"".join(segments)
    reader = ChunkReader(size, keep)

    ended = reader.take(buffer)
    for segment in segments:
        buffer += segment
        ended = ended or reader.take(buffer)

    assert ended is (len(sent) >= size)
    assert reader.octets == (sent[:size] if keep else b"")
    assert bytes(buffer) == sent[size:]


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_lines_put_together_are_what_was_sent(pieces: list[bytes]) -> None:
    lines, buffer, taken = CommandLines(), bytearray(), b""
    for piece in pieces:
        buffer += piece
        while (line := lines.take(buffer)) is not None:
            assert line
            taken += line
    assert taken + bytes(buffer) == b"".join(pieces)
