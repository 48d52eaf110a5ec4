"""No test reaches beyond this machine: the fixture that promises it is tested here."""

from __future__ import annotations

import asyncio
import socket
import urllib.request

import pytest

# The helpers below give their socket up without closing it when something that is no OSError stops them.
ABANDONED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
ELSEWHERE = ("192.0.2.1", 9)  # an address reserved for documentation


def test_a_connection_to_another_machine_is_refused() -> None:
    with (
        socket.socket() as connection,
        pytest.raises(AssertionError, match="tried to connect to"),
    ):
        connection.connect(ELSEWHERE)


@ABANDONED
def test_the_helper_that_makes_connections_is_refused_too() -> None:
    with pytest.raises(AssertionError, match="tried to connect to"):
        socket.create_connection(ELSEWHERE, timeout=1)


@ABANDONED
def test_a_web_request_is_refused() -> None:
    with pytest.raises(AssertionError, match="tried to connect to"):
        urllib.request.urlopen(f"http://{ELSEWHERE[0]}:{ELSEWHERE[1]}/", timeout=1)


def test_an_asynchronous_connection_is_refused() -> None:
    with pytest.raises(AssertionError, match="tried to connect to"):
        asyncio.run(asyncio.open_connection(*ELSEWHERE))


def test_this_machine_may_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"atlas")
            assert accepted.recv(5) == b"atlas"
