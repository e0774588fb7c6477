"""The window that no bridge can close alone: killed after the MSA's commit, before its own record.

With the submission key the replayed event finds its message; without it, the event is mailed twice.
The second half is the negative control: it proves that the first could fail.
"""

import json
from pathlib import Path

import pytest

from tests.end_to_end.sandbox import Sandbox


@pytest.mark.parametrize(("keys", "copies"), [("on", 1), ("off", 2)])
def test_a_kill_between_commit_and_record_mails_once_with_submission_keys(
    tmp_path: Path, keys: str, copies: int
) -> None:
    environment = {"SANDBOX_MTA_SUBMISSION_KEYS": keys, "SANDBOX_MTA_FAULT": "after-accept-commit"}
    with Sandbox(tmp_path / "data", environment=environment) as sandbox:
        event = json.dumps({"type": "welcome", "to": "ada@customer.example", "name": "Ada"})
        done = sandbox.run("produce", "email-events", "-", stdin=event.encode())
        assert done.returncode == 0, done.stderr
        assert sandbox.process is not None
        assert sandbox.process.wait(20) == -9, "the fault point was not reached"

        del sandbox.environment["SANDBOX_MTA_FAULT"]
        sandbox.start()
        sandbox.wait_for(
            "the event's outcome",
            lambda: (
                sandbox.json("/api/v1/messages?limit=1")["total"] >= 1
                and not any(sandbox.json("/api/v2/status")["pending"].values())
            ),
        )

        assert len(sandbox.dump("to:ada@customer.example")) == copies
