"""What readers see of a message."""

from msa.message.view import Address, View

CONTENT = """\
Date: Mon, 24 Nov 2025 03:10:00 +0100
From: =?utf-8?q?Andr=C3=A9?= <andre@x.example>
To: "Doe, \\"J\\"" <jane@x.example>, bob@x.example
To: carol@x.example
Subject: =?utf-8?q?caf=C3=A9?=
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/related; boundary=r

--r
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

caf=E9
--a
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+Y2Fmw6k8L3A+
--a--
--r
Content-Type: image/png; name=logo.png
Content-ID: <logo@x>
Content-Transfer-Encoding: base64

AAEC
--r--
--m
Content-Type: text/plain
Content-Disposition: attachment; filename="../../etc/notes.txt"

notes
--m
Content-Type: message/rfc822

Subject: enclosed

hello
--m--
""".replace("\n", "\r\n").encode()


def test_the_bodies_are_decoded() -> None:
    view = View(CONTENT)

    assert view.text == "café"
    assert view.html == "<p>café</p>"


def test_fields_dates_and_addresses_are_decoded() -> None:
    view = View(CONTENT)

    assert view.subject == "café"
    assert view.date is not None
    assert view.date.isoformat() == "2025-11-24T02:10:00+00:00"
    assert view.addresses("from") == (Address("André", "andre@x.example"),)
    assert view.addresses("to") == (
        Address('Doe, "J"', "jane@x.example"),
        Address("", "bob@x.example"),
        Address("", "carol@x.example"),
    )
    assert view.addresses("cc") == ()
    assert view.fields[4] == ("Subject", b" =?utf-8?q?caf=C3=A9?=", "café")


def test_attachments_have_a_name_without_folders_and_their_decoded_size() -> None:
    view = View(CONTENT)
    shown = [
        (a.path, a.file_name, a.content_type, a.size_octets, a.inline) for a in view.attachments
    ]

    assert shown == [
        ("1.2", "logo.png", "image/png", 3, True),
        ("2", "notes.txt", "text/plain", 5, False),
        ("3", "", "message/rfc822", 26, False),
    ]
    assert view.attachments[0].content_id == "logo@x"


def test_a_part_is_fetched_by_its_path() -> None:
    view = View(CONTENT)

    assert view.octets("1.2") == b"\x00\x01\x02"
    assert view.octets("3.1") == b"hello"
    assert view.octets("9") is None


def test_an_empty_message_has_nothing_to_show() -> None:
    view = View(b"")

    assert (view.text, view.html, view.attachments, view.date) == ("", "", (), None)


def test_broken_base64_is_read_as_far_as_it_goes() -> None:
    view = View(b"Content-Transfer-Encoding: base64\r\n\r\nSGVs!bG8=\r\nxx")

    assert view.text == "Hello"


def test_a_multipart_whose_boundary_never_opens_is_shown_as_text() -> None:
    view = View(b"Content-Type: multipart/mixed; boundary=b\r\n\r\nHello\r\n")

    assert view.text == "Hello\r\n"
    assert view.attachments == ()
