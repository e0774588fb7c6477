"""Magic addresses and a scenario file, from the SMTP session to what is recorded."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_mta.mta.scenario import compat, magic
from sandbox_mta.mta.scenario.presets import presets
from tests.end_to_end.sandbox import Sandbox

RULES = """
[[rule]]
name = "every other one"
match = { rcpt = "counted*@*", nth = "2n" }
outcome = "bounce"
[[rule]]
name = "greylisted"
match = { domain = "grey.example" }
outcome = "greylist:5m"
[[rule]]
name = "newsletters"
match = { header = { "List-Id" = "*" } }
outcome = "bounce outlook.spamhaus"
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    (tmp_path / "scenarios.toml").write_text(RULES)
    environment = {
        "SANDBOX_MTA_CLOCK": "manual",
        "SANDBOX_MTA_SCENARIOS": str(tmp_path / "scenarios.toml"),
    }
    with Sandbox(tmp_path / "data", kafka=False, environment=environment) as sandbox:
        yield sandbox


def submit(sandbox: Sandbox, *rcpts: str, fields: str = "", sender: str = "app@x.example") -> None:
    content = f"From: app@x.example\r\nSubject: x\r\n{fields}\r\nHi\r\n".encode()
    with sandbox.smtp() as session:
        assert session.sendmail(sender, list(rcpts), content) == {}


def test_every_magic_address_has_its_outcome_over_smtp(sandbox: Sandbox) -> None:
    names = [
        *magic.NAMES, *presets(), "defer-3", "greylist-10m", "throttle-5pm", "slow-30s",
        "drop-rcpt", "drop-data", "drop-dot", "stall-mail", "toobig-1mb", "550", "450",
        "550-5.7.1", "code+550+no+such+user+here", "mailfrom-550", "rcpt-blocked", "data-bounce",
    ]  # fmt: skip
    rcpts = [f"{name}@sim.test" for name in names]
    rcpts += [f"alice+sim-{name}@customer.example" for name in magic.NAMES]
    rcpts += [
        f"{local}@{domain}"
        for domain, service in compat.SERVICES.items()
        for local in service.local_parts
    ]
    submit(sandbox, *rcpts, sender="")  # without a return path there are no reports
    sandbox.wait_for("every attempt", lambda: all_tried(sandbox))

    [message] = sandbox.dump("subject:x")
    found = {each["forward_path"]: each for each in message["recipients"]}
    for rcpt in rcpts:
        asked = magic.asked_by(rcpt)
        assert asked is not None, rcpt
        first = asked.play[0]
        wanted = getattr(first, "code", 250)
        # These say so only in some cases, of which this is none.
        if asked.name.startswith(("throttle", "toobig")):
            wanted = 250
        assert found[rcpt]["reply"].startswith(f"{wanted} "), rcpt
    assert found["suppressed@sim.test"]["state"] == "suppressed"
    assert found["defer@sim.test"]["state"] == "deferred"
    assert found["bounce@sim.test"]["state"] == "bounced"


def all_tried(sandbox: Sandbox) -> bool:
    [message] = sandbox.dump("subject:x")
    return all(each["reply"] for each in message["recipients"])


def test_fields_rules_and_what_servers_remember_outlive_a_kill(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    submit(sandbox, "a@y.example", fields="X-Sandbox-Outcome: defer-2\r\n")
    submit(sandbox, "b@y.example", fields="List-Id: <x>\r\n")
    for n in range(3):
        submit(sandbox, f"counted{n}@y.example")
    submit(sandbox, "c@grey.example")

    def replies() -> dict[str, str]:
        messages = sandbox.dump("subject:x")
        recipients = itertools.chain.from_iterable(each["recipients"] for each in messages)
        return {each["forward_path"]: (each["reply"] or "")[:9] for each in recipients}

    wanted = {
        "a@y.example": "451 4.3.2",
        "b@y.example": "550 5.7.1",
        "counted0@y.example": "250 2.0.0",
        "counted1@y.example": "550 5.1.1",
        "counted2@y.example": "250 2.0.0",
        "c@grey.example": "451 4.7.1",
    }
    sandbox.wait_for("the first attempts", lambda: replies() == wanted)

    [message] = sandbox.dump("to:counted1@y.example")
    told = sandbox.run("scenarios", "explain", message["id"], "--attempt", "2")
    assert b'rule "every other one": no, it is number 1 of this rule, wanted 2n' in told.stdout
    assert b"= 250 2.0.0" in told.stdout
    assert sandbox.run("scenarios", "explain", "0" * 22).returncode == 2

    sandbox.kill()
    sandbox.start()
    submit(sandbox, "counted3@y.example")
    assert sandbox.run("clock", "advance", "--by", "5m").returncode == 0
    wanted |= {"counted3@y.example": "550 5.1.1", "c@grey.example": "250 2.0.0"}
    sandbox.wait_for("the second attempts", lambda: replies() == wanted)
    assert sandbox.run("clock", "advance", "--until", "idle").returncode == 0
    assert replies() == wanted | {"a@y.example": "250 2.0.0"}

    (tmp_path / "scenarios.toml").write_text('[[rule]]\noutcome = "bonce"\n')
    sandbox.wait_for("the complaint", lambda: "stays in force" in sandbox.log.read_text())
    (tmp_path / "scenarios.toml").write_text('[[rule]]\nname = "new"\noutcome = "bounce 521"\n')
    sandbox.wait_for("the new rules", lambda: "is in force" in sandbox.log.read_text())
    submit(sandbox, "d@y.example")
    sandbox.wait_for("the new reply", lambda: replies().get("d@y.example") == "521 5.0.0")
