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


def test_a_person_sees_one_readable_line() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    logs.configure("info", stream)

    logging.getLogger("x").info("accepted", extra={"id": "abc"})

    assert "accepted" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
