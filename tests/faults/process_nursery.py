"""A warm interpreter that forks daemons: `python -m tests.faults.process_nursery` reads one request for each line.

Most of a daemon's start is the import of its modules. Here they are imported once, then each request forks a process
that runs the command line as `python -m atlas_core` does: its own process, its own files, its own locks. It answers
with the number of the process, and later with how it ended. What it forked dies with it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

PR_SET_PDEATHSIG = 1
MODULES = (
    "psutil", "numpy", "rich.live", "rich.table", "attrs", "loguru", "tomli", "numpy.random", "asyncio", "sqlite3",
    "atlas_core.cli.main", "atlas_core.cli.run", "atlas_core.cli.run_session", "atlas_core.cli.live_screen",
    "atlas_core.cli.results", "atlas_core.runtime.process", "atlas_basics.plugin", "atlas_basics.exits",
    "atlas_basics.sizers", "atlas_basics.log_alerter", "atlas_strat.plugin", "atlas_sim.plugin",
    "tests.faults.loopback.plugin",
)  # fmt: skip


def main() -> None:
    """Serve until standard input ends."""
    for name in MODULES:
        import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, _reap)
    _say({"pid": 0, "request": 0})
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _be(request)
        _say({"pid": child, "request": request["id"]})


def _say(facts: dict[str, Any]) -> None:
    os.write(1, json.dumps(facts).encode() + b"\n")


def _reap(*_: object) -> None:
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not child:
            return
        _say({"pid": child, "code": os.waitstatus_to_exitcode(status)})


def _be(request: dict[str, Any]) -> None:
    """Become a daemon; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        nothing, out = os.open(os.devnull, os.O_RDONLY), os.open(request["out"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        for number, handle in enumerate((nothing, out, out)):
            os.dup2(handle, number)
        from atlas_core.cli.main import run_command_line
        from tests.faults.loopback.injection import ARMED

        os.environ.update(request["environment"])
        ARMED.take(request["plan"])
        ARMED.wrap_ports()
        sys.argv = ["atlas", *request["arguments"]]
        code = run_command_line(request["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        with suppress(OSError):  # the disk may be full
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
