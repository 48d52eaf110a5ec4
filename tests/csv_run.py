"""A small back-test on a file of one's own, kept below the home of the test."""

from __future__ import annotations

import math
from pathlib import Path

from atlas_core.cli.main import run_command_line

FIRST = 1_767_225_600  # 2026-01-01 00:00 UTC
MINUTES = 2_400
PROFILE = """\
[profile]
name = "waves"
mode = "MODE"
starting_cash = 10000

[universe]
symbols = ["BTC/USD"]
base_timeframe = "1m"

[provider]
use = "files"
path = "waves.csv"

[provider.instrument]
kind = "perp"
lot_size = 0.001
max_leverage = 10
maintenance_margin_pct = 5

[[scanner]]
use = "sma-cross"
timeframe = "15m"

[sizer]
use = "fixed-fraction"
fraction_pct = 20

[broker]
use = "paper"
taker_fee_bps = 5

[[exit]]
use = "stop"
pct = 2
"""


def write_waves(folder: Path, *, mode: str = "backtest", changed_from: int = MINUTES) -> Path:
    """Write bars that rise and fall, and a profile that trades their turns; return the profile's path."""
    lines = ["time,open,high,low,close,volume"]
    before = 50_000.0
    for minute in range(MINUTES):
        close = 50_000 + 1_500 * math.sin(minute / 90) + 200 * math.sin(minute / 7)
        close += 30.0 * (minute >= changed_from)
        low, high = min(before, close) - 5, max(before, close) + 5
        lines.append(f"{FIRST + 60 * minute},{before:.2f},{high:.2f},{low:.2f},{close:.2f},12.5")
        before = close
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "waves.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "waves.toml"
    path.write_text(PROFILE.replace("MODE", mode), encoding="utf-8")
    return path


def keep_run(profile: Path, *arguments: str) -> None:
    """Run a back-test as the command line does."""
    code = run_command_line(["-q", "backtest", str(profile), *arguments])
    assert code == 0
