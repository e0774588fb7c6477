"""The contrast of the colours in app.css, by the formula of WCAG 2."""

import re
from pathlib import Path

import pytest

import sandbox_mta.web

STYLE = (Path(sandbox_mta.web.__file__).parent / "static" / "app.css").read_text(encoding="utf-8")
THEMES = ("light", "dark")
COLOURS = {
    name: dict(zip(THEMES, pair, strict=True))
    for name, *pair in re.findall(
        r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE
    )
}
GROUNDS = ("bg", "surface", "sunken", "hover", "selected")
STATES = ("ok", "warn", "bad", "info", "idle")
READABLE = 4.5  # WCAG 2.2, 1.4.3
VISIBLE = 3.0  # 1.4.11, for what is no text


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(front: str, ground: str, theme: str) -> float:
    light, dark = sorted(
        (luminance(COLOURS[front][theme]), luminance(COLOURS[ground][theme])), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("front", ["text", "muted", "accent", *STATES])
def test_text_can_be_read_on_every_ground(front: str, ground: str, theme: str) -> None:
    assert contrast(front, ground, theme) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("state", STATES)
def test_a_state_can_be_read_on_its_own_tint(state: str, theme: str) -> None:
    assert contrast(state, f"{state}-bg", theme) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
def test_the_main_button_can_be_read(theme: str) -> None:
    assert contrast("on-accent", "accent", theme) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", GROUNDS)
def test_the_outline_of_a_control_can_be_seen(ground: str, theme: str) -> None:
    assert contrast("control", ground, theme) >= VISIBLE


def test_every_class_of_the_style_is_used_by_a_page_or_a_script() -> None:
    web = Path(sandbox_mta.web.__file__).parent
    pages = "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted(web.rglob("*"))
        if path.suffix in (".html", ".js", ".py")
    )
    selectors = "\n".join(line.partition("{")[0] for line in STYLE.splitlines())
    composed = {f"s-{state}" for state in STATES} | {"w320", "w375", "w600", "w768"}

    unused = {
        name
        for name in re.findall(r"\.([a-z][a-z0-9-]*)", selectors)
        if name not in composed and not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", pages)
    }

    assert unused == set()
