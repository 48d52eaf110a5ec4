"""Work in fresh processes: what it takes from start to end, and the most memory it held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from atlas_core.clock import Stopwatch

ROOT = Path(__file__).resolve().parents[2]


@frozen
class Ended:
    """A process that has ended: its seconds, wall and CPU, its peak memory in MiB, and what it printed."""

    seconds: float
    cpu: float
    peak_mib: float
    output: str

    def answer(self) -> Any:
        """Return the last line as JSON."""
        return json.loads(self.output.strip().splitlines()[-1])


def fresh(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Ended:
    """Run a command as a process of its own; raises RuntimeError with its last words when it fails.

    It may keep compiled modules, as a user's does, whatever this process was told.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile("w+") as errors:
        watch = Stopwatch()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**kept, **(environment or {})},
        )
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        seconds = watch.seconds()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{errors.read()[-2000:]}")
    return Ended(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output)


def measured(module: str, *arguments: str) -> Ended:
    """Run a module of the benchmark, which prints one line of JSON, in a fresh interpreter of this environment."""
    return fresh([sys.executable, "-m", module, *arguments])
