import ssl

import pytest

from msa import reply
from msa.options import Login, ServerOptions
from msa.session import MAX_NONSENSE, Session
from tests.dialogues.serving import NOW

LOGIN = "AUTH PLAIN AGJyaWRnZQBzZWNyZXQ="  # bridge, secret
KEYED = "MAIL FROM:<ada@example.org> XSUBMISSIONKEY=k-1"


def session(client: str = "127.0.0.1", **options: object) -> Session:
    return Session(ServerOptions(hostname="msa.example", **options), client)  # type: ignore[arg-type] # any


def say(talk: Session, *commands: str) -> list[str]:
    return [str(talk.hear(command.encode() + b"\r\n")) for command in commands]


@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_submission_keys_are_for_loopback(client: str) -> None:
    answers = say(session(client), "EHLO x", KEYED)

    assert "XSUBMISSIONKEY" in answers[0].split("\n")
    assert answers[1] == str(reply.SENDER_OK)


@pytest.mark.parametrize(
    "client", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "1270.0.0.1", ""]
)
def test_submission_keys_are_not_for_strangers(client: str) -> None:
    answers = say(session(client), "EHLO x", KEYED)

    assert "XSUBMISSIONKEY" not in answers[0]
    assert answers[1] == "555 5.5.4 Parameter XSUBMISSIONKEY not recognized"


def test_submission_keys_are_for_the_bridge_s_login_wherever_it_runs() -> None:
    talk = session("192.0.2.1", bridge_login=Login("bridge", "secret"))

    assert say(talk, "EHLO x", LOGIN, KEYED)[1:] == [str(reply.AUTH_OK), str(reply.SENDER_OK)]


def test_the_bridge_s_name_needs_its_password() -> None:
    talk = session("192.0.2.1", bridge_login=Login("bridge", "other"))

    assert say(talk, "EHLO x", LOGIN, "NOOP")[1:] == [str(reply.AUTH_FAILED), str(reply.OK)]


def test_submission_keys_can_be_turned_off() -> None:
    answers = say(session(submission_keys=False), "EHLO x", KEYED)

    assert answers[1] == "555 5.5.4 Parameter XSUBMISSIONKEY not recognized"


def test_a_submission_tells_who_submitted_it_and_how() -> None:
    talk = session("192.0.2.1", tls_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    talk.tls_started()
    say(talk, "EHLO client.example", LOGIN, "MAIL FROM:<>", "RCPT TO:<bob@example.org>", "DATA")

    submission = talk.submission(b"hello\r\n", id="s-1", accepted_at=NOW)

    client = submission.client
    assert (client.address, client.helo, client.user, client.tls) == (
        "192.0.2.1",
        "client.example",
        "bridge",
        True,
    )
    assert (submission.id, submission.content, submission.accepted_at) == ("s-1", b"hello\r\n", NOW)
    assert submission.envelope.reverse_path == ""


def test_tls_forgets_what_was_said_in_the_clear() -> None:
    talk = session(auth="required")
    say(talk, "EHLO x", LOGIN, "MAIL FROM:<ada@example.org>")

    talk.tls_started()

    assert not talk.in_transaction
    assert say(talk, "MAIL FROM:<a@b>", "EHLO x", "MAIL FROM:<a@b>")[::2] == [
        str(reply.NEED_HELO),
        str(reply.AUTH_REQUIRED),
    ]


def test_a_refused_ehlo_changes_nothing() -> None:
    talk = session()
    say(talk, "EHLO x", "MAIL FROM:<ada@example.org> RET=FULL")

    say(talk, "EHLO", "EHLO a b", "HELO " + "x" * 256)

    assert talk.in_transaction
    assert say(talk, "RCPT TO:<bob@example.org> NOTIFY=NEVER") == [str(reply.RECIPIENT_OK)]


def test_we_hang_up_after_nonsense_in_a_row_only() -> None:
    talk = session()

    for _ in range(3):
        assert str(reply.TOO_MANY_ERRORS) not in say(talk, *["x"] * (MAX_NONSENSE - 1), "NOOP")
    assert say(talk, *["x"] * MAX_NONSENSE)[-1] == str(reply.TOO_MANY_ERRORS)


def test_malformed_addresses_are_no_nonsense() -> None:
    talk = session()
    say(talk, "EHLO x")

    answers = say(talk, *["MAIL FROM:<a b@c>"] * (2 * MAX_NONSENSE))

    assert {answer[:9] for answer in answers} == {"501 5.1.7"}


@pytest.mark.parametrize("limit", [0, 1001])
def test_recipients_are_limited_to_what_a_store_can_number(limit: int) -> None:
    with pytest.raises(ValueError, match="max_recipients is 1 to 1000"):
        ServerOptions(max_recipients=limit)
