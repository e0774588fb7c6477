import os
import socket

import pytest

from sandbox_mta.listeners import CantListen, bind, holder, reachable, split


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [("127.0.0.1:1025", "127.0.0.1", 1025), (":25", "", 25), ("[::1]:8025", "::1", 8025)],
)
def test_an_address_is_host_and_port(address: str, host: str, port: int) -> None:
    assert split(address) == (host, port)


def test_a_free_address_is_bound() -> None:
    with bind("127.0.0.1:0", "SANDBOX_MTA_HTTP") as listener:
        assert listener.getsockname()[1] > 0


def test_a_taken_port_names_its_holder_and_the_setting() -> None:
    with bind("127.0.0.1:0", "SANDBOX_MTA_HTTP") as taken:
        port = taken.getsockname()[1]

        with pytest.raises(CantListen) as caught:
            bind(f"127.0.0.1:{port}", "SANDBOX_MTA_HTTP")

    line = str(caught.value)
    assert line.startswith(f"port {port} is taken by process {os.getpid()} (")
    assert line.endswith("; choose another with SANDBOX_MTA_HTTP")


def test_an_address_of_another_machine_is_one_line() -> None:
    with pytest.raises(CantListen, match=r"can't listen on 192\.0\.2\.1:25: .*SANDBOX_MTA_SMTP"):
        bind("192.0.2.1:25", "SANDBOX_MTA_SMTP")


def test_nobody_holds_a_port_that_is_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))

        assert holder(probe.getsockname()[1]) == ""


@pytest.mark.parametrize(
    ("host", "target"), [("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("mail.test", "mail.test")]
)
def test_a_listener_on_every_address_is_reached_on_loopback(host: str, target: str) -> None:
    assert reachable(host) == target
