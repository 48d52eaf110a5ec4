"""Measure what the tape of inputs costs: `python -m tests.benchmarks.bench_recording`.

The demo's paper session runs with it and without it; the best of a few rounds counts. Prints CPU time and bytes.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from atlas_core.journal import Journal
from atlas_core.runs import Mode
from atlas_core.runtime.recording import TapeRecorder, Unrecorded, read_tape, tapes_in
from atlas_core.runtime.session import SessionPlan, run_session
from tests.systems import CONFIGS, system_of

ROUNDS = 3


def seconds(directory: Path, *, is_recorded: bool) -> float:
    """Return the CPU seconds of one session."""
    system = system_of(CONFIGS / "demo.toml", Mode.PAPER)
    path = directory / "journal.db"
    path.unlink(missing_ok=True)
    with Journal.create(path) as journal:
        recorder = TapeRecorder.beside(path, 1) if is_recorded else Unrecorded()
        began = process_time()
        asyncio.run(run_session(system, journal, SessionPlan(recorder=recorder)))
        return process_time() - began


def main() -> int:
    with TemporaryDirectory() as place:
        directory = Path(place)
        without = min(seconds(directory, is_recorded=False) for _ in range(ROUNDS))
        recorded = min(seconds(directory, is_recorded=True) for _ in range(ROUNDS))
        [tape] = tapes_in(directory)
        entries = sum(1 for _ in read_tape(tape))
        print(f"{without:.2f} s without, {recorded:.2f} s with the tape, of {entries:,} entries")
        microseconds, size = (recorded - without) / entries * 1e6, tape.stat().st_size / entries
        print(f"{microseconds:.1f} microseconds and {size:.1f} bytes each")
    return 0


if __name__ == "__main__":
    sys.exit(main())
