"""`--structure`: ranges that nest, lie inside and give back the octets."""

import email
import email.policy
import json
from email.message import EmailMessage
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox_mta.linting.json_lines import structure
from sandbox_mta.linting.messages import FileMessage

PIECES = (
    *(b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n"),
    *(b"Content-Type: multipart/alternative; boundary=c\n", b"Subject: x\n folded\r\n", b"\r\n"),
    *(b"\n", b"\r\n--b\r\n", b"\n--b--\n", b"\r\n--c\r\n", b"--c--", b"stray\r\n", b"body", b"\r"),
)


def parts(content: bytes) -> list[dict[str, Any]]:
    message = FileMessage(number=1, content=content, start=0, first_line=1)
    return [json.loads(line) for line in structure(message)]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))
def test_ranges_nest_and_lie_inside_whatever_the_octets(content: bytes) -> None:
    by_path: dict[str, dict[str, Any]] = {}
    for part in parts(content):
        assert list(part) == ["part", "type", "charset", "encoding", "header", "body", "fields"]
        assert 0 <= part["header"][0] <= part["header"][1] <= part["body"][0]
        assert part["body"][0] <= part["body"][1] <= len(content)
        at = part["header"][0]
        for field in part["fields"]:
            assert at <= field["start"] < field["end"] <= part["header"][1]
            assert content[field["start"] :].startswith(field["name"].encode())
            at = field["end"]
        by_path[part["part"]] = part
    for path, part in by_path.items():
        parent = by_path.get(path.rpartition(".")[0]) if path else None
        if parent is not None and part is not parent:
            assert parent["body"][0] <= part["header"][0]
            assert part["body"][1] <= parent["body"][1]


def a_nested_message() -> bytes:
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("Grüße\n", charset="iso-8859-1", cte="quoted-printable")
    inner.add_alternative("<p>Hi</p>", subtype="html")
    inner.add_attachment(b"\0\1", maintype="application", subtype="pdf", filename="a.pdf")
    outer = MIMEMultipart()
    outer["Subject"] = "outer"
    outer.attach(MIMEMessage(inner))
    return outer.as_bytes(policy=email.policy.SMTP)


def test_a_well_formed_tree_is_that_of_the_standard_library() -> None:
    content = a_nested_message()

    told = parts(content)

    walked = list(email.message_from_bytes(content).walk())
    assert [each["type"] for each in told] == [each.get_content_type() for each in walked]
    assert [each["charset"] for each in told] == [each.get_content_charset() for each in walked]
    for each, known in zip(told, walked, strict=True):
        assert [field["name"] for field in each["fields"]] == known.keys()
        if not known.is_multipart():
            assert content[slice(*each["body"])].decode() == known.get_payload()


def test_a_boundary_that_never_closes_and_bare_line_feeds_are_borne() -> None:
    content = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo"

    assert [content[slice(*each["body"])] for each in parts(content)[1:]] == [b"one", b"two"]
