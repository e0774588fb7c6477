from msa.reply import Reply


def test_every_line_of_a_reply_carries_both_codes() -> None:
    reply = Reply(554, "6.0", "HDR004 from-missing\nSEC001 bare-lf")

    assert reply.wire() == b"554-5.6.0 HDR004 from-missing\r\n554 5.6.0 SEC001 bare-lf\r\n"


def test_a_reply_without_an_enhanced_code_has_none_on_any_line() -> None:
    reply = Reply(250, "", "msa.example\nSIZE 1000")

    assert (reply.enhanced, str(reply)) == ("", "250 msa.example\nSIZE 1000")
    assert reply.wire() == b"250-msa.example\r\n250 SIZE 1000\r\n"


def test_the_class_of_the_enhanced_code_is_that_of_the_code() -> None:
    assert Reply(452, "3.1", "Full").enhanced == "4.3.1"
    assert Reply(452, "3.1", "Full").is_transient
    assert not Reply(552, "3.4", "Too big").is_transient


def test_a_reply_is_ascii_on_the_wire() -> None:
    assert Reply(550, "1.1", "bør").wire() == b"550 5.1.1 b?r\r\n"
