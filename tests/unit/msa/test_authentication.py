import base64
import hmac

import pytest

from msa import reply
from msa.authentication import Credentials, begin
from msa.reply import Refused, Reply


def talk(argument: str, *responses: bytes) -> tuple[list[str], Credentials]:
    """Return the challenges heard and the credentials they led to."""
    exchange, heard = begin(argument), []
    try:
        heard.append(next(exchange).text)
        for response in responses:
            heard.append(exchange.send(response).text)
    except StopIteration as end:
        return heard, end.value
    raise AssertionError("the exchange did not end")


def encoded(text: str) -> bytes:
    return base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("argument", "responses", "challenges"),
    [
        ("PLAIN " + encoded("\0ada\0secret").decode(), [], []),
        ("plain", [encoded("\0ada\0secret")], [""]),
        ("PLAIN", [encoded("eve\0ada\0secret")], [""]),
        ("LOGIN", [encoded("ada"), encoded("secret")], ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"]),
        ("LOGIN YWRh", [encoded("secret")], ["UGFzc3dvcmQ6"]),
    ],
)
def test_credentials_are_read(argument: str, responses: list[bytes], challenges: list[str]) -> None:
    assert talk(argument, *responses) == (challenges, Credentials("ada", "secret"))


def test_an_empty_password_is_one() -> None:
    assert talk("LOGIN", encoded("ada"), b"")[1] == Credentials("ada", "")
    assert talk("PLAIN", encoded("\0ada\0"))[1] == Credentials("ada", "")


@pytest.mark.parametrize(
    ("argument", "responses", "answer"),
    [
        ("", [], reply.AUTH_MECHANISM),
        ("SCRAM-SHA-1 abc", [], reply.AUTH_MECHANISM),
        ("PLA\u0131N", [], reply.AUTH_MECHANISM),  # PLAIN in upper case
        ("PLAIN b\udcf8r", [], reply.AUTH_NOT_BASE64),
        ("PLAIN", [b"*"], reply.AUTH_CANCELLED),
        ("LOGIN", [b"YWRh", b"*"], reply.AUTH_CANCELLED),
        ("PLAIN YWRh=", [], reply.AUTH_NOT_BASE64),
        ("PLAIN YW Rh", [], reply.AUTH_NOT_BASE64),
        ("LOGIN", ["bør".encode()], reply.AUTH_NOT_BASE64),
        ("PLAIN", [base64.b64encode(b"\0\xff\0x")], reply.AUTH_MALFORMED),
        ("PLAIN", [encoded("ada\0secret")], reply.AUTH_MALFORMED),
        ("PLAIN", [encoded("\0ad\na\0secret")], reply.AUTH_MALFORMED),
        ("PLAIN", [encoded("\0" + "a" * 256 + "\0secret")], reply.AUTH_MALFORMED),
        ("LOGIN =", [b"YWRh"], reply.AUTH_FAILED),
    ],
)
def test_a_bad_exchange_is_refused(argument: str, responses: list[bytes], answer: Reply) -> None:
    with pytest.raises(Refused) as refused:
        talk(argument, *responses)

    assert refused.value.reply == answer


def test_credentials_do_not_show_their_password() -> None:
    assert "secret" not in repr(Credentials("ada", "secret"))


def test_a_challenge_is_answered_with_a_digest_of_the_password() -> None:
    exchange = begin("CRAM-MD5")
    asked = base64.b64decode(next(exchange).text)
    digest = hmac.new(b"secret", asked, "md5").hexdigest()

    with pytest.raises(StopIteration) as end:
        exchange.send(encoded(f"ada lovelace {digest}"))

    credentials = end.value.value
    assert credentials.user == "ada lovelace"
    assert credentials.proves("secret")
    assert not credentials.proves("public")


def test_no_two_challenges_are_the_same() -> None:
    assert next(begin("CRAM-MD5")) != next(begin("CRAM-MD5"))


def test_a_bearer_token_is_taken_with_its_user() -> None:
    exchange = begin("XOAUTH2")
    next(exchange)

    with pytest.raises(StopIteration) as end:
        exchange.send(encoded("user=ada@example.org\x01auth=Bearer ya29.abc\x01\x01"))

    assert end.value.value == Credentials("ada@example.org", "ya29.abc")
