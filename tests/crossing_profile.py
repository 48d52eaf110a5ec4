"""A small profile on the synthetic market whose decisions fall on closes of 15m bars, for tests of whole runs."""

from __future__ import annotations

from pathlib import Path

_PROFILE = """
[profile]
name = "crossing"
mode = "paper"
seed = 11

[universe]
symbols = ["BTC-PERP", "ETH-PERP"]
base_timeframe = "{base}"
start = 2026-01-02
end = {end}

[provider]
use = "sim"
start = 2026-01-01
days = 9

[[scanner]]
use = "sma-cross"
timeframe = "15m"
fast = 3
slow = 8

[sizer]
use = "fixed-notional"
notional = 1000

[broker]
use = "paper"
taker_fee_bps = 5
slippage_bps = 1
spread_bps = 2

{exits}
"""


def crossing_profile(directory: Path, exits: str, *, base: str, end: str) -> Path:
    """Write the profile with these `[[exit]]` tables into a directory; return its path."""
    path = directory / "crossing.toml"
    path.write_text(_PROFILE.format(base=base, end=end, exits=exits), encoding="utf-8")
    return path
