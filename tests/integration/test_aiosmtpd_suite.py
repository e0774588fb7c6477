"""aiosmtpd's own tests, as its package ships them, run against our server.

`aiosmtpd_table.py` names those that can't say anything about ours, with the reason; all others
must pass, and their number is known, so that none goes missing unseen. `aiosmtpd_stand_in.py` is
the plugin that puts our server in the place of theirs.
"""

import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.integration.aiosmtpd_table import APPLIES, TESTED_VERSION

ROOT = Path(__file__).parents[2]

if find_spec("aiosmtpd.tests") is None:
    pytest.skip("this aiosmtpd came without its tests", allow_module_level=True)


def test_their_tests_that_apply_to_any_server_pass(tmp_path: Path) -> None:
    assert version("aiosmtpd") == TESTED_VERSION, "another version has other tests: look at them"
    package = find_spec("aiosmtpd.tests")
    assert package is not None
    assert package.origin is not None
    theirs = Path(package.origin).parent
    report, ini = tmp_path / "report.xml", tmp_path / "pytest.ini"
    ini.write_text("[pytest]\n")  # nothing of our configuration

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--junitxml={report}",
         "-c", ini, "--rootdir", theirs, "--noconftest", "-p", "no:cacheprovider",
         "-p", "no:asyncio", "-p", "tests.integration.aiosmtpd_stand_in",
         *(theirs / name for name in APPLIES)],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    cases = list(ElementTree.parse(report).iter("testcase"))
    passed = [f"{case.attrib['classname'].split('.')[0]}.py" for case in cases if not len(case)]
    assert {name: passed.count(name) for name in APPLIES} == APPLIES
    assert len(passed) == len(cases)  # none was skipped
