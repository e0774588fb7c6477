"""TLS as clients have it: STARTTLS and from the first octet, with a certificate made at start."""

import hashlib
import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.mail_servers import Postfix
from tests.end_to_end.sandbox import Sandbox, free_port, message


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, int]]:
    port = free_port()
    environment = {
        "SANDBOX_MTA_TLS_CERT": "self-signed",
        "SANDBOX_MTA_SMTPS": f"127.0.0.1:{port}",
        "SANDBOX_MTA_LOG": "debug",
    }
    data = tmp_path_factory.mktemp("secured") / "data"
    with Sandbox(data, kafka=False, environment=environment) as running:
        yield running, port


def trusting(sandbox: Sandbox) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(sandbox.data / "tls-certificate.pem"))


def test_the_banner_tells_the_fingerprint_that_clients_see(secured: tuple[Sandbox, int]) -> None:
    sandbox, port = secured
    with smtplib.SMTP_SSL("127.0.0.1", port, context=trusting(sandbox)) as session:
        assert isinstance(session.sock, ssl.SSLSocket)
        seen = session.sock.getpeercert(binary_form=True)

    assert seen is not None
    shown = hashlib.sha256(seen).digest().hex(":").upper()
    assert f"SHA-256 {shown}" in sandbox.log.read_text()


@pytest.mark.parametrize("implicit", [True, False], ids=["smtps", "starttls"])
def test_a_message_is_submitted_over_tls(secured: tuple[Sandbox, int], implicit: bool) -> None:
    sandbox, port = secured
    path = f"{implicit}@customer.example".lower()
    context = trusting(sandbox)
    session = (
        smtplib.SMTP_SSL("127.0.0.1", port, context=context)
        if implicit
        else smtplib.SMTP("127.0.0.1", sandbox.smtp_port)
    )
    with session:
        if not implicit:
            session.starttls(context=context)
        session.login("ada@example.org", "correct horse battery")
        session.sendmail("app@shop.example", path, message(to=path))

    assert sandbox.wait_for("message", lambda: sandbox.dump(f"to:{path}"))
    log = sandbox.log.read_text()
    assert "correct horse" not in log
    assert "battery" not in log


@pytest.mark.clients("curl")
def test_curl_submits_over_tls(secured: tuple[Sandbox, int]) -> None:
    sandbox, port = secured
    certificate = sandbox.data / "tls-certificate.pem"
    for url, more in ((f"smtps://127.0.0.1:{port}", []),
                      (f"smtp://127.0.0.1:{sandbox.smtp_port}", ["--ssl-reqd"])):  # fmt: skip
        done = subprocess.run(
            ["curl", "-sS", url, *more, "--cacert", str(certificate), "--mail-from",
             "app@shop.example", "--mail-rcpt", "curl@customer.example", "-T", "-"],
            input=message().encode(), capture_output=True, timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    assert len(sandbox.dump("to:curl@customer.example")) == 2


@pytest.mark.clients("swaks")
@pytest.mark.parametrize("implicit", [True, False], ids=["smtps", "starttls"])
def test_swaks_submits_over_tls_to_the_name_in_the_certificate(
    secured: tuple[Sandbox, int], implicit: bool
) -> None:
    sandbox, port = secured
    if b"TLS supported" not in subprocess.run(["swaks", "--support"], capture_output=True).stdout:
        pytest.skip("this swaks has no TLS (Debian: libnet-ssleay-perl)")
    how = ["--tls-on-connect"] if implicit else ["--tls"]
    done = subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port", str(port if implicit else sandbox.smtp_port),
         *how, "--tls-verify", "--tls-ca-path", str(sandbox.data / "tls-certificate.pem"),
         "--from", "app@shop.example", "--to", f"swaks-{implicit}@customer.example",
         "--data", message()],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr

    assert "TLS started with cipher TLSv1.3" in done.stdout
    assert len(sandbox.dump(f"to:swaks-{implicit}@customer.example")) == 1


@pytest.mark.clients("msmtp")
@pytest.mark.parametrize("implicit", [True, False], ids=["smtps", "starttls"])
def test_msmtp_submits_over_tls_and_checks_the_certificate(
    secured: tuple[Sandbox, int], implicit: bool
) -> None:
    sandbox, port = secured
    path = f"msmtp-{implicit}@customer.example".lower()
    done = subprocess.run(
        ["msmtp", "--host=127.0.0.1", f"--port={port if implicit else sandbox.smtp_port}",
         "--tls=on", f"--tls-starttls={'off' if implicit else 'on'}",
         f"--tls-trust-file={sandbox.data / 'tls-certificate.pem'}", "--from=app@shop.example",
         path],
        input=message(to=path).encode(), capture_output=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    assert len(sandbox.dump(f"to:{path}")) == 1


def test_postfix_that_insists_on_tls_gets_it(secured: tuple[Sandbox, int], packages: Path) -> None:
    sandbox, _ = secured
    path = "postfix-tls@customer.example"
    program, folder = packages / "postfix", packages.parent / "insisting"

    with Postfix(program, folder, sandbox.smtp_port, tls="encrypt") as postfix:
        postfix.send(message(to=path), mail_from="app@shop.example", to=[path])
        log = postfix.wait_for(f"to=<{path}>, relay=127.0.0.1")

    assert "220 2.0.0 Ready to start TLS" in log
    assert "status=sent (250 2.0.0 Ok: queued as" in log
    assert len(sandbox.dump(f"to:{path}")) == 1


def test_a_certificate_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("garbage")
    environment = {
        "SANDBOX_MTA_TLS_CERT": str(tmp_path / "cert.pem"),
        "SANDBOX_MTA_TLS_KEY": str(tmp_path / "cert.pem"),
    }
    sandbox = Sandbox(tmp_path / "data", kafka=False, environment=environment)

    done = sandbox.run("serve")

    assert done.returncode == 2
    [line] = done.stderr.decode().splitlines()
    assert line.startswith(f"sandbox-mta: can't use tls_cert={tmp_path / 'cert.pem'}")


def test_a_taken_port_for_tls_is_named_with_its_setting(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "first", kafka=False) as first:
        environment = {"SANDBOX_MTA_SMTPS": f"127.0.0.1:{first.smtp_port}"}
        done = Sandbox(tmp_path / "data", kafka=False, environment=environment).run("serve")

    assert done.returncode == 2
    assert f"port {first.smtp_port} is taken" in done.stderr.decode()
    assert "--smtps" in done.stderr.decode()
