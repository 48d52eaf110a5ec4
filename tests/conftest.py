"""Fixtures for every test: no test may reach beyond this machine."""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from atlas_core.runtime.bounded_calls import GivenUp

if TYPE_CHECKING:
    from collections.abc import Iterator


# The default run always tries the same examples; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("same", max_examples=50, derandomize=True, database=None, deadline=None)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


MEMORY, ENOUGH_BYTES = Path("/dev/shm"), 4 * 2**30


def _has_room_in_memory() -> bool:
    """Tell whether files can be kept in memory: no test loses its power, so none needs what a disk keeps."""
    if not os.access(MEMORY, os.W_OK):
        return False
    facts = os.statvfs(MEMORY)
    return facts.f_bavail * facts.f_frsize > ENOUGH_BYTES and not facts.f_flag & os.ST_NOEXEC


if "TMPDIR" not in os.environ and _has_room_in_memory():
    tempfile.tempdir = os.environ["TMPDIR"] = str(MEMORY)

# Each of the many processes that tests start would compile all of Atlas again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What is imported and collected stays until the end: the garbage collector would look through it again and again.
gc.disable()


WAITING = (
    "test_process_kills.py", "test_process_hosts.py", "test_journal_faults.py", "test_search_sweeping.py",
    "test_search_cluster.py", "test_live_process.py", "test_cli_runs.py",
)  # fmt: skip
"""Files whose tests mostly wait for processes and clocks."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest file, whose processes have work while others wait, and with those that wait."""
    order = ("test_simulation.py", *WAITING)
    items.sort(key=lambda item: order.index(item.path.name) if item.path.name in order else len(order))


def pytest_collection_finish() -> None:
    """Let the garbage collector begin, with what has come until now left out."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def _is_loopback(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a path: a UNIX socket
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] == "localhost"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse everything that would leave this machine."""
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))


def _guarded(real: Any) -> Any:
    def call(self: socket.socket, *arguments: Any) -> Any:
        if not _is_loopback(arguments[-1]):
            raise AssertionError(f"a test tried to connect to {arguments[-1]!r}")
        return real(self, *arguments)

    return call


@pytest.fixture(scope="module")
def instant_disk() -> Iterator[None]:
    """Leave out what only a power cut would notice, for tests that write hundreds of small files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _handle: None)
        yield


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the homes of all tests lie: pytest reads a directory whenever it makes another one in it."""
    return tmp_path_factory.mktemp("atlas-homes")


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, homes: Path) -> Path:
    """Give every test its own, empty place for runs."""
    home = Path(tempfile.mkdtemp(dir=homes))
    monkeypatch.setenv("ATLAS_HOME", str(home))
    monkeypatch.setenv("NO_COLOR", "1")
    return home


@pytest.fixture(autouse=True, scope="session")
def ended_threads_are_no_error() -> Iterator[None]:
    """Let the exception that ends a hung thread be swallowed wherever it falls, in a callback of the collector too."""
    report = sys.unraisablehook

    def report_others(unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_type is not GivenUp:
            report(unraisable)

    sys.unraisablehook = report_others
    yield
    sys.unraisablehook = report
