import base64
from datetime import UTC, datetime
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from msa import reply
from msa.options import ServerOptions
from msa.recorder import MAX_REFUSALS, Ending, Recorder, SessionRecord
from msa.reply import Reply
from msa.session import Session

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Talk:
    """A session and its recorder, as the server couples them."""

    def __init__(self, options: ServerOptions | None = None) -> None:
        ids = count(1)
        self.session = Session(options or ServerOptions(), "192.0.2.7")
        self.recorder = Recorder(
            started_s=0, now=lambda: NOW, new_id=lambda: f"session-{next(ids)}"
        )

    def say(self, *lines: bytes) -> None:
        for line in lines:
            self.recorder.heard(line + b"\r\n", 0, self.session)
            self.reply(self.session.hear(line + b"\r\n"))

    def reply(self, answer: Reply) -> None:
        self.recorder.said(answer, answer.wire())

    def deliver(self, answer: Reply) -> None:
        self.say(b"MAIL FROM:<ada@a.example>", b"RCPT TO:<bob@b.example>", b"DATA")
        self.recorder.content(100)
        self.recorder.judged("s-1", answer)
        self.reply(answer)
        self.session.reset()

    def end(self) -> SessionRecord | None:
        return self.recorder.end(self.session)


def greeted(options: ServerOptions | None = None) -> Talk:
    talk = Talk(options)
    talk.say(b"EHLO app.example")
    return talk


def test_a_session_that_delivered_and_had_nothing_refused_is_not_kept() -> None:
    talk = greeted()
    talk.deliver(reply.queued("s-1"))
    talk.say(b"QUIT")

    assert talk.end() is None


def test_a_session_that_delivered_nothing_is_kept() -> None:
    talk = greeted()
    talk.say(b"QUIT")

    record = talk.end()

    assert record is not None
    assert (record.ending, record.messages, record.refused) == (Ending.QUIT, 0, 0)
    assert (record.client.address, record.client.helo) == ("192.0.2.7", "app.example")
    assert record.ended_at == NOW
    assert "C: QUIT" in record.transcript


def test_a_session_that_breaks_off_in_a_transaction_is_kept() -> None:
    talk = greeted()
    talk.deliver(reply.queued("s-1"))
    talk.say(b"MAIL FROM:<ada@a.example>")

    record = talk.end()

    assert record is not None
    assert (record.ending, record.messages) == (Ending.DROPPED, 1)


def test_a_refused_recipient_is_kept_with_both_paths_and_the_reply() -> None:
    talk = greeted(ServerOptions(max_recipients=1))
    talk.say(b"MAIL FROM:<ada@a.example>", b"RCPT TO:<bob@b.example>", b"RCPT TO:<eve@b.example>")

    assert talk.recorder.has_news
    record = talk.recorder.record(talk.session)

    [refusal] = record.refusals
    assert refusal.command == "RCPT TO:<eve@b.example>"
    assert (refusal.reverse_path, refusal.forward_path) == ("ada@a.example", "eve@b.example")
    assert refusal.reply == reply.TOO_MANY_RECIPIENTS
    assert refusal.submission_id is None
    assert record.ended_at is None
    assert not talk.recorder.has_news


def test_a_refused_reverse_path_is_kept_as_it_was_given() -> None:
    talk = greeted()
    talk.say(b"MAIL FROM:<no@@no>", b"MAIL FROM:nobody")

    record = talk.recorder.record(talk.session)

    assert [refusal.reverse_path for refusal in record.refusals] == ["no@@no", None]


def test_a_refused_message_is_named_and_one_that_failed_is_not() -> None:
    talk = greeted()
    talk.deliver(Reply(554, "6.0", "HDR004 from-missing"))
    talk.deliver(reply.LOCAL_ERROR)

    record = talk.recorder.record(talk.session)

    assert [refusal.submission_id for refusal in record.refusals] == ["s-1", None]
    assert {refusal.command for refusal in record.refusals} == {"DATA"}


def test_records_of_one_session_have_one_id_and_each_refusal_once() -> None:
    talk = greeted()
    talk.say(b"BLAH")
    first = talk.recorder.record(talk.session)
    talk.say(b"BLUB")

    last = talk.end()

    assert last is not None
    assert first.id == last.id
    assert [refusal.command for refusal in first.refusals] == ["BLAH"]
    assert [refusal.command for refusal in last.refusals] == ["BLUB"]
    assert last.refused == 2


def test_refusals_of_a_flood_are_counted_but_not_all_kept() -> None:
    talk = greeted()
    talk.say(*[b"RCPT TO:<bob@b.example>"] * (MAX_REFUSALS + 5))

    record = talk.end()

    assert record is not None
    assert len(record.refusals) == MAX_REFUSALS
    assert record.refused == MAX_REFUSALS + 5


def test_replies_while_a_password_is_hidden_are_recorded_as_they_were_given() -> None:
    talk = greeted()
    talk.say(b"AUTH LOGIN", b"YWRh", b"x" * 13_000)
    talk.say(b"AUTH PLAIN AGFkYQBzZWNyZXQ=\n", b"c2VjcmV0")

    record = talk.end()

    assert record is not None
    assert [str(one.reply) for one in record.refusals] == [
        "500 5.5.6 Authentication exchange line too long",
        "501 5.5.2 The response is not valid base64",
        "500 5.5.1 Command *** not recognized",
    ]


def test_how_a_session_ended_is_told_by_the_last_reply() -> None:
    endings = {}
    for last in (reply.IDLE, reply.SHUTTING_DOWN, reply.TOO_MANY_ERRORS):
        talk = greeted()
        talk.reply(last)
        record = talk.end()
        assert record is not None
        endings[record.ending] = record.refused

    assert endings == {Ending.TIMEOUT: 0, Ending.SHUTDOWN: 0, Ending.REFUSED: 1}


TEXT = st.text(st.sampled_from("QWERTYqwerty0123456789"), min_size=12, max_size=40)


@given(TEXT, st.sampled_from(["any", "off"]))
def test_a_password_is_in_no_record(password: str, auth: str) -> None:
    encoded = base64.b64encode(password.encode())
    plain = base64.b64encode(b"\0ada\0" + password.encode())
    options = ServerOptions(auth="any" if auth == "any" else "off")

    for dialogue in (
        [b"AUTH PLAIN " + plain],
        [b"AUTH PLAIN", plain],
        [b"AUTH LOGIN", base64.b64encode(b"ada"), encoded],
        [b"AUTH LOGIN", base64.b64encode(b"ada"), encoded + b"=", encoded, b"QUIT"],
        [b"AUTH NOSUCH " + plain, plain],
    ):
        talk = greeted(options)
        talk.say(*dialogue)
        record = talk.end()

        assert record is not None
        shown = repr(record).upper()
        for secret in (password, encoded.decode(), encoded.decode().rstrip("="), plain.decode()):
            assert secret.upper() not in shown
