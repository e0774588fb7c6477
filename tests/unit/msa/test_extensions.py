import pytest

from msa.extensions import offer, read_parameters
from msa.reply import Refused

FULL = offer(max_size=1000, max_recipients=100, starttls=True, auth=True, submission_keys=True)


@pytest.mark.parametrize(
    "word",
    [
        *("SIZE=0", "SIZE=99999999999999999999", "BODY=8bitmime", "BODY=7BIT", "SMTPUTF8"),
        *("RET=FULL", "ret=hdrs", "ENVID=QQ314159", "ENVID=a+2Bb", "ENVID=" + "x" * 100),
        *("AUTH=<>", "AUTH=ada+40example.org", "XSUBMISSIONKEY=" + "k" * 64),
    ],
)
def test_a_good_parameter_of_mail_is_taken(word: str) -> None:
    keyword, _, value = word.partition("=")

    assert read_parameters([word], FULL.mail) == {keyword.upper(): value}


@pytest.mark.parametrize(
    "word",
    [
        *("SIZE=-1", "SIZE=1e3", "SIZE=" + "9" * 21, "SIZE=٣", "BODY=BINARY", "SMTPUTF8=1"),
        *("RET=HDR\u017f", "BODY=8B\u0131TMIME"),  # right in upper case
        *("RET=BOTH", "ENVID=" + "x" * 101, "ENVID=a+2bb", "ENVID=a+0D+0Ab", "ENVID=a+", "ENVID=é"),
        *("AUTH=a b", "AUTH=a=b", "XSUBMISSIONKEY=" + "k" * 65, "XSUBMISSIONKEY=é"),
    ],
)
def test_a_bad_value_of_mail_is_refused(word: str) -> None:
    with pytest.raises(Refused, match=r"^501 5\.5\.4 Bad value for parameter [A-Z0-9]+$"):
        read_parameters([word], FULL.mail)


@pytest.mark.parametrize(
    "word",
    [
        *("NOTIFY=NEVER", "NOTIFY=success,FAILURE,Delay", "NOTIFY=DELAY", "ORCPT=rfc822;a@b"),
        *("ORCPT=utf-8;bør@example.org", "ORCPT=utf-8;b\\x{F8}r", "ORCPT=x;" + "y" * 498),
    ],
)
def test_a_good_parameter_of_rcpt_is_taken(word: str) -> None:
    keyword, _, value = word.partition("=")

    assert read_parameters([word], FULL.rcpt) == {keyword: value}


@pytest.mark.parametrize(
    "word",
    [
        *("NOTIFY=NEVER,DELAY", "NOTIFY=SUCCESS,", "NOTIFY=ALWAYS", "NOTIFY=,"),
        "NOTIFY=\u017fUCCESS",  # right in upper case
        *("ORCPT=a@b", "ORCPT=;a@b", "ORCPT=rfc822;", "ORCPT=rfc822;a+0Ab", "ORCPT=rfc822;bør"),
        *("ORCPT=utf-8;a\u202eb", "ORCPT=utf-8;a\udcf8", "ORCPT=x;" + "y" * 499, "ORCPT=a b;c"),
    ],
)
def test_a_bad_value_of_rcpt_is_refused(word: str) -> None:
    with pytest.raises(Refused, match=r"^501 5\.5\.4 Bad value for parameter [A-Z]+$"):
        read_parameters([word], FULL.rcpt)


@pytest.mark.parametrize("word", ["=x", "a_b=x", "RET=", "-A=x", "é=x", "A" * 65])
def test_a_word_that_is_no_parameter_is_named_by_its_number(word: str) -> None:
    with pytest.raises(Refused, match=r"^501 5\.5\.4 Parameter 2 is not of the form KEYWORD=value"):
        read_parameters(["SIZE=1", word], FULL.mail)


def test_each_parameter_comes_once() -> None:
    with pytest.raises(Refused, match=r"^501 5\.5\.4 Parameter NOTIFY given twice$"):
        read_parameters(["NOTIFY=DELAY", "notify=DELAY"], FULL.rcpt)


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(Refused, match=r"^555 5\.5\.4 Parameter COLOR not recognized$"):
        read_parameters(["color=red"], FULL.mail)


def test_what_is_not_offered_has_no_line_and_no_parameter() -> None:
    bare = offer(
        max_size=1000, max_recipients=100, starttls=False, auth=False, submission_keys=False
    )

    assert {"STARTTLS", "AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2", "XSUBMISSIONKEY"} == set(
        FULL.ehlo
    ) - set(bare.ehlo)
    assert {"AUTH", "XSUBMISSIONKEY"} == set(FULL.mail) - set(bare.mail)
