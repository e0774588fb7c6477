"""`sandbox-mta address`: a grade a line."""

import json

from typer.testing import CliRunner, Result

from sandbox_mta.cli import app


def run(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["address", *arguments], input=stdin)


def test_each_address_has_a_line_with_its_grade_and_reason() -> None:
    done = run("ada@shop.example", "ada@localhost", "ada@bücher.example")

    assert done.stdout.splitlines() == [
        "valid      ada@shop.example",
        "unusual    ada@localhost: the domain is a single label (character 5)",
        "valid      ada@bücher.example: its domain is xn--bcher-kva.example in ASCII",
    ]
    assert done.exit_code == 0


def test_an_invalid_address_is_exit_status_1() -> None:
    assert run("ada@shop.example", "ada").exit_code == 1


def test_addresses_come_on_stdin_as_json_strings() -> None:
    done = run("--jsonl", stdin='"ada@shop.example"\n"a\\r@b.example"\n')

    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {
            **{"address": "ada@shop.example", "grade": "valid", "reason": None},
            **{"position": None, "ascii_domain": None},
        },
        {
            **{"address": "a\r@b.example", "grade": "invalid"},
            **{"reason": "a carriage return has no line feed after it", "position": 2},
            "ascii_domain": None,
        },
    ]
    assert done.exit_code == 1


def test_a_line_that_is_no_json_string_is_one_line_on_stderr() -> None:
    done = run("--jsonl", stdin='"a@b.example"\n{}\n')

    assert done.exit_code == 2
    assert done.stderr == "sandbox-mta: line 2 is no JSON string of at most 65536 octets\n"


def test_addresses_are_given_in_one_way() -> None:
    assert run().exit_code == run("--jsonl", "a@b.example").exit_code == 2


def test_a_hostile_address_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in run("\x1b[2J@x.example").output
