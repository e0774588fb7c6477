import pytest

from bridge.broker.codes import Code
from bridge.broker.topic_config import SETTINGS, Configs, check


def test_every_default_is_a_value_the_setting_accepts() -> None:
    assert check({name: setting.default for name, setting in SETTINGS.items()}) is None


def test_what_was_set_stands_over_the_default() -> None:
    configs = Configs({"retention.ms": "5"})

    assert configs.retention_ms == 5
    assert configs.retention_octets == -1
    assert configs.max_message_octets == 1_048_588


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("no.such.setting", "1"),
        ("retention.ms", None),
        ("retention.ms", ""),
        ("retention.ms", "-2"),
        ("retention.ms", "soon"),
        ("retention.ms", "\u0663"),
        ("retention.ms", "9" * 5_000),
        ("max.message.bytes", "2147483648"),
        ("cleanup.policy", "keep"),
        ("preallocate", "yes"),
    ],
)
def test_unknown_names_and_wrong_values_are_refused(name: str, value: str | None) -> None:
    refusal = check({name: value})

    assert refusal is not None
    assert refusal.code is Code.INVALID_CONFIG
    assert name in refusal.message


def test_policies_can_be_combined() -> None:
    assert check({"cleanup.policy": "compact,delete"}) is None
