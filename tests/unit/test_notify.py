"""systemd's notification protocol on a socket of our own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from atlas_core.runtime.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        address = str(tmp_path / "n")
        listening.bind(address)
        listening.settimeout(5)
        yield listening, address


def test_each_message_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    notifier = Notifier(address)
    notifier.ready("running,\n2 positions")
    notifier.alive("beat 7")
    notifier.extend_timeout(60)
    notifier.stopping("SIGTERM")
    assert [listening.recv(1000).decode() for _ in range(4)] == [
        "READY=1\nSTATUS=running, 2 positions",
        "WATCHDOG=1\nSTATUS=beat 7",
        "EXTEND_TIMEOUT_USEC=60000000",
        "STOPPING=1\nSTATUS=SIGTERM",
    ]


def test_an_abstract_address_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0atlas-test-notify")
        listening.settimeout(5)
        Notifier("@atlas-test-notify").alive("here")
        assert listening.recv(100) == b"WATCHDOG=1\nSTATUS=here"


def test_without_a_manager_or_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    Notifier("").ready("nobody asked")
    Notifier(str(tmp_path / "gone")).ready("nobody listens")


def test_the_environment_names_the_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    assert Notifier.of_environment() == Notifier("/run/x")
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert Notifier.of_environment() == Notifier("")
