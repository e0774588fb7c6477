"""The shell scripts, as a person meets them: run in a copy, with a Python that only pretends."""

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted(
    path.name for path in (ROOT / "devops_scripts").glob("*.sh") if path.name != "environment.sh"
)
# What the scripts themselves need of a system.
TOOLS = ("bash", "cat", "dirname", "env", "grep", "mkdir", "mv", "sed", "sha256sum")

OLD_PYTHON = """\
#!/bin/sh
[ "$1" = --version ] && echo Python 3.9.2
exit 1
"""
WITHOUT_VENV = """\
#!/bin/sh
case "$2" in *ensurepip*) exit 1 ;; esac
"""
# Makes a .venv that holds itself, and a sandbox-mta that tells its arguments.
PRETENDER = """\
#!/bin/sh
echo "$@" >>"$CALLS"
[ "$2" = venv ] || exit 0
mkdir -p "$4/bin"
echo "VIRTUAL_ENV='$4'" >"$4/bin/activate"
cat "$0" >"$4/bin/python"
printf '#!/bin/sh\\necho started: "$@"\\n' >"$4/bin/sandbox-mta"
chmod +x "$4/bin/python" "$4/bin/sandbox-mta"
"""


class Checkout:
    """A copy of the scripts, in a folder with a space, and the only PATH they see."""

    def __init__(self, folder: Path, python: str | None = None) -> None:
        self.root = folder / "the project"
        self.calls = folder / "calls"
        self._programs = folder / "programs"
        shutil.copytree(ROOT / "devops_scripts", self.root / "devops_scripts")
        for name in ("pyproject.toml", "requirements.txt"):
            shutil.copy(ROOT / name, self.root)
        self._programs.mkdir()
        for tool in (*TOOLS, "chmod"):
            (self._programs / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
        if python is not None:
            program = self._programs / "python3"
            program.write_text(python)
            program.chmod(0o755)

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(
            self.root / "devops_scripts" / script,
            *arguments,
            env={"PATH": str(self._programs), "CALLS": str(self.calls)},
            cwd=self.root.parent,
        )

    def installations(self) -> int:
        return sum("pip install" in call for call in self.calls.read_text().splitlines())


def run(
    *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_tells_its_usage(script: str) -> None:
    done = run(ROOT / "devops_scripts" / script, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: devops_scripts/{script}" in done.stdout
    assert "set -euo" not in done.stdout


def test_an_old_python_is_refused_with_one_line(tmp_path: Path) -> None:
    done = Checkout(tmp_path, OLD_PYTHON).run("run.sh")

    assert done.returncode == 2
    assert done.stderr == "run.sh: Python 3.11 or newer is needed; python3 is Python 3.9.2\n"


def test_no_python_names_the_package(tmp_path: Path) -> None:
    done = Checkout(tmp_path).run("run.sh")

    assert done.returncode == 2
    assert "apt-get install python3 python3-venv" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_python_without_venv_names_the_package(tmp_path: Path) -> None:
    done = Checkout(tmp_path, WITHOUT_VENV).run("run.sh")

    assert done.returncode == 2
    assert "apt-get install python3-venv" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_second_start_installs_nothing(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, PRETENDER)

    first = checkout.run("run.sh", "--smtp", "127.0.0.1:2525")
    second = checkout.run("run.sh", "--smtp", "127.0.0.1:2525")

    assert first.stdout == second.stdout == "started: serve --smtp 127.0.0.1:2525\n"
    assert second.stderr == ""
    assert checkout.installations() == 1


def test_changed_pins_are_installed(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, PRETENDER)
    checkout.run("run.sh")
    (checkout.root / "requirements.txt").write_text("aiosmtpd==1.4.6\n")

    done = checkout.run("run.sh")

    assert done.returncode == 0
    assert checkout.installations() == 2


def test_a_moved_checkout_gets_a_new_environment(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, PRETENDER)
    checkout.run("run.sh")
    checkout.root = checkout.root.rename(tmp_path / "moved")

    done = checkout.run("run.sh")

    assert done.returncode == 0
    assert str(checkout.root) in (checkout.root / ".venv/bin/activate").read_text()


def test_what_the_tests_need_serves_the_sandbox_too(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, PRETENDER)
    checkout.run("test.sh", "--quick")

    checkout.run("run.sh")

    assert checkout.installations() == 1


@pytest.mark.parametrize("script", ["up.sh", "down.sh"])
def test_without_docker_the_compose_scripts_say_what_works_instead(
    tmp_path: Path, script: str
) -> None:
    done = Checkout(tmp_path).run(script)

    assert done.returncode == 2
    assert done.stderr == f"{script}: there is no docker here; devops_scripts/run.sh needs none\n"


@pytest.mark.parametrize("script", ["mysql.sh", "kafka.sh"])
def test_a_taken_port_is_named(script: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]

        done = run(ROOT / "devops_scripts" / script, "--port", str(port), env=dict(os.environ))

    assert done.returncode == 2
    assert done.stderr == f"port {port} on 127.0.0.1 is taken: choose another with --port\n"


@pytest.mark.clients("shellcheck")
def test_shellcheck_finds_nothing() -> None:
    scripts = [*(ROOT / "devops_scripts").glob("*.sh"), ROOT / ".ci/run"]

    done = run("shellcheck", "--external-sources", *scripts)

    assert done.stdout == ""
    assert done.returncode == 0
