"""What a reply means."""

import pytest

from bridge.ports import Verdict
from bridge.retry import Course, Pace, course_of


@pytest.mark.parametrize(
    ("stage", "code", "enhanced", "course"),
    [
        ("data", 250, "2.0.0", Course.DONE),
        ("connect", 0, "", Course.PAUSE),
        ("data", 0, "", Course.PAUSE),
        ("mail", 421, "4.3.2", Course.PAUSE),
        ("mail", 452, "4.3.1", Course.PAUSE),
        ("data", 451, "4.3.0", Course.PAUSE),
        ("connect", 450, "", Course.PAUSE),
        ("rcpt", 450, "4.2.1", Course.DEFER),
        ("data", 451, "4.7.1", Course.DEFER),
        ("rcpt", 452, "", Course.DEFER),
        ("auth", 535, "5.7.8", Course.BLOCK),
        ("auth", 530, "5.7.0", Course.BLOCK),
        ("mail", 530, "5.7.0", Course.BLOCK),
        ("mail", 550, "5.7.1", Course.BLOCK),
        ("connect", 554, "", Course.BLOCK),
        ("mail", 502, "5.5.1", Course.BLOCK),
        ("mail", 553, "5.1.7", Course.PARK),
        ("rcpt", 550, "5.1.1", Course.PARK),
        ("rcpt", 550, "5.7.1", Course.PARK),
        ("data", 554, "5.6.0", Course.PARK),
        ("data", 552, "5.3.4", Course.PARK),
    ],
)
def test_a_reply_means(stage: str, code: int, enhanced: str, course: Course) -> None:
    assert course_of(Verdict(code=code, enhanced=enhanced, text="", stage=stage)) is course


def test_waiting_doubles_up_to_its_cap() -> None:
    pace = Pace(server_first_s=1, server_cap_s=30, event_first_s=5, event_cap_s=600)

    assert 0.5 <= pace.for_server(0) <= 1
    assert 4 <= pace.for_server(3) <= 8
    assert 15 <= pace.for_server(10**9) <= 30
    assert 300 <= pace.for_event(10**9) <= 600
