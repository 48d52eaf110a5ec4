"""The real daemon and the venue on loopback as processes that a test starts, kills, suspends and starts again.

The daemon is `atlas run PROFILE --arm` in live mode with a home of its own; its plugin is found through an entry point
in a directory on the path of the child.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from attrs import define, field

from atlas_core.runs import Mode
from atlas_core.statedir import StateDirectory
from tests.faults.loopback.injection import PLAN
from tests.faults.loopback.pace import Pace
from tests.faults.loopback.plugin import FOLDER
from tests.faults.loopback.server import SYMBOLS

ROOT = Path(__file__).resolve().parents[2]
EPOCH = 1_775_347_200_000_000_000  # Sunday 2026-04-05 00:00 UTC
FACTOR = 30.0
LONGEST_START = 60.0
NAME = "loop"

PROFILE = """\
[profile]
name = "loop"
mode = "live"

[live]
account = "L-1"

[universe]
symbols = {symbols}

[provider]
use = "loopback"

[[scanner]]
use = "restless"
percent = 60

[sizer]
use = "fixed-notional"
notional = 500

[broker]
use = "{broker}"

[[exit]]
use = "stop"
pct = 0.6

[[exit]]
use = "time"
max_bars = 2

[limits]
max_positions = 8

[[alerter]]
use = "log"
"""
SITE = "from tests.faults.loopback.injection import install\n\ninstall()\n"


@define
class Lab:
    """A folder with a venue that runs, a home, and the daemons that come and go on it; a context manager."""

    folder: Path
    seed: int = 1
    factor: float = FACTOR
    holds: bool = False
    mutant: str = ""
    nursery: Nursery | None = None
    pace: Pace = field(init=False)
    venue: subprocess.Popen[bytes] = field(init=False)

    @property
    def notes_file(self) -> Path:
        """The file to which the daemons note what they acknowledge."""
        return self.folder / "notes.jsonl"

    @property
    def venue_log(self) -> Path:
        """The log of the venue."""
        return self.folder / "venue.jsonl"

    @property
    def home(self) -> Path:
        """The home of the daemon."""
        return self.folder / "home"

    @property
    def state(self) -> StateDirectory:
        """The state directory of the daemon."""
        return StateDirectory.of(self.home, NAME, Mode.LIVE)

    def __enter__(self) -> Lab:
        self._install()
        self.pace = Pace.starting(self.factor, EPOCH)
        command = [sys.executable, "-m", "tests.faults.loopback.server", "--pace", self.pace.text(), "--folder",
                   str(self.folder), "--seed", str(self.seed), *(["--holds"] if self.holds else [])]  # fmt: skip
        with (self.folder / "venue.out").open("ab") as out:
            self.venue = subprocess.Popen(
                command, cwd=ROOT, env=environment_of(self.folder), stdin=subprocess.PIPE, stdout=out, stderr=out
            )
        wait_until((self.folder / "port").exists, LONGEST_START, "the venue serves")
        return self

    def __exit__(self, *_: object) -> None:
        self.venue.kill()
        self.venue.communicate()

    def admin(self, **asked: Any) -> Any:
        """Switch faults, freeze the market or withdraw orders at the venue; return the account as it is then."""
        connection = http.client.HTTPConnection("127.0.0.1", int((self.folder / "port").read_text()), timeout=10)
        try:
            connection.request("POST", "/admin", json.dumps(asked))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def calm(self, **more: Any) -> Any:
        """End every fault."""
        faults = {"rates": {}, "lost": 0.0, "doubled": 0.0, "delayed": 0.0, "cut": 0.0, "outages": 0.0}
        while True:
            with suppress(OSError):  # an outage may just be under way
                return self.admin(faults=faults, **more)
            sleep(0.1)

    def start(self, *, cold: bool = False, **plan: Any) -> Daemon:
        """Start a daemon, with what its plan does to it from the inside; a `cold` one imports all by itself."""
        whole, out = self._plan(plan), self.folder / "daemon.out"
        arguments = ["--home", str(self.home), "run", str(self.folder / "loop.toml"), "--arm", "--quiet"]
        begun = monotonic()
        mark = self.notes_file.stat().st_size if self.notes_file.exists() else 0
        if self.nursery is not None and not cold:
            forked = self.nursery.fork(whole, arguments, out, self._environment())
            return Daemon(forked, self.notes_file, mark, begun)
        environment = environment_of(self.folder) | self._environment() | {PLAN: json.dumps(whole)}
        with out.open("ab") as file:
            command = [sys.executable, "-m", "atlas_core", *arguments]
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
        return Daemon(process, self.notes_file, mark, begun)

    def _plan(self, plan: dict[str, Any]) -> dict[str, Any]:
        return {"pace": self.pace.text(), "notes": str(self.notes_file), "mutant": self.mutant, **plan}

    def _install(self) -> None:
        (self.folder / "runtime").mkdir(parents=True, mode=0o700, exist_ok=True)
        broker = "loopback-holding" if self.holds else "loopback"
        (self.folder / "loop.toml").write_text(PROFILE.format(broker=broker, symbols=json.dumps(SYMBOLS)))
        install_plugin(self.folder)

    def _environment(self) -> dict[str, str]:
        return {FOLDER: str(self.folder), "XDG_RUNTIME_DIR": str(self.folder / "runtime")}


def install_plugin(folder: Path) -> None:
    """Install the plugin, and what runs before anything else in a child, into a directory for modules."""
    site = folder / "site"
    metadata = site / "atlas_loopback-1.0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: atlas-loopback\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[atlas.strategies]\nloopback = tests.faults.loopback.plugin\n")
    (site / "sitecustomize.py").write_text(SITE)


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment of a child that finds the plugin in `folder`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "ATLAS_", "NOTIFY_"))}
    return kept | {"PYTHONPATH": os.pathsep.join((str(folder / "site"), str(ROOT))), "PYTHONHASHSEED": "0"}


@define
class Nursery:
    """A warm interpreter that forks daemons, and what it told of them."""

    server: subprocess.Popen[bytes]
    codes: dict[int, int] = field(factory=dict)
    pids: dict[int, int] = field(factory=dict)
    _asked: int = 0
    _rest: bytes = b""

    @classmethod
    def begin(cls, folder: Path) -> Nursery:
        """Start it, with the plugin installed in `folder`."""
        install_plugin(folder)
        command, pipe = [sys.executable, "-m", "tests.faults.process_nursery"], subprocess.PIPE
        environment = environment_of(folder)
        nursery = cls(subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, bufsize=0))
        wait_until(lambda: nursery.listen(0.02) and 0 in nursery.pids, LONGEST_START, "the nursery is warm")
        return nursery

    def end(self) -> None:
        """Let it go; what it forked must have ended."""
        self.server.kill()
        self.server.communicate()

    def fork(self, plan: Any, arguments: Sequence[str], out: Path, environment: dict[str, str]) -> Forked:
        """Start a daemon."""
        self._asked += 1
        request = {"id": self._asked, "plan": plan, "arguments": list(arguments), "out": str(out),
                   "environment": environment}  # fmt: skip
        assert self.server.stdin is not None
        self.server.stdin.write(json.dumps(request).encode() + b"\n")
        wait_until(lambda: self.listen(0.02) and self._asked in self.pids, LONGEST_START, "the nursery forks")
        return Forked(self, self.pids.pop(self._asked))

    def listen(self, seconds: float = 0.0) -> bool:
        """Take in what it has told."""
        assert self.server.stdout is not None
        while select.select([self.server.stdout], [], [], seconds)[0]:
            told = os.read(self.server.stdout.fileno(), 65536)
            assert told, "the nursery ended"
            *lines, self._rest = (self._rest + told).split(b"\n")
            for fact in map(json.loads, lines):
                if "code" in fact:
                    self.codes[fact["pid"]] = fact["code"]
                else:
                    self.pids[fact["request"]] = fact["pid"]
            seconds = 0.0
        return True


@define
class Forked:
    """A process of the nursery, in the words of subprocess."""

    nursery: Nursery
    pid: int

    @property
    def returncode(self) -> int | None:
        """Return how it ended."""
        return self.nursery.codes.get(self.pid)

    def poll(self) -> int | None:
        """Look how it ended."""
        self.nursery.listen()
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait until it has ended."""
        wait_until(lambda: self.poll() is not None, timeout, f"process {self.pid} ends")
        return self.nursery.codes[self.pid]

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)


@define
class Daemon:
    """One process of the session; `begun` is the monotonic second at which it was started."""

    process: subprocess.Popen[bytes] | Forked
    notes_file: Path
    mark: int
    begun: float
    ended: float = 0.0

    def notes(self, kind: str = "") -> Iterator[dict[str, Any]]:
        """Yield what this process noted so far."""
        with self.notes_file.open("rb") if self.notes_file.exists() else open(os.devnull, "rb") as file:
            file.seek(self.mark)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # it is being written
                note = json.loads(line)
                if note["pid"] == self.process.pid and kind in ("", note["kind"]):
                    yield note

    @property
    def is_running(self) -> bool:
        """Tell whether it lives."""
        return self.process.poll() is None

    def has_committed(self, kind: str) -> bool:
        """Tell whether it committed a record of this kind."""
        return any(kind in note["kinds"] for note in self.notes("commit"))

    def reconciled_at(self) -> float | None:
        """Return the monotonic second at which it had read the whole account and committed that."""
        return next((note["m"] for note in self.notes("commit") if "account_reconciled" in note["kinds"]), None)

    def wait_reconciled(self, seconds: float = LONGEST_START) -> float:
        """Wait until it has recovered; return how many seconds that took from its start."""
        wait_until(lambda: self.reconciled_at() is not None or not self.is_running, seconds, "the daemon reconciled")
        at = self.reconciled_at()
        assert at is not None, f"the daemon ended with {self.process.returncode} before it had reconciled"
        return at - self.begun

    def wait(self, seconds: float) -> int:
        """Wait for its end; return its exit code."""
        try:
            return self.process.wait(seconds)
        finally:
            self.ended = monotonic()

    def kill(self) -> None:
        """Kill it, if it still lives."""
        self.signal(signal.SIGKILL)
        self.wait(30)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


def wait_until(is_so: Callable[[], bool], seconds: float, what: str) -> None:
    """Look again and again; raises AssertionError when it has not come in time."""
    end = monotonic() + seconds
    while not is_so():
        assert monotonic() < end, f"expected that {what} within {seconds:g} s"
        sleep(0.02)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the facts of a file of JSON lines, without one that is not whole."""
    return [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def tail_of(path: Path, lines: int = 30) -> Sequence[str]:
    """Return the last lines of a file, for a message."""
    return path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []
