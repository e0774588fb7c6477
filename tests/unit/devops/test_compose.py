"""docker-compose.yml and the Dockerfile, as far as they can be judged without an engine."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox_mta.settings import Settings

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "Dockerfile"
SETTING = re.compile(r"SANDBOX_MTA_([A-Z_]+)")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_compose_file_keeps_the_compose_specification() -> None:
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
            ROOT / "docker-compose.yml",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_service_that_is_waited_for_says_when_it_is_healthy(compose: dict[str, Any]) -> None:
    services = compose["services"]
    waited_for = {
        (service, wanted["condition"])
        for definition in services.values()
        for service, wanted in definition.get("depends_on", {}).items()
    }

    assert {name for name, _ in waited_for} == {"mysql", "kafka", "sandbox"}
    assert {condition for _, condition in waited_for} == {"service_healthy"}
    assert "healthcheck" in services["mysql"]
    assert "healthcheck" in services["kafka"]
    assert "HEALTHCHECK" in DOCKERFILE.read_text()


def test_nothing_is_published_beyond_loopback(compose: dict[str, Any]) -> None:
    published = [
        port for service in compose["services"].values() for port in service.get("ports", ())
    ]

    assert len(published) == 4
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_every_named_volume_is_declared(compose: dict[str, Any]) -> None:
    sources = {
        volume.partition(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", ())
    }

    assert {source for source in sources if not source.startswith(".")} == set(compose["volumes"])


def test_no_password_stands_without_a_way_to_change_it(compose: dict[str, Any]) -> None:
    environment = compose["services"]["mysql"]["environment"]
    passwords = [value for name, value in environment.items() if name.endswith("PASSWORD")]

    assert len(passwords) == 2
    assert [value for value in passwords if not re.fullmatch(r"\$\{\w+:-\w+\}", value)] == []


@pytest.mark.parametrize("file", ["docker-compose.yml", "Dockerfile"])
def test_every_setting_in_use_exists(file: str) -> None:
    names = {name.lower() for name in SETTING.findall((ROOT / file).read_text())}

    assert names
    assert names <= set(Settings.model_fields)


def test_a_client_of_kafka_is_sent_to_an_address_it_can_reach(compose: dict[str, Any]) -> None:
    kafka = compose["services"]["kafka"]
    advertised = kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")

    assert "INSIDE://kafka:9092" in advertised
    assert "HOST://127.0.0.1:${KAFKA_PORT:-9092}" in advertised
    assert kafka["ports"] == ["127.0.0.1:${KAFKA_PORT:-9092}:19092"]
    assert "HOST://:19092" in kafka["environment"]["KAFKA_LISTENERS"].split(",")
    assert compose["services"]["sandbox"]["environment"]["SANDBOX_MTA_KAFKA"] == "kafka:9092"


def test_the_producers_event_is_there(compose: dict[str, Any]) -> None:
    producer = compose["services"]["producer"]
    file = Path(producer["command"][1])

    assert producer["volumes"] == ["./templates:/templates:ro"]
    assert (ROOT / file.relative_to("/")).is_file()


def test_the_image_is_made_of_files_that_are_there_and_not_ignored(
    instructions: list[tuple[str, str]],
) -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = {
        source
        for word, rest in instructions
        if word == "COPY" and not rest.startswith("--from")
        for source in shlex.split(rest)[:-1]
    }

    assert copied == allowed
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_container_does_not_run_as_root(instructions: list[tuple[str, str]]) -> None:
    words = [word for word, _ in instructions]
    last_stage = instructions[len(words) - words[::-1].index("FROM") :]

    assert ("USER", "sandbox") in last_stage
    assert [word for word, _ in last_stage[last_stage.index(("USER", "sandbox")) :]] == [
        "USER",
        "WORKDIR",
        "VOLUME",
        "EXPOSE",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    ]


def test_the_image_is_healthy_when_the_sandbox_is_ready(
    instructions: list[tuple[str, str]],
) -> None:
    assert "127.0.0.1:8025/readyz" in dict(instructions)["HEALTHCHECK"]
    assert dict(instructions)["EXPOSE"] == "1025 8025"
    assert (dict(instructions)["ENTRYPOINT"], dict(instructions)["CMD"]) == (
        '["sandbox-mta"]',
        '["serve"]',
    )
