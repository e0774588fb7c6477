import io
import json
import logging
from collections.abc import Iterator

import pytest

from sandbox_mta import logs


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_where_nobody_looks_a_record_is_one_json_object_a_line() -> None:
    stream = io.StringIO()
    logs.configure("info", stream)

    logging.getLogger("msa.server").info("accepted", extra={"id": "abc", "size_octets": 5})

    [line] = stream.getvalue().splitlines()
    said = json.loads(line)
    assert (said["event"], said["id"], said["size_octets"]) == ("accepted", "abc", 5)
    assert (said["level"], said["logger"]) == ("info", "msa.server")


def test_a_traceback_stays_in_the_one_line_of_its_record() -> None:
    stream = io.StringIO()
    logs.configure("info", stream)

    try:
        raise ValueError("inside")
    except ValueError:
        logging.getLogger("x").exception("submission failed")

    [line] = stream.getvalue().splitlines()
    assert "ValueError: inside" in json.loads(line)["exception"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_record_moves_the_cursor_of_a_terminal() -> None:
    stream = Terminal()
    logs.configure("info", stream)
    hostile = "a\x1b[2Jb\x9bc\u202ed\ne"

    try:
        raise ValueError(hostile)
    except ValueError:
        logging.getLogger("x").exception(
            "of %s", hostile, extra={"helo": hostile.replace("\n", "")}
        )

    said = stream.getvalue()
    assert said.count(r"a\x1b[2Jb\x9bc\u202ed") == 3
    assert not any(each in said for each in ("\x1b[2J", "\x9b", "\u202e"))
    assert r"of a\x1b[2Jb\x9bc\u202ed\ne" in said.splitlines()[0]


def test_no_local_variable_is_shown_to_a_person() -> None:
    stream = Terminal()
    logs.configure("info", stream)
    password = "-".join(("correct", "horse"))

    try:
        raise ValueError(f"{len(password)} characters are too few")
    except ValueError:
        logging.getLogger("x").exception("submission failed")

    assert "ValueError: 13 characters are too few" in stream.getvalue()
    assert password not in stream.getvalue()


def test_a_person_sees_one_readable_line() -> None:
    stream = Terminal()
    logs.configure("info", stream)

    logging.getLogger("x").info("accepted", extra={"id": "abc"})

    assert "accepted" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
