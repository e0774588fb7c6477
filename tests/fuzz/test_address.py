"""Whatever is between the brackets, it is an address or it is refused with a place."""

import email_validator
from hypothesis import given
from hypothesis import strategies as st

from msa.address import Mailbox, Malformed, _is_plain, parse_mailbox, read_forward_path
from msa.reply import Refused

MANGLED = st.text(alphabet='ab.@"\\-_ <>[]:1éø\u202e\udcf8\r\n\0,()xn', max_size=40)
PATHS = st.one_of(st.text(max_size=300), MANGLED, st.builds("{}@{}".format, MANGLED, MANGLED))


@given(PATHS)
def test_a_text_is_a_mailbox_as_written_or_malformed_at_a_place_in_it(text: str) -> None:
    match parse_mailbox(text):
        case Mailbox() as mailbox:
            assert str(mailbox) == text
        case Malformed(problem, position):
            assert problem.isascii()
            assert 1 <= position <= len(text) + 1


@given(PATHS, st.booleans())
def test_nothing_but_refused_comes_out(text: str, smtputf8: bool) -> None:
    try:
        assert read_forward_path(text, smtputf8=smtputf8)
    except Refused as refused:
        assert refused.reply.code in (501, 553)
        assert len(refused.reply.wire()) <= 512
        assert refused.reply.wire().count(b"\r\n") == 1


@given(PATHS)
def test_the_short_way_takes_nothing_that_the_long_way_refuses(text: str) -> None:
    if _is_plain(text):
        assert isinstance(parse_mailbox(text), Mailbox)


@given(
    st.builds(
        "{}@{}.example".format,
        st.text("ab.+-_'0", min_size=1, max_size=70),
        st.text("ab.-_0", max_size=80),
    )
)
def test_we_take_what_email_validator_takes(text: str) -> None:
    try:
        email_validator.validate_email(
            text, check_deliverability=False, strict=True, test_environment=True
        )
    except email_validator.EmailNotValidError:
        return
    assert isinstance(parse_mailbox(text), Mailbox)
