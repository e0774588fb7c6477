"""The fuzzer's targets: what once broke one is mended, and each runs."""

import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.pieces import OF_A_MESSAGE, OF_MARKUP
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
BROKE = sorted((ROOT / "tests/fuzz/regressions").glob("*/*"))
RUNS = 300


@pytest.mark.parametrize("path", BROKE, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_once_broke_a_target_is_mended(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


LARGE = 40_000  # octets; what takes quadratic time takes minutes for so many
PATIENCE_S = 3.0  # of the processor
HEADS = [
    b"",
    b"To: ",
    b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
]


@pytest.mark.slow
@pytest.mark.parametrize("piece", [*OF_A_MESSAGE, *OF_MARKUP], ids=ascii)
@pytest.mark.parametrize("name", ["linter", "view"])
def test_nothing_takes_long_for_a_piece_that_comes_again_and_again(name: str, piece: bytes) -> None:
    for head in HEADS:
        octets = head + piece * (LARGE // len(piece))
        begun = time.process_time()
        TARGETS[name](b"\0" + octets if name == "linter" else octets)
        assert time.process_time() - begun < PATIENCE_S, head


@pytest.mark.slow
@pytest.mark.skipif(find_spec("atheris") is None, reason="no atheris: pip install '.[fuzz]'")
@pytest.mark.parametrize("name", TARGETS)
def test_each_target_runs_under_the_fuzzer(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.atheris_targets", name, f"--runs={RUNS}",
         f"--into={tmp_path}"],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-3000:]
    [runs] = re.findall(r"Done (\d+) runs", done.stderr)
    assert int(runs) >= RUNS
    # It steers by the coverage of our code, which must have been instrumented for that.
    covered = [int(count) for count in re.findall(r"cov: (\d+)", done.stderr)]
    assert covered[-1] > 20
    assert list(tmp_path.iterdir()) == []
