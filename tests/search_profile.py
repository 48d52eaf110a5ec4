"""A profile whose trials take some hundredths of a second, for tests of searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atlas_core.plugins import discover
from atlas_core.search.knowing import metrics_of_trials
from atlas_core.search.ledger import Ledger, Trial
from atlas_core.search.plan import Plan, SweepStore, profile_base
from atlas_core.search.sweeping import Staff, Sweeping, understand
from atlas_core.search.worker import Assignment, Workbench

PROFILE = """\
[profile]
name = "crossing"
mode = "backtest"
seed = 7
starting_cash = 10000

[universe]
symbols = ["BTC-PERP"]
base_timeframe = "1h"
start = 2026-01-10
end = 2026-02-20

[provider]
use = "sim"
start = 2026-01-01
days = 60

[[scanner]]
use = "sma-cross"
timeframe = "1h"
fast = 5
slow = 20

[sizer]
use = "fixed-fraction"
fraction_pct = 50

[broker]
use = "paper"
taker_fee_bps = 5
slippage_bps = 1

[[exit]]
use = "stop"
pct = 2

[[exit]]
use = "time"
max_hours = 48
"""


def crossing(folder: Path) -> str:
    """Write the profile; return its path."""
    path = folder / "crossing.toml"
    path.write_text(PROFILE)
    return str(path)


def bench(profile: str, *fixed: tuple[str, str]) -> Workbench:
    """Return a workbench of this process for the profile."""
    names = metrics_of_trials("sharpe")
    texts = {str(Path(profile).resolve()): Path(profile).read_text()}
    assignment = Assignment(token="test", profile=profile, texts=texts, base="b", fixed=fixed, metrics=names)
    return Workbench(assignment, discover())


def plan_of(profile: str, *changes: str, **facts: Any) -> Plan:
    """Return a plan to try changes of the profile."""
    path, base = profile_base(profile)
    return Plan(profile=str(path), name="crossing", base=base, code="c", changes=changes, **facts)


class Notes:
    """Keeps what a search tells."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, int, int]] = []
        self.trials: list[Trial] = []
        self.texts: list[str] = []

    def begun(self, part: str, total: int, kept: int) -> None:
        self.parts.append((part, total, kept))

    def made(self, trial: Trial) -> None:
        self.trials.append(trial)

    def told(self, text: str) -> None:
        self.texts.append(text)


def sweeping(home: Path, ledger: Ledger, plan: Plan, watch: Notes | None = None, **staff: Any) -> Sweeping:
    """Return a sweep that goes on where an equal one was cut off, or begins."""
    store = SweepStore(home)
    sweep = store.unfinished(plan) or store.create(plan, 0)
    return Sweeping(sweep, understand(plan), ledger, discover(), watch or Notes(), Staff(**staff))
