from datetime import UTC, datetime

from msa.envelope import Client
from msa.recorder import SessionRecord
from sandbox_mta.app.late import MAX_EARLY, Late
from sandbox_mta.store.memory import MemoryStore
from tests.dialogues.serving import WordLinter


class Log:
    def __init__(self) -> None:
        self.ids: list[str] = []

    def record(self, session: SessionRecord) -> None:
        self.ids.append(session.id)


def session(id: str) -> SessionRecord:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return SessionRecord(
        id=id,
        started_at=now,
        ended_at=None,
        ending=None,
        client=Client(),
        messages=0,
        refused=0,
        refusals=(),
        transcript="",
    )


async def test_sessions_that_end_before_the_store_is_open_are_kept_for_it() -> None:
    late, log = Late(), Log()
    late.record(session("early"))

    late.open(MemoryStore(), WordLinter(), log)
    late.record(session("later"))

    assert log.ids == ["early", "later"]


async def test_of_a_flood_before_the_store_is_open_the_newest_are_kept() -> None:
    late, log = Late(), Log()
    for number in range(MAX_EARLY + 10):
        late.record(session(str(number)))

    late.open(MemoryStore(), WordLinter(), log)

    assert log.ids == [str(number) for number in range(10, MAX_EARLY + 10)]
