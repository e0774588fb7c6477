"""Where Kafka is."""

import re

import pytest

from bridge.options import KafkaOptions


def test_names_are_subscribed_as_they_are() -> None:
    assert KafkaOptions(bootstrap="k:9092", topics=("a", "b.c")).pattern() is None


@pytest.mark.parametrize(
    ("topic", "is_read"),
    [
        ("shop.events", True),
        ("shop.", True),
        ("plain", True),
        ("plain.more", False),
        ("other", False),
        ("__consumer_offsets", False),
        ("__shop.events", False),
    ],
)
def test_patterns_and_names_together_never_match_the_brokers_own(topic: str, is_read: bool) -> None:
    options = KafkaOptions(bootstrap="k:9092", topics=(r"^.*shop\.", "^__shop", "plain"))

    assert bool(re.match(options.pattern() or "", topic)) is is_read


def test_a_password_is_not_shown() -> None:
    options = KafkaOptions(bootstrap="k:9092", security={"sasl_plain_password": "s3cret"})

    assert "s3cret" not in repr(options)
    assert options.client()["sasl_plain_password"] == "s3cret"


def test_an_option_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no Kafka option acks"):
        KafkaOptions(bootstrap="k:9092", security={"acks": "0"})


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the topic '\^\(' is no pattern: missing"):
        KafkaOptions(bootstrap="k:9092", topics=("^(",))
