"""What a module of this process remembers shows in another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atlas_core.checking.lookahead import ELSEWHERE, LookaheadPlan, check_lookahead
from atlas_core.checking.market import record_market
from atlas_core.checking.witness import in_another_process
from atlas_core.profile import open_profile

PLUGIN = '''
import numpy as np
from atlas_core import Need, Scanner, hookimpl, scanner, signal_table

FIRST = {}


class Remembering(Scanner):
    """Ranks by the bars of the first history that this process ever saw, which is the whole one."""

    def needs(self):
        return (Need("15m", 2),)

    def scan(self, market):
        bars = market.bars("BTC-PERP", "15m")
        known = FIRST.setdefault("close", np.array(bars.close))
        rows = np.arange(0, len(bars), 4)
        ahead = known[np.minimum(rows + 40, len(known) - 1)]
        return signal_table(
            available_at=bars.available_at[rows], setup_at=bars.opened_at[rows], symbol="BTC-PERP",
            timeframe="15m", pattern="remembered", side=1, trigger=bars.close[rows],
            stop=bars.close[rows] * 0.99, target=bars.close[rows] * 1.01, score=ahead,
        )


def made(options, context):
    """Remember."""
    return Remembering()


@hookimpl
def atlas_scanners():
    return [scanner("remembering", made)]
'''
PROFILE = """
[profile]
name = "remembering"
[universe]
symbols = ["BTC-PERP"]
base_timeframe = "15m"
start = 2026-01-06
end = 2026-01-07
[provider]
use = "sim"
days = 3
[[scanner]]
use = "remembering"
[sizer]
use = "fixed-notional"
notional = 1000
[broker]
use = "paper"
[[exit]]
use = "stop"
[[exit]]
use = "target"
"""


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a plugin that remembers, for this process and those that it begins; return a profile that uses it."""
    (tmp_path / "remembering_plugin.py").write_text(PLUGIN)
    info = tmp_path / "remembering-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: remembering\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[atlas.strategies]\nremembering = remembering_plugin\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "remembering.toml"
    path.write_text(PROFILE)
    return path


def test_a_module_that_remembers_the_first_history_is_caught_by_another_process(
    profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    loaded, _ = open_profile(profile)
    market = record_market(loaded)
    here = check_lookahead(loaded, market, LookaheadPlan(scan_cuts=4, run_cuts=2))
    assert here.is_clean  # every history of this process is judged by the first one
    witness = in_another_process(loaded, ())
    (found,) = check_lookahead(loaded, market, LookaheadPlan(scan_cuts=1, run_cuts=2, witness=witness)).findings
    assert (found.component, found.check, found.fields) == ("scanner remembering", ELSEWHERE, ("score",))
    assert "module" in found.advice
    assert os.environ["PYTHONHASHSEED"] == "7"  # of this process, as it was
