"""The fuzzer's targets: what once broke one is mended, and each runs."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
BROKE = sorted((ROOT / "tests/fuzz/regressions").glob("*/*"))
RUNS = 300


@pytest.mark.parametrize("path", BROKE, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_once_broke_a_target_is_mended(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


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
