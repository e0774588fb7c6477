from sandbox_mta.app.banner import text
from sandbox_mta.settings import Settings


def test_every_stage_has_a_line_with_something_to_try() -> None:
    shown = text(Settings(), "sqlite:///sandbox.db")

    assert "SMTP       127.0.0.1:1025" in shown
    assert "HTTP       http://127.0.0.1:8025/" in shown
    assert "sandbox-mta produce email-events --type welcome" in shown
    assert "one node for development" in shown


def test_that_links_are_asked_is_said() -> None:
    assert "nothing leaves this machine" in text(Settings(), "sqlite:///sandbox.db")
    assert "the servers of links are asked" in text(Settings(lint_links="on"), "sqlite:///s.db")


def test_that_a_webhook_is_told_is_said() -> None:
    shown = text(Settings(webhook_url="http://127.0.0.1:3000/"), "sqlite:///s.db")

    assert "but the webhook is told" in shown


def test_that_name_servers_are_asked_is_said() -> None:
    shown = text(Settings(lint_dns="live", lint_links="on"), "sqlite:///s.db")

    assert "no mail leaves this machine, but name servers and the servers of links are" in shown


def test_the_examples_reach_a_sandbox_elsewhere() -> None:
    settings = Settings.model_validate({"kafka": "embedded:19092", "data": "other"})

    shown = text(settings, "sqlite:///other/sandbox.db")

    assert "--kafka 127.0.0.1:19092\n" in shown
    assert "sandbox-mta dump --data other\n" in shown


def test_a_listener_on_every_address_is_shown_where_it_is_reached() -> None:
    shown = text(Settings.model_validate({"smtp": "0.0.0.0:25"}), "sqlite:///sandbox.db")

    assert "swaks --server 127.0.0.1:25 " in shown


def test_a_stage_that_does_not_run_here_has_no_line() -> None:
    shown = text(Settings.model_validate({"stages": "web"}), "mysql://sandbox@db/sandbox")

    assert "SMTP" not in shown
    assert "Kafka" not in shown
