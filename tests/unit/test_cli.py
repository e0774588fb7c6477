import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sandbox_mta.cli import app


@pytest.fixture(autouse=True)
def _an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(app, arguments, input=stdin)


def test_settings_show_tells_where_each_value_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("sandbox-mta.toml").write_text('lint = "reject"\n')
    monkeypatch.setenv("SANDBOX_MTA_CLOCK", "60x")

    done = run("settings", "show", "--json", "--smtp", ":2525")

    shown = json.loads(done.stdout)
    assert shown["smtp"] == {"value": ":2525", "origin": "--smtp"}
    assert shown["clock"] == {"value": "60x", "origin": "SANDBOX_MTA_CLOCK"}
    assert shown["lint"] == {"value": "reject", "origin": "sandbox-mta.toml:1"}
    assert shown["http"]["origin"] == "default"


@pytest.mark.parametrize("password", ["hunter2", "hunt@hunter2", "a:b@hunter2"])
def test_settings_show_hides_passwords(password: str) -> None:
    done = run(
        "settings", "show", "--database", f"mysql://u:{password}@h/d",
        "--kafka-options", '{"sasl_plain_password": "hunter2"}',
    )  # fmt: skip

    assert done.exit_code == 0
    assert "mysql://u:***@h/d" in done.stdout
    assert "hunter2" not in done.output


def test_a_bad_setting_is_one_line_and_exit_status_2() -> None:
    done = run("settings", "show", "--smtp", "nowhere")

    assert done.exit_code == 2
    assert done.stderr == (
        "sandbox-mta: --smtp: smtp: 'nowhere' is no address; "
        "write HOST:PORT, for example 127.0.0.1:1025\n"
    )


def test_dump_without_a_database_says_which_and_the_way_out() -> None:
    done = run("dump")

    assert done.exit_code == 2
    assert done.stderr.endswith("there is no database sandbox-data/sandbox.db; name another "
                                "with --data\n")  # fmt: skip


def test_dump_with_a_bad_query_is_one_line() -> None:
    done = run("dump", "colour:red")

    assert done.exit_code == 2
    assert "colour" in done.stderr
    assert done.stderr.count("\n") == 1


def test_dump_of_eml_files_asks_for_a_folder() -> None:
    done = run("dump", "--format", "eml")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "--output" in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE alembic_version SET version_num = '0001'", "run sandbox-mta migrate"),
        ("UPDATE alembic_version SET version_num = '9999'", "made by a newer version"),
        ("DROP TABLE alembic_version", "has schema none"),
    ],
)
def test_dump_of_tables_of_another_version_is_one_line(change: str, said: str) -> None:
    assert run("migrate").exit_code == 0
    with closing(sqlite3.connect("sandbox-data/sandbox.db")) as connection:
        connection.execute(change)
        connection.commit()

    done = run("dump")

    assert done.exit_code == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_migrate_makes_the_tables_once_and_dump_finds_nothing_in_them() -> None:
    assert "applied" in run("migrate").stderr
    assert "up to date" in run("migrate").stderr

    done = run("dump")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "0 messages\n")


def test_the_clock_of_no_sandbox_is_one_line() -> None:
    done = run("clock", "now", "--http", "127.0.0.1:1")

    assert done.exit_code == 2
    assert done.stderr.startswith("sandbox-mta: no sandbox answers at http://127.0.0.1:1;")


@pytest.mark.parametrize("arguments", [[], ["--by", "4h", "--until", "idle"]])
def test_the_clock_is_advanced_in_one_way(arguments: list[str]) -> None:
    done = run("clock", "advance", *arguments)

    assert done.exit_code == 2
    assert "either --by DURATION or --until idle" in done.stderr


def test_produce_without_kafka_says_so() -> None:
    done = run("produce", "topic", "--kafka", "off", stdin=b"{}")

    assert done.exit_code == 2
    assert done.stderr == "sandbox-mta: Kafka is off; name one with --kafka\n"


def test_produce_puts_a_recipient_only_into_an_object() -> None:
    done = run("produce", "topic", "--to", "a@b.example", stdin=b"[1]")

    assert done.exit_code == 2
    assert "must be a JSON object" in done.stderr


def test_produce_of_a_missing_file_is_one_line() -> None:
    done = run("produce", "topic", "missing.json")

    assert done.exit_code == 2
    assert done.stderr == "sandbox-mta: can't read missing.json: No such file or directory\n"


def test_a_misspelt_variable_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_MTA_SMPT", ":1")

    done = run("settings", "show")

    assert done.exit_code == 0
    assert "warning: SANDBOX_MTA_SMPT; did you mean 'smtp'? means nothing" in done.stderr
