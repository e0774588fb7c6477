"""The span parser: fields, parts, broken boundaries, limits."""

from msa.message import Message, Part, parse
from msa.message.tree import MAX_DEPTH, MAX_FIELDS, MAX_PARTS


def outline(message: Message) -> list[tuple[str, str]]:
    return [(part.path, part.type) for part in message.root.walk()]


def body(message: Message, part: Part) -> bytes:
    return message.content[part.body.start : part.body.end]


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


NESTED = crlf(
    """\
Content-Type: multipart/mixed; boundary=outer

preamble
--outer
Content-Type: multipart/alternative; boundary="outer-2"

--outer-2

one
--outer-2
Content-Type: text/html

<p>two
--outer-2--
--outer
Content-Type: message/rfc822

Subject: enclosed
Content-Type: multipart/mixed; boundary=x

--x

three
--x--
--outer
Content-Type: message/rfc822

Subject: enclosed too

four
--outer--
epilogue
"""
)


def test_parts_are_numbered_as_imap_does() -> None:
    assert outline(parse(NESTED)) == [
        ("", "multipart/mixed"),
        ("1", "multipart/alternative"),
        ("1.1", "text/plain"),
        ("1.2", "text/html"),
        ("2", "message/rfc822"),
        ("2.TEXT", "multipart/mixed"),
        ("2.1", "text/plain"),
        ("3", "message/rfc822"),
        ("3.1", "text/plain"),
    ]


def test_a_body_ends_before_the_line_end_of_the_next_delimiter() -> None:
    message = parse(NESTED)
    bodies = {part.path: body(message, part) for part in message.root.walk()}

    assert bodies["1.1"] == b"one"
    assert bodies["1.2"] == b"<p>two"
    assert bodies["2.1"] == b"three"
    assert bodies["3.1"] == b"four"
    assert bodies[""].startswith(b"preamble")
    assert bodies[""].endswith(b"epilogue\r\n")


def test_a_field_runs_from_its_name_through_its_line_end() -> None:
    content = b"A: one\r\nBee:  two\r\n\tthree \r\n\r\nbody"
    message = parse(content)

    spans = [content[field.start : field.end] for field in message.root.fields]
    assert spans == [b"A: one\r\n", b"Bee:  two\r\n\tthree \r\n"]
    assert [message.value(field) for field in message.root.fields] == [
        b" one",
        b"  two\r\n\tthree ",
    ]
    assert content[slice(*message.root.header)] == b"".join(spans)
    assert body(message, message.root) == b"body"


def test_a_line_that_is_no_field_hides_none_of_its_neighbours() -> None:
    message = parse(b"A: 1\r\nno field\r\n folded\r\nB: 2\r\n\r\n")

    assert [field.name for field in message.root.fields] == ["A", "B"]
    assert [message.content[slice(*stray)] for stray in message.root.strays] == [
        b"no field\r\n folded\r\n"
    ]


def test_a_space_before_the_colon_still_makes_a_field() -> None:
    [field] = parse(b"Subject \t: x\r\n\r\n").root.fields

    assert field.name == "Subject"


def test_a_lone_cr_ends_no_line() -> None:
    assert len(parse(b"Subject: a\rBcc: b\r\n\r\n").root.fields) == 1


def test_bare_lf_is_tolerated_and_remembered() -> None:
    message = parse(NESTED.replace(b"\r\n", b"\n"))

    assert [path for path, _ in outline(message)][:4] == ["", "1", "1.1", "1.2"]
    assert message.root.bare_lf
    assert not parse(NESTED).root.bare_lf


def test_the_first_blank_line_counts_when_one_of_each_kind_follows() -> None:
    message = parse(b"Subject: x\n\n\r\nbody")

    assert message.root.strays == ()
    assert body(message, message.root) == b"\r\nbody"


def test_a_message_without_a_body_has_an_empty_one() -> None:
    for content in (b"A: 1\r\n", b"A: 1", b"A: 1\r\n\r\n"):
        message = parse(content)
        assert body(message, message.root) == b""
        assert [field.name for field in message.root.fields] == ["A"]


def test_a_message_that_begins_with_a_blank_line_has_no_fields() -> None:
    message = parse(b"\r\nA: 1\r\n\r\n")

    assert message.root.fields == ()
    assert body(message, message.root) == b"A: 1\r\n\r\n"


def test_an_unclosed_boundary_gives_its_last_part_the_rest() -> None:
    message = parse(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\nrest")

    assert message.root.delimiters == (b"b", True, False, None)
    assert body(message, message.root.parts[0]) == b"one\r\nrest"


def test_a_longer_boundary_is_not_a_shorter_one() -> None:
    content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--bb\r\n\r\nx\r\n--b--x\r\n"

    assert parse(content).root.delimiters == (b"b", False, False, content.index(b"--bb"))


def test_two_delimiter_lines_in_a_row_have_no_part_between_them() -> None:
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"

    assert parse(head + b"--b\r\n--b--\r\n").root.parts == ()
    assert len(parse(head + b"--b\r\n\r\n--b--\r\n").root.parts) == 1


def test_a_boundary_in_sections_is_put_together() -> None:
    content = (
        b"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n\r\n--ab\r\n\r\n--ab--\r\n"
    )

    assert parse(content).root.delimiters == (b"ab", True, True, None)


def test_an_outer_delimiter_ends_an_inner_multipart() -> None:
    content = crlf(
        "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--a\n\ntwo\n--a--\n"
    )
    message = parse(content)

    assert [path for path, _ in outline(message)] == ["", "1", "1.1", "2"]
    assert message.root.parts[0].delimiters == (b"b", True, False, None)


def test_a_part_of_a_digest_is_a_message_by_default() -> None:
    content = crlf("Content-Type: multipart/digest; boundary=a\n\n--a\n\nSubject: x\n\nhi\n--a--\n")

    assert outline(parse(content))[1:] == [("1", "message/rfc822"), ("1.1", "text/plain")]


def test_an_encoded_message_is_not_entered() -> None:
    content = (
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQTogYg==\r\n"
    )

    assert outline(parse(content)) == [("", "message/rfc822")]


def test_a_type_that_cannot_be_read_is_plain_text() -> None:
    assert parse(b"Content-Type: text; charset\r\n\r\n").root.type == "text/plain"


def test_labels_are_read_in_lower_case_and_without_comments() -> None:
    root = parse(
        b'Content-Type: Text (c) / HTML; x=y; CharSet = "UTF-8"\r\n'
        b"Content-Transfer-Encoding: (c) Quoted-Printable (d)\r\n\r\n"
    ).root

    assert (root.type, root.charset, root.encoding) == ("text/html", "utf-8", "quoted-printable")


def nested(levels: int) -> bytes:
    return b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level)
        for level in range(levels)
    )


def test_levels_are_capped() -> None:
    message = parse(nested(MAX_DEPTH + 20))

    assert message.caps == ("depth",)
    assert len(list(message.root.walk())) == MAX_DEPTH + 1


def test_parts_are_capped() -> None:
    content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 2_000
    message = parse(content)

    assert message.caps == ("parts",)
    assert len(list(message.root.walk())) == MAX_PARTS


def test_fields_are_capped() -> None:
    message = parse(b"X: 1\r\n" * (MAX_FIELDS + 1) + b"\r\nbody")

    assert message.caps == ("fields",)
    assert len(message.root.fields) == MAX_FIELDS
    assert body(message, message.root) == b"body"


def test_nesting_does_not_multiply_the_work() -> None:
    message = parse(nested(60) + b"x" * 2_000_000)

    assert message.caps == ("scan",)
