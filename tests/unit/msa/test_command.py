import pytest

from msa import reply
from msa.command import MAX_AUTH_LINE, CommandLines, read_path, read_verb
from msa.reply import Refused


def test_lines_are_cut_one_by_one_and_leave_the_rest() -> None:
    lines, buffer = CommandLines(), bytearray(b"NOOP\r\nRSET\r\nQU")

    assert [lines.take(buffer) for _ in range(3)] == [b"NOOP\r\n", b"RSET\r\n", None]
    assert buffer == b"QU"


def test_a_line_that_is_too_long_never_grows_the_buffer() -> None:
    lines, buffer = CommandLines(), bytearray()

    for _ in range(100):
        buffer += b"x" * 10_000
        assert lines.take(buffer) is None
        assert len(buffer) <= MAX_AUTH_LINE
    buffer += b"x\r\nNOOP\r\n"

    assert len(lines.take(buffer) or b"") == MAX_AUTH_LINE + 1
    assert lines.take(buffer) == b"NOOP\r\n"


def test_a_tls_client_hello_is_a_line_though_it_has_no_end() -> None:
    lines, buffer = CommandLines(), bytearray(b"\x16\x03\x01\x02")

    line = lines.take(buffer)

    assert (line, buffer) == (b"\x16\x03\x01\x02", b"")
    with pytest.raises(Refused) as refused:
        read_verb(line or b"")
    assert refused.value.reply == reply.NOT_TLS


@pytest.mark.parametrize(
    ("line", "verb", "argument"),
    [
        (b"QUIT\r\n", "QUIT", ""),
        (b"quit  \r\n", "QUIT", ""),
        (b"Mail  FROM:<>  \r\n", "MAIL", "FROM:<>"),
        (b"NOOP b\xf8r\r\n", "NOOP", "b\udcf8r"),
    ],
)
def test_a_command_is_a_verb_and_an_argument(line: bytes, verb: str, argument: str) -> None:
    assert read_verb(line) == (verb, argument)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"\r\n", reply.BAD_COMMAND),
        (b" NOOP\r\n", reply.BAD_COMMAND),
        (b"NOOP\tx\r\n", reply.BAD_COMMAND),
        (b"n\xc3\xb8\r\n", reply.BAD_COMMAND),
        ("R\u017fET\r\n".encode(), reply.BAD_COMMAND),  # RSET in upper case
        (b"NOOP\n", reply.BARE_LINE_FEED),
        (b"NOOP " + b"x" * 506 + b"\r\n", reply.LINE_TOO_LONG),
        (b"MAIL FROM:<a@b> ENVID=" + b"x" * 1600 + b"\r\n", reply.LINE_TOO_LONG),
    ],
)
def test_what_is_no_command_line_is_refused(line: bytes, answer: reply.Reply) -> None:
    with pytest.raises(Refused) as refused:
        read_verb(line)

    assert refused.value.reply == answer


def test_a_recipient_line_has_room_for_the_longest_orcpt() -> None:
    parameters = b"NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=" + b"x" * 500
    line = b"RCPT TO:<" + b"a" * 254 + b"> " + parameters + b"\r\n"

    assert read_verb(line)[0] == "RCPT"


@pytest.mark.parametrize(
    ("argument", "path", "words"),
    [
        ("TO:<a@b>", "a@b", []),
        ("to: <a@b>", "a@b", []),
        ("TO:<>", "", []),
        ("TO:<a@b>  A=1  B", "a@b", ["A=1", "B"]),
        ('TO:<"a > b"@c> A=<>', '"a > b"@c', ["A=<>"]),
        ('TO:<"a\\">"@c> A', '"a\\">"@c', ["A"]),
    ],
)
def test_an_argument_is_a_path_and_parameters(argument: str, path: str, words: list[str]) -> None:
    assert read_path("RCPT", "TO:", argument, reply.malformed_forward_path) == (path, words)
