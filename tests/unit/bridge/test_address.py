"""Mailboxes in events."""

import pytest

from bridge.address import Mailbox, MalformedAddress, read_mailbox


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("ada@example.org", "ada@example.org", ""),
        (" ada@example.org ", "ada@example.org", ""),
        ("Ada Lovelace <ada@example.org>", "ada@example.org", "Ada Lovelace"),
        ('"Lovelace, Ada \\"A\\"" <ada@example.org>', "ada@example.org", 'Lovelace, Ada "A"'),
        ("<ada@example.org>", "ada@example.org", ""),
        ("a+b=c@[192.0.2.1]", "a+b=c@[192.0.2.1]", ""),
        ('"a b"@example.org', '"a b"@example.org', ""),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", ""),
        ("žofie@bücher.example", "žofie@bücher.example", ""),
        ("root@localhost", "root@localhost", ""),
    ],
)
def test_a_mailbox_is_read(text: str, path: str, name: str) -> None:
    assert read_mailbox(text) == Mailbox(path, name)


def test_a_name_in_the_text_goes_before_the_one_beside_it() -> None:
    assert read_mailbox("Ada <ada@example.org>", "Other").name == "Ada"
    assert read_mailbox("ada@example.org", "Other").name == "Other"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ada", "no @"),
        ("", "no @"),
        ("ada@", "domain"),
        ("@example.org", "local part"),
        ("a b@example.org", "local part"),
        (".ada@example.org", "local part"),
        ("ada@example..org", "domain"),
        ("ada@-example.org", "domain"),
        ("ada@exa mple.org", "domain"),
        ("ada@example.org> SIZE=1", "domain"),
        ("a@b.org, c@d.org", "local part"),
        ("ada@example.org\r\nBcc: eve@example.org", "line break"),
        ("Ada\r\nBcc: eve@example.org <ada@example.org>", "line break"),
        ("Ada\u2028 <ada@example.org>", "line break"),
        ("ada@example.org\x00", "control character"),
        (" " * 1_000_000, "more than 1000 characters"),
        (" " * 1000, "no @"),
        ("a@" + "-" * 900 + ".", "domain"),
        ("<ada@example.org", "local part"),
        ("ada@example.org>", "domain"),
        ("a" * 65 + "@example.org", "too long"),
        ("ada@" + "a." * 150 + "org", "too long"),
        ("x" * 201 + " <ada@example.org>", "200 characters"),
        ("ada@\u00df\ufffd.example", "internationalised"),
    ],
)
def test_what_is_no_mailbox_is_refused(text: str, why: str) -> None:
    with pytest.raises(MalformedAddress, match=why):
        read_mailbox(text)
