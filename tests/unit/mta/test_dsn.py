import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from flufl.bounce import all_failures
from hypothesis import given
from hypothesis import strategies as st

from msa.envelope import Envelope, Kind, Recipient
from msa.lint import lint
from msa.reply import Reply
from sandbox_mta.mta import dsn, frame
from sandbox_mta.mta.ports import Settlement
from sandbox_mta.mta.schedule import POSTFIX, named
from sandbox_mta.mta.status import State
from tests.unit.mta.recipients import QUEUED_AT, queued, settled

ORIGINAL = (
    b"From: Ada <ada@example.org>\r\n"
    b"To: bounce@sim.test\r\n"
    b"Date: Tue, 01 Jan 2030 00:00:00 +0000\r\n"
    b"Message-ID: <one@example.org>\r\n"
    b"Subject: Your receipt\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 7bit\r\n"
    b"\r\n"
    b"Thank you.\r\n"
    b"\r\n"
)
NOW = QUEUED_AT + timedelta(minutes=5)
UNTIL = QUEUED_AT + timedelta(days=5)
ID = "0Kq3v7mXzP1aBcDeFgHiJk"


def composed(settlement: Settlement, original: bytes = ORIGINAL) -> bytes:
    return dsn.compose(
        [settlement], original, report_id=ID, hostname="sandbox.test", now=NOW, until=UNTIL
    )


def parsed(octets: bytes) -> EmailMessage:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert part.defects == []
    return message


def parts(octets: bytes) -> list[EmailMessage]:
    return list(parsed(octets).iter_parts())  # type: ignore[arg-type] # typeshed says Message


def status_fields(octets: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields about the message and those about the recipient."""
    of_message, of_recipient = parts(octets)[1].get_payload()
    return dict(of_message.items()), dict(of_recipient.items())


def quoted_octets(octets: bytes) -> bytes:
    """Return the body of the third part as it stands in the report."""
    boundary = parsed(octets).get_boundary()
    third = octets.split(f"\r\n--{boundary}".encode())[3]
    return third.split(b"\r\n\r\n", 1)[1]


def test_a_report_says_who_could_not_be_reached_and_why() -> None:
    settlement = settled(queued("bounce@sim.test"), NOW)

    of_message, of_recipient = status_fields(composed(settlement))

    assert of_message == {
        "Reporting-MTA": "dns; sandbox.test",
        "Arrival-Date": "Tue, 01 Jan 2030 00:00:00 +0000",
    }
    diagnostic = of_recipient.pop("Diagnostic-Code")
    assert re.sub(r"\s+", " ", diagnostic) == f"smtp; {settlement.reply}"
    assert of_recipient == {
        "Final-Recipient": "rfc822; bounce@sim.test",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; mx.sim.test",
        "Last-Attempt-Date": "Tue, 01 Jan 2030 00:05:00 +0000",
    }


def test_a_report_is_a_message_of_the_mail_system() -> None:
    report = parsed(composed(settled(queued("bounce@sim.test"))))

    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    assert report["From"] == "Mail Delivery System <MAILER-DAEMON@sandbox.test>"
    assert report["To"] == "ada@example.org"
    assert report["Date"].datetime == NOW
    assert report["Message-ID"] == f"<{ID}@sandbox.test>"
    assert report["Auto-Submitted"] == "auto-replied"
    assert report["References"] == report["In-Reply-To"] == "<one@example.org>"


def test_the_text_tells_a_person_the_reply_and_who_gave_it() -> None:
    text = parts(composed(settled(queued("bounce@sim.test"))))[0].get_content()

    words = " ".join(text.split())
    assert "host mx.sim.test[192.0.2.26] said: 550 5.1.1" in words
    assert "(in reply to RCPT TO command)" in words


@pytest.mark.parametrize("path", ["bounce@sim.test", "x@nxdomain.sim.test", "spamblock@sim.test"])
def test_a_mailing_list_manager_takes_it_for_a_permanent_failure(path: str) -> None:
    octets = composed(settled(queued(path)))

    temporary, permanent = all_failures(email.message_from_bytes(octets))

    assert (temporary, permanent) == (set(), {path.encode()})


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("bounce@sim.test", {}),
        ("spamblock@sim.test", {"ret": "HDRS"}),
        ("anna@nxdomain.sim.test", {"reverse_path": '"ada lovelace"@example.org'}),
        ("550@sim.test", {"orcpt": "rfc822;bounce@sim.test", "envid": "QQ314159"}),
        ("disabled+ü@sim.test", {"smtputf8": True, "reverse_path": "adä@example.org"}),
    ],
)
def test_our_own_linter_has_nothing_to_say(path: str, fields: dict[str, object]) -> None:
    recipient = queued(path, **fields)
    octets = composed(settled(recipient))
    envelope = Envelope(
        reverse_path="",
        recipients=(Recipient(recipient.reverse_path),),
        body="8BITMIME",
        smtputf8=recipient.smtputf8,
    )

    assert lint(octets, envelope) == ()


def test_the_original_is_quoted_octet_for_octet() -> None:
    octets = composed(settled(queued("bounce@sim.test")))

    assert quoted_octets(octets) == ORIGINAL
    assert parts(octets)[2].get_content_type() == "message/rfc822"


def test_an_8bit_original_is_declared_as_such() -> None:
    original = ORIGINAL.replace(b"7bit", b"8bit").replace(b"Thank", "Dänk".encode())

    octets = composed(settled(queued("bounce@sim.test")), original)

    assert quoted_octets(octets) == original
    report = parsed(octets)
    assert report["Content-Transfer-Encoding"] == "8bit"
    assert parts(octets)[2]["Content-Transfer-Encoding"] == "8bit"


@pytest.mark.parametrize(
    ("fields", "original"),
    [
        ({"ret": "HDRS"}, ORIGINAL),
        ({}, ORIGINAL + b"x" * 100 + b"\r\n" * frame.MAX_QUOTED),
        ({}, ORIGINAL + b"one very long line " * 60),
        ({}, ORIGINAL + b"a bare line feed\n"),
        ({}, ORIGINAL + b"a nul \0\r\n"),
    ],
    ids=["RET=HDRS", "too big", "long line", "bare LF", "NUL"],
)
def test_only_the_header_is_quoted_when_the_rest_is_not_wanted_or_can_not_travel(
    fields: dict[str, str], original: bytes
) -> None:
    octets = composed(settled(queued("bounce@sim.test", **fields)), original)

    third = parts(octets)[2]
    assert third.get_content_type() == "text/rfc822-headers"
    assert quoted_octets(octets) == ORIGINAL[: ORIGINAL.index(b"\r\n\r\n") + 2]


@pytest.mark.parametrize(
    "original",
    [
        b"From: a@example.org\nSubject: lines that end in LF\n\nbody\n",
        b"Subject: " + b"x" * 3000 + b"\r\n\r\nbody\r\n",
        b"Subject: \0\r\n\r\nbody\r\n",
        b"no header, no end" * 100,
    ],
)
def test_a_header_that_can_not_travel_is_encoded(original: bytes) -> None:
    octets = composed(settled(queued("bounce@sim.test")), original)

    third = parts(octets)[2]
    end = re.search(rb"\r?\n\r?\n", original)
    header = original[: original.index(b"\n", end.start()) + 1] if end else original
    assert third["Content-Transfer-Encoding"] == "quoted-printable"
    assert third.get_payload(decode=True) == header
    assert max(map(len, octets.split(b"\r\n"))) <= 998


def test_an_endless_header_is_cut_at_a_line() -> None:
    original = b"X-Field: value\r\n" * 10_000

    octets = composed(settled(queued("bounce@sim.test", ret="HDRS")), original)

    quoted = quoted_octets(octets)
    assert frame.MAX_QUOTED_HEADER - 20 < len(quoted) <= frame.MAX_QUOTED_HEADER
    assert quoted.endswith(b"value\r\n")


def test_what_the_sender_asked_for_comes_back_decoded() -> None:
    recipient = queued(
        "bounce@sim.test", orcpt="rfc822;bounce+2Border+3D7@sim.test", envid="job+2B7"
    )

    of_message, of_recipient = status_fields(composed(settled(recipient)))

    assert of_message["Original-Envelope-Id"] == "job+7"
    assert of_recipient["Original-Recipient"] == "rfc822; bounce+order=7@sim.test"


@pytest.mark.parametrize("value", ["a+0D+0AStatus: 2.0.0", "caf+C3+A9"])
def test_xtext_that_hides_more_than_printable_ascii_stays_encoded(value: str) -> None:
    of_message, of_recipient = status_fields(
        composed(settled(queued("bounce@sim.test", envid=value)))
    )

    assert of_message["Original-Envelope-Id"] == value
    assert of_recipient["Status"] == "5.1.1"


def test_a_failure_of_routing_names_no_remote_server() -> None:
    _, of_recipient = status_fields(composed(settled(queued("x@nxdomain.sim.test"))))

    assert "Remote-MTA" not in of_recipient
    assert of_recipient["Diagnostic-Code"].startswith("X-Sandbox; Host or domain name not found")


def test_a_server_that_fell_silent_is_not_quoted() -> None:
    recipient = queued("drop-rcpt@sim.test", attempts=107, state=State.DEFERRED)

    octets = composed(settled(recipient, QUEUED_AT + timedelta(days=5)))

    _, of_recipient = status_fields(octets)
    lost = "lost connection with mx.sim.test[192.0.2.26] while sending RCPT TO"
    assert "Remote-MTA" not in of_recipient
    assert of_recipient["Diagnostic-Code"] == f"X-Sandbox; {lost}"
    assert f"<drop-rcpt@sim.test>: {lost}" in " ".join(parts(octets)[0].get_content().split())


def test_a_server_that_did_not_listen_refused_to_talk() -> None:
    recipient = queued("gmail.server-busy@sim.test", attempts=107, state=State.DEFERRED)

    octets = composed(settled(recipient, QUEUED_AT + timedelta(days=5)))

    text = " ".join(parts(octets)[0].get_content().split())
    assert "refused to talk to me: 421 4.4.5 Server busy, try again later." in text
    assert "in reply to" not in text


def test_a_report_of_several_has_a_block_for_each() -> None:
    paths = ["bounce@sim.test", "550-5.7.1@sim.test", "x@nxdomain.sim.test"]

    octets = dsn.compose(
        [settled(queued(path)) for path in paths],
        ORIGINAL,
        report_id=ID,
        hostname="sandbox.test",
        now=NOW,
        until=UNTIL,
    )

    _, *blocks = parts(octets)[1].get_payload()
    text = parts(octets)[0].get_content()
    assert [block["Final-Recipient"] for block in blocks] == [f"rfc822; {path}" for path in paths]
    assert [block["Status"] for block in blocks] == ["5.1.1", "5.7.1", "5.4.4"]
    assert "to the recipients below" in " ".join(text.split())
    assert [path for path in paths if f"<{path}>: " in text] == paths
    assert all_failures(parsed(octets)) == (set(), {path.encode() for path in paths})


def test_the_number_of_attempts_is_told_when_it_is_that_of_all() -> None:
    late = QUEUED_AT + timedelta(days=5)
    expired = [
        settled(queued(f"softbounce+{n}@sim.test", attempts=n, state=State.DEFERRED), late)
        for n in (107, 107, 3)
    ]

    def told(settlements: list[Settlement]) -> str:
        octets = dsn.compose(
            settlements, ORIGINAL, report_id=ID, hostname="sandbox.test", now=late, until=late
        )
        return " ".join(parts(octets)[0].get_content().split())

    assert "could not be delivered after 108 attempts to" in told(expired[:2])
    assert "could not be delivered to" in told(expired)
    assert "could not be delivered to" in told([expired[0], settled(queued("bounce@sim.test"))])


def test_an_expired_message_says_so_and_quotes_the_last_reply() -> None:
    recipient = queued("softbounce@sim.test", attempts=107, state=State.DEFERRED)

    octets = composed(settled(recipient, QUEUED_AT + timedelta(days=5)))

    _, of_recipient = status_fields(octets)
    assert (of_recipient["Action"], of_recipient["Status"]) == ("failed", "4.4.7")
    assert of_recipient["Diagnostic-Code"].startswith("smtp; 452 4.2.2")
    assert "after 108 attempts" in parts(octets)[0].get_content()


def test_an_internationalised_report_has_the_types_of_rfc_6533() -> None:
    recipient = queued("bounce+ü@sim.test", smtputf8=True)
    original = "Subject: grüße\r\n\r\n".encode()

    octets = composed(settled(recipient), original)

    types = [part.get_content_type() for part in parts(octets)]
    assert types == ["text/plain", "message/global-delivery-status", "message/global"]
    assert "Final-Recipient: utf-8; bounce+ü@sim.test\r\n".encode() in octets
    hdrs = composed(settled(replace(recipient, ret="HDRS")), original)
    assert parts(hdrs)[2].get_content_type() == "message/global-headers"


def test_a_report_without_smtputf8_speaks_ascii_itself() -> None:
    settlement = settled(queued("bounce@sim.test"))
    reply = Reply(550, "1.1", "Empfänger unbekannt")
    spoken = replace(settlement.attempts[0], reply=reply)

    octets = composed(replace(settlement, reply=reply, attempts=(spoken,)))

    assert octets.isascii()
    assert b"Empf?nger" in octets


def test_an_original_that_holds_the_boundary_does_not_end_the_report() -> None:
    evil = ORIGINAL + f"--report-{ID}--\r\n".encode()

    octets = composed(settled(queued("bounce@sim.test")), evil)

    assert quoted_octets(octets) == evil


def test_an_original_without_a_usable_message_id_is_not_referred_to() -> None:
    for header in (b"", b"Message-ID: <a b@c>\r\n", b"Subject: x\r\n\r\nMessage-ID: <a@b>\r\n"):
        report = parsed(composed(settled(queued("bounce@sim.test")), header + b"\r\nbody"))

        assert report["References"] is None


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({}, True),
        ({"notify": ("FAILURE", "DELAY")}, True),
        ({"notify": ("SUCCESS",)}, False),
        ({"notify": ("NEVER",)}, False),
        ({"reverse_path": ""}, False),
        ({"reverse_path": "", "notify": ("FAILURE",)}, False),
    ],
)
def test_a_report_is_due_by_notify_and_never_to_the_null_path(
    fields: dict[str, object], due: bool
) -> None:
    assert dsn.is_due(settled(queued("bounce@sim.test", **fields)), POSTFIX, NOW) is due


@pytest.mark.parametrize("path", ["ok@sim.test", "defer@sim.test"])
def test_no_report_is_due_while_there_is_hope(path: str) -> None:
    assert not dsn.is_due(settled(queued(path)), POSTFIX, NOW)


def test_the_report_is_queued_as_a_message_from_nobody_to_the_sender() -> None:
    accepted_at = datetime(2026, 1, 1, tzinfo=UTC)
    settlement = settled(queued("bounce@sim.test"))

    report = dsn.report(
        [settlement],
        ORIGINAL,
        report_id=ID,
        hostname="sandbox.test",
        schedule=POSTFIX,
        now=NOW,
        accepted_at=accepted_at,
    )

    assert (report.id, report.kind, report.accepted_at) == (ID, Kind.DSN, accepted_at)
    assert report.parent_id == settlement.recipient.submission_id
    assert report.envelope == Envelope(reverse_path="", recipients=(Recipient("ada@example.org"),))
    assert report.content == composed(settlement)


lines = st.text(st.characters(codec="utf-8"), max_size=300)


@given(text=lines, local=lines, envid=lines, original=st.binary(max_size=400), utf8=st.booleans())
def test_whatever_is_quoted_a_report_has_three_parts_and_two_blocks(
    text: str, local: str, envid: str, original: bytes, utf8: bool
) -> None:
    settlement = settled(queued("bounce@sim.test"))
    spoken = replace(settlement.attempts[0], reply=Reply(550, "1.1", text))
    recipient = queued(f"{local}@sim.test", envid=envid, orcpt=f"x;{envid}", smtputf8=utf8)

    octets = composed(replace(settlement, recipient=recipient, attempts=(spoken,)), original)

    boundary = email.message_from_bytes(octets).get_boundary()
    assert octets.count(f"\r\n--{boundary}\r\n".encode()) == 3
    assert octets.endswith(f"\r\n--{boundary}--\r\n".encode())
    status = octets.split(f"--{boundary}\r\n".encode())[2].split(b"\r\n\r\n", 1)[1]
    assert len(status.strip().split(b"\r\n\r\n")) == 2
    assert octets.count(b"\n") == octets.count(b"\r") == octets.count(b"\r\n")
    assert max(map(len, octets.split(b"\r\n"))) <= 998


LATE = QUEUED_AT + timedelta(hours=4)


@pytest.mark.parametrize(
    ("path", "notify", "due"),
    [
        ("ok@sim.test", None, False),
        ("ok@sim.test", ("SUCCESS",), True),
        ("ok@sim.test", ("SUCCESS", "FAILURE"), True),
        ("ok@sim.test", ("FAILURE", "DELAY"), False),
        ("ok@sim.test", ("NEVER",), False),
        ("defer-9@sim.test", None, True),
        ("defer-9@sim.test", ("DELAY",), True),
        ("defer-9@sim.test", ("SUCCESS", "FAILURE"), False),
        ("defer-9@sim.test", ("NEVER",), False),
    ],
)
def test_success_and_delay_are_reported_as_notify_asks(
    path: str, notify: tuple[str, ...] | None, due: bool
) -> None:
    settlement = settled(queued(path, notify=notify), LATE)

    assert dsn.is_due(settlement, named("sendmail"), LATE) is due


def test_a_delay_is_reported_once_and_not_at_every_try() -> None:
    about = queued("defer-99@sim.test", notify=("DELAY",))
    ages = [timedelta(minutes=30 * n) for n in range(20)]

    due = [
        age
        for age in ages
        if dsn.is_due(settled(about, QUEUED_AT + age), named("sendmail"), QUEUED_AT + age)
    ]

    assert due == [timedelta(hours=4)]


def test_a_delay_is_a_warning_that_says_how_long_it_will_be_tried() -> None:
    octets = composed(settled(queued("defer-9@sim.test", notify=("DELAY",)), LATE))

    assert parsed(octets)["subject"] == "Delayed Mail (still being retried)"
    assert "need not send" in parts(octets)[0].get_content()
    _, fields = status_fields(octets)
    assert (fields["Action"], fields["Status"]) == ("delayed", "4.3.2")
    assert fields["Will-Retry-Until"] == "Sun, 06 Jan 2030 00:00:00 +0000"
    assert parts(octets)[2].get_content_type() == "text/rfc822-headers"
    assert not all_failures(email.message_from_bytes(octets))[1]


def test_a_delivery_is_reported_with_the_header_alone() -> None:
    octets = composed(settled(queued("ok@sim.test", notify=("SUCCESS",)), NOW))

    assert parsed(octets)["subject"] == "Successful Mail Delivery Report"
    _, fields = status_fields(octets)
    assert (fields["Action"], fields["Status"]) == ("delivered", "2.0.0")
    assert "Will-Retry-Until" not in fields
    assert parts(octets)[2].get_content_type() == "text/rfc822-headers"
    assert all_failures(email.message_from_bytes(octets)) == (set(), set())


def test_what_was_handed_on_to_a_system_without_reports_is_relayed() -> None:
    settlement = replace(settled(queued("ok@sim.test", notify=("SUCCESS",))), state=State.RELAYED)

    _, fields = status_fields(composed(settlement))

    assert dsn.is_due(settlement, POSTFIX, NOW)
    assert fields["Action"] == "relayed"
