import pytest

from msa.address import Mailbox, Malformed, parse_mailbox, read_forward_path, read_reverse_path
from msa.reply import Refused

LONG_LABEL = "d" * 63


@pytest.mark.parametrize(
    "path",
    [
        "ada@example.org",
        "root@localhost",
        "app@web1",
        "o'hara+tag/x=y@example.org",
        '"ada lovelace"@example.org',
        '"a\\"b\\\\c"@example.org',
        '""@example.org',
        '"a@b>c"@example.org',
        "ada@[127.0.0.1]",
        "ada@[IPv6:2001:db8::1]",
        "ada@[ipv6:::ffff:192.0.2.1]",
        "ada@[x-tag:whatever!]",
        "ada@1.2.3.4",
        "ada@a--b.example",
        "ada@xn--blbr-roah.example",
        "a" * 64 + "@example.org",
        f"ada@{LONG_LABEL}.{LONG_LABEL}.{LONG_LABEL}.{'d' * 58}",
    ],
)
def test_a_path_that_rfc_5321_knows_is_taken_as_it_is_written(path: str) -> None:
    assert read_forward_path(path) == path
    assert read_reverse_path(path) == path


@pytest.mark.parametrize(
    ("path", "problem", "position"),
    [
        ("ada", 'no "@" and domain follow the local part', 4),
        ("@example.org", "the local part is empty", 1),
        ("a b@example.org", '" " is not allowed in a local part', 2),
        ("(c)u@d", '"(" is not allowed in a local part', 1),
        ("a\tb@c", "U+0009 is not allowed in a local part", 2),
        ("a\x7f@c", "U+007F is not allowed in a local part", 2),
        ('a"b@c', "U+0022 is not allowed in a local part", 2),
        (".a@c", "the local part begins with a dot", 1),
        ("a.@c", "the local part ends with a dot", 2),
        ("a..b@c", "the local part has two dots in a row", 3),
        ('"a b@c', "the closing quote is missing", 7),
        ('"a\rb"@c', "U+000D is not allowed in a quoted local part", 3),
        ('"a"b@c', '"b" is not allowed in a local part', 4),
        ("a@", "the domain is empty", 3),
        ("a@b@c", '"@" is not allowed in a domain', 4),
        ("a@b c", '" " is not allowed in a domain', 4),
        ("a@b_c", '"_" is not allowed in a domain', 4),
        ("a@b\n", "U+000A is not allowed in a domain", 4),
        ("a@.b", "the domain begins with a dot", 3),
        ("a@b.", "the domain ends with a dot", 4),
        ("a@b..c", "the domain has two dots in a row", 5),
        ("a@-b", 'a label of the domain begins with "-"', 3),
        ("a@b.c-", 'a label of the domain ends with "-"', 6),
        (f"a@b.{LONG_LABEL}d", "a label of the domain is longer than 63 octets", 5),
        ("a@[", "the address literal is not of the form [address]", 3),
        ("a@[1.2.3.4", "the address literal is not of the form [address]", 3),
        ("a@[1.2.3.256]", "the address literal is no IPv4 address", 4),
        ("a@[1.2.3]", "the address literal is no IPv4 address", 4),
        ("a@[IPv6:::1%lo]", "the address literal is no IPv6 address", 4),
        ("a@[-:x]", "the address literal is not of the form [tag:address]", 4),
        ("a" * 65 + "@b", "the local part is longer than 64 octets", 1),
        ("a@" + ".".join(["b"] * 129), "the domain is longer than 255 octets", 3),
        ("ada@" + ".".join(["b"] * 126), "the address is longer than 254 octets", 1),
        ("@relay.example:a@", "the domain is empty", 18),
        ("a@xn--a.example", "the domain is no valid internationalized name (IDNA 2008)", 3),
    ],
)
def test_a_malformed_path_is_refused_with_its_flaw_and_place(
    path: str, problem: str, position: int
) -> None:
    with pytest.raises(Refused) as forward:
        read_forward_path(path)
    with pytest.raises(Refused) as reverse:
        read_reverse_path(path)

    told = f"{problem} (character {position})"
    assert str(forward.value.reply) == f"501 5.1.3 Malformed forward-path: {told}"
    assert str(reverse.value.reply) == f"501 5.1.7 Malformed reverse-path: {told}"


def test_the_null_path_is_a_reverse_path_only() -> None:
    assert read_reverse_path("") == ""
    with pytest.raises(Refused, match=r"501 5\.1\.3 Malformed forward-path: it is empty"):
        read_forward_path("")


def test_postmaster_alone_may_lack_a_domain_and_only_as_a_recipient() -> None:
    assert read_forward_path("PostMaster") == "PostMaster"
    with pytest.raises(Refused, match=r'no "@" and domain'):
        read_reverse_path("postmaster")


def test_a_source_route_is_read_and_dropped() -> None:
    assert read_forward_path("@relay.example,@hub.example:ada@example.org") == "ada@example.org"


@pytest.mark.parametrize(
    "path",
    ["bør@example.org", "ada@blåbær.example", '"b ø"@example.org', "δοκιμή@παράδειγμα.δοκιμή"],
)
def test_a_non_ascii_path_needs_smtputf8(path: str) -> None:
    assert read_forward_path(path, smtputf8=True) == path
    with pytest.raises(Refused, match=r"553 5\.6\.7 A non-ASCII address needs"):
        read_forward_path(path)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("a\u202eb@example.org", "the local part has characters that internationalized mail"),
        ("ada@ex\u00adample.org", "the domain is no valid internationalized name"),
        ("ø" * 33 + "@example.org", "the local part is longer than 64 octets"),
    ],
)
def test_smtputf8_does_not_make_everything_an_address(path: str, problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        read_forward_path(path, smtputf8=True)


def test_octets_that_are_no_utf8_are_refused_as_such() -> None:
    path = b"b\xf8r@example.org".decode("utf-8", "surrogateescape")

    with pytest.raises(Refused, match=r"553 5\.6\.7 The address is not valid UTF-8"):
        read_forward_path(path, smtputf8=True)


def test_a_mailbox_tells_its_parts() -> None:
    assert parse_mailbox('"a b"@[127.0.0.1]') == Mailbox('"a b"', "[127.0.0.1]")
    mailbox = Mailbox('"a b"', "[127.0.0.1]")
    assert (mailbox.is_quoted, mailbox.is_literal) == (True, True)
    assert parse_mailbox("a@b@c") == Malformed('"@" is not allowed in a domain', 4)
