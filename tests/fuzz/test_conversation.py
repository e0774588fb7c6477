"""What is fuzzed in the place of the server says in the dialogues what the server says."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.dialogues.test_dialogues import DIALOGUES, octets, read_options, steps
from tests.fuzz.conversation import Conversation

# Those about the socket, TLS, proxies, lint and a store that fails need the server itself.
ABOUT_MORE = ("store=", "lint=", "proxies=", "idle_timeout_s=", "connections_per_host=")
OF_THE_STORE = ("a-repeated-submission-key",)
STEPS_OF_THE_CLIENT = {"closed", "half-close"}


def is_of_the_session(path: Path) -> bool:
    if path.stem in OF_THE_STORE:
        return False
    text = path.read_text()
    acts = {said for _, who, said in steps(text) if who == "--"}
    return acts <= STEPS_OF_THE_CLIENT and not any(option in text for option in ABOUT_MORE)


SPOKEN = [path for path in DIALOGUES if is_of_the_session(path)]


def test_most_dialogues_are_of_the_session() -> None:
    assert len(SPOKEN) > len(DIALOGUES) // 2


@pytest.mark.parametrize("path", SPOKEN, ids=lambda path: path.stem)
def test_a_dialogue_is_answered_as_the_server_answers_it(path: Path) -> None:
    text = path.read_text()
    options, _ = read_options(text)
    conversation = Conversation(options)

    for _, who, said in steps(text):
        if who in ("C:", "R:"):
            conversation.receive(octets(who, said))

    replies = [conversation.session.greeting, *conversation.replies]
    heard = [line for each in replies for line in each.wire().decode().splitlines()]
    wanted = [said for _, who, said in steps(text) if who == "S:"]
    assert len(heard) == len(wanted)
    for line, pattern in zip(heard, wanted, strict=True):
        assert fnmatchcase(line, pattern.replace("[", "[[]")), pattern
