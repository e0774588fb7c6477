import subprocess
import sys
from pathlib import Path

import pytest

from sandbox_mta.data_folder import DataFolder, DataFolderError


def test_a_folder_is_made_and_keeps_the_name_of_its_instance(tmp_path: Path) -> None:
    first = DataFolder.hold(tmp_path / "data")
    first.release()

    again = DataFolder.hold(tmp_path / "data")

    assert again.instance == first.instance
    again.release()


def test_a_given_instance_name_replaces_the_random_one(tmp_path: Path) -> None:
    folder = DataFolder.hold(tmp_path, "mta-1")

    assert folder.instance == "mta-1"
    folder.release()


def test_a_held_folder_is_refused_with_the_holder_and_the_way_out(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from sandbox_mta.data_folder import DataFolder;"
        "DataFolder.hold(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        with pytest.raises(DataFolderError, match=rf"in use by process {holder.pid}; .*--data"):
            DataFolder.hold(tmp_path)
        holder.kill()

    DataFolder.hold(tmp_path).release()  # the lock dies with its holder


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DataFolderError, match=r"can't use the data folder .*--data"):
        DataFolder.hold(tmp_path / "file" / "data")
