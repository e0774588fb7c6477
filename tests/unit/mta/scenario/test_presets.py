"""The provider replies: each is a reply that can be sent, with its source."""

import re

import pytest

from sandbox_mta.mta.scenario.answer import MAX_LINE, STAGES
from sandbox_mta.mta.scenario.presets import Preset, presets
from tests.unit.mta.recipients import queued, settled


@pytest.mark.parametrize("preset", presets().values(), ids=lambda preset: preset.name)
def test_a_preset_says_what_it_is_and_where_it_is_from(preset: Preset) -> None:
    assert preset.code // 100 in (4, 5)
    assert re.fullmatch(r"(\d{1,3}\.\d{1,3})?", preset.detail)
    assert preset.stage in STAGES
    assert re.fullmatch(r"[a-z-]+", preset.reason)
    assert preset.sources
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", preset.as_of)
    assert preset.text.isascii()
    assert all(0 < len(line) <= MAX_LINE for line in preset.text.split("\n"))


@pytest.mark.parametrize("name", presets())
def test_a_preset_is_filled_in_whole(name: str) -> None:
    settlement = settled(queued(f"{name}@sim.test"))

    assert settlement.reply.code == presets()[name].code
    assert not re.search(r"[{}]", settlement.reply.text)


def test_a_reply_of_several_lines_stays_one() -> None:
    reply = settled(queued("gmail.no-such-user@sim.test")).reply

    lines = reply.wire().decode().splitlines()
    assert [line[:10] for line in lines] == ["550-5.1.1 "] * 3 + ["550 5.1.1 "]
    assert lines[-1].endswith(" - gsmtp")


def test_the_session_id_is_the_same_each_time_and_another_for_another_message() -> None:
    first = settled(queued("gmail.spam@sim.test"))
    again = settled(queued("gmail.spam@sim.test"))
    other = settled(queued("gmail.spam@sim.test", submission_id="1" * 22))

    assert first.reply == again.reply != other.reply
