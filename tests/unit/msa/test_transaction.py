import pytest

from msa import reply
from msa.envelope import Envelope, Recipient
from msa.extensions import Offer, offer
from msa.reply import Refused
from msa.transaction import Transaction

EHLO = offer(max_size=1000, max_recipients=100, starttls=False, auth=True, submission_keys=True)


def transaction(offered: Offer = EHLO) -> Transaction:
    return Transaction(offered, max_size=1000, max_recipients=2)


def reply_to(transaction: Transaction, command: str) -> str:
    verb, _, argument = command.partition(" ")
    commands = {"MAIL": transaction.mail, "RCPT": transaction.rcpt}
    try:
        return str(commands[verb](argument) if verb in commands else transaction.data())
    except Refused as refused:
        return str(refused.reply)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("MAIL FROM:<>", "250 2.1.0 Sender ok"),
        ("MAIL FROM:<ada@example.org> RET=HDRS", "250 2.1.0 Sender ok"),
        ("MAIL FROM:<ada@example.org> SIZE=1000", "250 2.1.0 Sender ok"),
        ("MAIL FROM:<ada@example.org> SIZE=1001", str(reply.TOO_BIG)),
        ("MAIL FROM:<ada@example.org> RET=SOME", "501 5.5.4 Bad value for parameter RET"),
        ("MAIL FROM:<ada@example.org> COLOR=RED", "555 5.5.4 Parameter COLOR not recognized"),
        ("MAIL FROM:<ada@example.org> NOTIFY=NEVER", "555 5.5.4 Parameter NOTIFY not recognized"),
        ("MAIL TO:<ada@example.org>", "501 5.5.4 Syntax: MAIL FROM:<reverse-path> [parameters]"),
        ("RCPT TO:<bob@example.org>", "503 5.5.1 Need MAIL before RCPT, DATA or BDAT"),
        ("DATA", "503 5.5.1 Need MAIL before RCPT, DATA or BDAT"),
    ],
)
def test_the_first_command_of_a_transaction(command: str, answer: str) -> None:
    assert reply_to(transaction(), command) == answer


def test_after_helo_there_are_no_parameters() -> None:
    answer = reply_to(transaction(Offer()), "MAIL FROM:<ada@example.org> SIZE=1")

    assert answer == "555 5.5.4 Parameter SIZE needs a session opened with EHLO"


def test_the_parameters_are_kept_with_whom_they_were_given() -> None:
    talk = transaction()
    reply_to(
        talk,
        "MAIL FROM:<Ada@example.org> ret=hdrs ENVID=Qq+2B BODY=8bitmime AUTH=<> SMTPUTF8 "
        "XSUBMISSIONKEY=k-1",
    )
    reply_to(talk, "RCPT TO:<Bob@example.org> NOTIFY=success,Delay ORCPT=rfc822;Bob+2B@x")
    reply_to(talk, "RCPT TO:<eve@example.org>")

    assert talk.submission_key == "k-1"
    assert talk.envelope() == Envelope(
        reverse_path="Ada@example.org",
        recipients=(
            Recipient("Bob@example.org", ("SUCCESS", "DELAY"), "rfc822;Bob+2B@x"),
            Recipient("eve@example.org"),
        ),
        ret="HDRS",
        envid="Qq+2B",
        body="8BITMIME",
        smtputf8=True,
    )


def test_a_refused_recipient_leaves_the_others_standing() -> None:
    talk = transaction()
    reply_to(talk, "MAIL FROM:<ada@example.org>")
    reply_to(talk, "RCPT TO:<bob@example.org> NOTIFY=NEVER")

    answers = [
        reply_to(talk, command)
        for command in (
            "RCPT TO:<>",
            "RCPT TO:<eve@example.org> NOTIFY=NEVER,DELAY",
            "RCPT TO:<eve@example.org> ORCPT=utf-8;bør@example.org",
            "MAIL FROM:<eve@example.org>",
        )
    ]

    said = [answer[:9] for answer in answers]
    assert said == ["501 5.1.3", "501 5.5.4", "501 5.5.4", "503 5.5.1"]
    assert talk.envelope().reverse_path == "ada@example.org"
    assert talk.envelope().recipients == (Recipient("bob@example.org", ("NEVER",)),)


def test_a_refused_mail_opens_nothing() -> None:
    talk = transaction()

    reply_to(talk, "MAIL FROM:<a b@example.org> XSUBMISSIONKEY=k-1")

    assert (talk.is_open, talk.submission_key) == (False, None)
    assert reply_to(talk, "MAIL FROM:<ada@example.org>") == "250 2.1.0 Sender ok"


def test_recipients_beyond_the_limit_may_be_tried_in_another_transaction() -> None:
    talk = transaction()
    reply_to(talk, "MAIL FROM:<ada@example.org>")

    answers = [reply_to(talk, f"RCPT TO:<u{n}@example.org>") for n in range(3)]

    assert answers[1:] == ["250 2.1.5 Recipient ok", "452 4.5.3 Too many recipients"]
    assert len(talk.envelope().recipients) == 2


def test_content_needs_a_recipient() -> None:
    talk = transaction()
    reply_to(talk, "MAIL FROM:<ada@example.org>")

    assert reply_to(talk, "DATA") == "554 5.5.1 No valid recipients"
    with pytest.raises(Refused):
        talk.envelope()
