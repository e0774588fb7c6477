"""What the documentation says is what the code does."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from sandbox_mta import settings
from sandbox_mta.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_table() -> dict[str, tuple[str, str]]:
    """Return the README's rows: name -> (default, meaning)."""
    rows = re.findall(r"^\| `(SANDBOX_MTA_\w+)` \| (.*?) \| (.*) \|$", README, re.MULTILINE)
    return {name: (default.strip("`"), meaning) for name, default, meaning in rows}


def test_the_readme_lists_every_setting_and_no_other() -> None:
    names = {settings.ENV_PREFIX + name.upper() for name in settings.fields()}

    assert set(settings_table()) == names | {"SANDBOX_MTA_CONFIG"}


@pytest.mark.parametrize("name", list(settings.fields()))
def test_the_readme_says_a_settings_default_and_meaning(name: str) -> None:
    default, meaning = settings_table()[settings.ENV_PREFIX + name.upper()]
    field = settings.fields()[name]

    assert default == settings.default_text(field)
    assert meaning == (field.description or "").replace("|", "\\|")


def commands() -> Iterator[str]:
    """Yield every command as it is typed: `clock advance`."""

    def walk(command: object, path: str) -> Iterator[str]:
        children = getattr(command, "commands", None)
        if children is None:
            yield path
            return
        for name, child in children.items():
            yield from walk(child, f"{path} {name}".strip())

    yield from walk(typer.main.get_command(app), "")


@pytest.mark.parametrize("command", list(commands()))
def test_the_readme_names_every_command(command: str) -> None:
    assert f"sandbox-mta {command}" in README


def test_every_command_and_option_has_help() -> None:
    def check(command: object) -> None:
        assert getattr(command, "help", None)
        for parameter in getattr(command, "params", []):
            assert parameter.name == "help" or getattr(parameter, "help", None), parameter
        for child in getattr(command, "commands", {}).values():
            check(child)

    check(typer.main.get_command(app))


def test_links_in_the_documentation_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
