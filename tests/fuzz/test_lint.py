"""Invariants of the span parser and the linter, whatever the octets; and a second opinion."""

import base64
import binascii
import email
import re
from email.message import Message as StdlibMessage
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from msa.envelope import Envelope, Recipient
from msa.lint import MAX_FINDINGS, RULES, Draft, lint, run
from msa.lint.profile import PROFILES, Profile
from msa.message import parse
from msa.message.decoding import encoded_offsets, is_regular_base64, octets
from tests.fuzz import targets
from tests.fuzz.pieces import OF_A_MESSAGE

PIECES = st.sampled_from(OF_A_MESSAGE)
CONTENTS = st.lists(PIECES | st.binary(max_size=6), max_size=40).map(b"".join)
CORPUS = [
    path.read_bytes()
    for path in sorted((Path(__file__).parents[1] / "corpus").glob("*/*.eml"))
    if path.stat().st_size < 2_000
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message of the corpus with some octets replaced, taken out or put in."""
    content = draw(st.sampled_from(CORPUS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.integers(0, 8))
        content = content[:start] + draw(PIECES | st.binary(max_size=3)) + content[end:]
    return content


@st.composite
def rearranged(draw: st.DrawFn) -> bytes:
    """A message of the corpus with whole lines doubled, dropped, swapped, folded or borrowed."""
    lines = draw(st.sampled_from(CORPUS)).split(b"\r\n")
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["double", "drop", "swap", "fold", "borrow"])):
            case "double":
                lines.insert(at, lines[at])
            case "drop" if len(lines) > 1:
                del lines[at]
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case "fold":
                lines[at] = lines[at].replace(b" ", b"\r\n\t", 1)
            case "borrow":
                lender = draw(st.sampled_from(CORPUS)).split(b"\r\n")
                lines.insert(at, draw(st.sampled_from(lender)))
    return b"\r\n".join(lines)


ANY = CONTENTS | damaged() | rearranged()
PATHS = st.text(max_size=12) | st.sampled_from(
    ["", "a@b", "a@b.example", "@r:a@b", "a@[1]", "\udce9@x"]
)
ENVELOPES = st.none() | st.builds(
    lambda reverse, forward, smtputf8: Envelope(
        reverse_path=reverse, recipients=(Recipient(forward),), smtputf8=smtputf8
    ),
    *(PATHS, PATHS, st.booleans()),
)


@settings(max_examples=600, deadline=None)
@given(ANY, ENVELOPES, st.sampled_from(PROFILES))
def test_no_rule_raises_and_every_finding_lies_in_the_message(
    content: bytes, envelope: Envelope | None, profile: Profile
) -> None:
    draft = Draft(content, envelope, profile=profile)
    paths = {"envelope", *(part.path for part in draft.parts)}
    for rule in RULES:
        flaws = run(rule, draft)
        assert len(flaws) <= MAX_FINDINGS
        for flaw in flaws:
            targets.check_flaw(flaw, content)
            assert flaw.part in paths


@settings(max_examples=200, deadline=None)
@given(ANY, ENVELOPES)
def test_line_and_column_agree_with_the_offset(content: bytes, envelope: Envelope | None) -> None:
    for finding in lint(content, envelope):
        if finding.offset is not None:
            before = content[: finding.offset].split(b"\n")
            assert (finding.line, finding.column) == (len(before), len(before[-1]) + 1)
        assert finding.evidence.isprintable()
        assert finding.text.isprintable()


@settings(max_examples=400, deadline=None)
@given(ANY)
def test_ranges_are_nested_and_fields_cover_the_header(content: bytes) -> None:
    targets.tree(content)


@settings(max_examples=300, deadline=None)
@given(ANY)
def test_readers_get_text_that_any_database_takes(content: bytes) -> None:
    targets.view(content)


# Never "--b": a line that is a boundary would make it another tree.
WORDS = st.text("abc xyz.-", min_size=1, max_size=30).map(lambda text: text.strip(" -"))
LEAVES = st.tuples(st.sampled_from(["plain", "html", "x-other"]), WORDS)
TREES = st.recursive(
    LEAVES, lambda children: st.lists(children, min_size=1, max_size=3), max_leaves=8
)


def written(tree: object, depth: int = 0) -> str:
    if isinstance(tree, tuple):
        kind, text = tree
        return f"Content-Type: text/{kind}\r\n\r\n{text}"
    assert isinstance(tree, list)
    boundary = "b" * (depth + 1)
    parts = "".join(f"--{boundary}\r\n{written(child, depth + 1)}\r\n" for child in tree)
    return (
        f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'
        f"preamble\r\n{parts}--{boundary}--\r\nepilogue\r\n"
    )


def stdlib_outline(message: StdlibMessage) -> list[tuple[str, object]]:
    return [
        (part.get_content_type(), None if part.is_multipart() else part.get_payload())
        for part in message.walk()
    ]


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_well_formed_messages_have_the_tree_that_the_stdlib_sees(tree: object) -> None:
    content = f"MIME-Version: 1.0\r\n{written(tree)}".encode()
    ours = [
        (part.type, None if part.delimiters else content[slice(*part.body)].decode())
        for part in parse(content).root.walk()
    ]

    assert ours == stdlib_outline(email.message_from_bytes(content))


BASE64 = st.lists(
    st.sampled_from([b"QUJD", b"QQ==", b"QUI=", b"=", b"A", b"\r\n", b"\n", b"\r", b" ", b"!"]),
    max_size=20,
).map(b"".join) | st.binary(max_size=400).map(
    lambda data: base64.encodebytes(data).replace(b"\n", b"\r\n")
)


@settings(max_examples=300, deadline=None)
@given(BASE64)
def test_what_is_called_regular_base64_is_flawless(body: bytes) -> None:
    if is_regular_base64(body):
        binascii.a2b_base64(body.replace(b"\r\n", b""), strict_mode=True)
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)", body)
        assert all(len(line) <= 76 for line in body.split(b"\r\n"))


@given(st.binary(min_size=58, max_size=400))
def test_what_an_encoder_writes_is_called_regular(data: bytes) -> None:
    written = base64.encodebytes(data).replace(b"\n", b"\r\n")

    assert is_regular_base64(written)
    assert is_regular_base64(written.removesuffix(b"\r\n"))


QUOTED_PRINTABLE = st.lists(
    st.sampled_from(
        [b"=", b"=3D", b"=c3", b"=Z", b" ", b"\t", b"\r", b"\n", b"\r\n", b"a", b"\xe9"]
    ),
    max_size=25,
).map(b"".join)


@settings(max_examples=500, deadline=None)
@given(QUOTED_PRINTABLE)
def test_each_decoded_octet_is_found_where_it_is_written(body: bytes) -> None:
    message = parse(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + body)
    decoded = octets(message, message.root)
    offsets = encoded_offsets(message, message.root, range(len(decoded)))

    for octet, offset in zip(decoded, offsets, strict=True):
        written = message.content[offset : offset + 3]
        assert octet == written[0] or bytes([octet]) == binascii.a2b_qp(written)
