"""The benchmark's figures as lines and as a Markdown table."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from tests.benchmarks.workloads import Workload


@frozen(kw_only=True)
class Line:
    """What one system came to on one workload: seconds, memory in MiB, and its counts."""

    who: str
    workload: Workload
    first: float
    again: float | None
    first_cpu: float
    cpu: float
    peak_mib: float
    counts: Mapping[str, int]

    @classmethod
    def of(cls, who: str, workload: Workload, answer: Mapping[str, Any], peak_mib: float) -> Line:
        """Make a line of what a process printed."""
        again = statistics.median(answer["again"]) if answer["again"] else None
        return cls(
            who=who,
            workload=workload,
            first=answer["first"],
            again=again,
            first_cpu=answer["first_cpu"],
            cpu=answer["cpu"],
            peak_mib=peak_mib,
            counts=answer["counts"],
        )

    def cells(self) -> tuple[str, ...]:
        """Return the line as the cells of a table."""
        again = "-" if self.again is None else f"{self.again:.3f}"
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        seconds = (f"{self.first:.3f}", again, f"{self.first_cpu:.3f}", f"{self.cpu:.3f}")
        return self.workload.name, self.who, *seconds, f"{self.peak_mib:,.0f}", counts

    def text(self) -> str:
        """Return the line for a terminal."""
        return "{:3} {:16} first {:>8} s   again {:>8} s   CPU {:>7} and {:>7} s   {:>6} MiB   {}".format(*self.cells())


HEADINGS = ("", "system", "first call, s", "again, s", "CPU, first", "CPU, again", "peak, MiB", "result")


def markdown(lines: Sequence[Line]) -> str:
    """Return a Markdown table."""
    rows = [HEADINGS, ("---",) * 2 + ("---:",) * 5 + ("---",), *(line.cells() for line in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def machine() -> str:
    """Return what the figures were measured on, in words that name no machine."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, numpy {np.__version__}"
