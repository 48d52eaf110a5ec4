"""The benchmark's workloads as profiles of Atlas, and what each must come to.

W1 to W4 trade one rule: the fast average of the closes crosses above the slow one, buy at the next opening; it lies
below, sell at the next opening. What is still open at the end of the data is closed there and counts in no workload.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

MINUTES, HOURLY = "minutes", "hourly"
SYMBOLS = tuple(f"H{number:03d}" for number in range(200))

_RULE = """
[[scanner]]
use = "sma-cross"
timeframe = "{timeframe}"
direction = "long"

[[exit]]
use = "sma-cross"
timeframe = "{timeframe}"

[broker]
use = "paper"
maker_fee_bps = 10
taker_fee_bps = 10
limit_fill = "touch"
"""
_ONE_UNIT = '[sizer]\nuse = "fixed-quantity"\nquantity = 1\n'
_WAIVED = '[protection]\nwaiver = "the rule of the benchmark has no stop"\n'
_LEVELS = '[[exit]]\nuse = "stop"\npct = 2\n\n[[exit]]\nuse = "target"\npct = 4\n'
_SHARED = '[sizer]\nuse = "fixed-notional"\nnotional = 1000\n\n[limits]\nmax_positions = 6\ncount_closing = false\n'


@frozen(kw_only=True)
class Workload:
    """One piece of work: its data, its profile, and the counts that it must come to, by name."""

    name: str
    title: str
    data: str
    parts: str
    expected: Mapping[str, int]
    symbols: tuple[str, ...] = ("M1",)
    last_bar: int | None = None
    sweep: tuple[tuple[int, int], ...] = field(default=())

    @property
    def timeframe(self) -> str:
        """Return the timeframe of the base bars."""
        return "1m" if self.data == MINUTES else "1h"

    def profile(self, store: Path, end: str | None = None) -> str:
        """Return the profile as TOML, on the bar store below `store`."""
        symbols = ", ".join(f'"{symbol}"' for symbol in self.symbols)
        until = f'end = "{end}"\n' if end else ""
        head = f'[profile]\nname = "{self.name.lower()}"\nmode = "backtest"\nstarting_cash = 1000000\n'
        universe = f'[universe]\nsymbols = [{symbols}]\nbase_timeframe = "{self.timeframe}"\n{until}'
        provider = f'[provider]\nuse = "store"\nfolder = "{store}"\n'
        return "\n".join((head, universe, provider, _RULE.format(timeframe=self.timeframe), self.parts))


W1 = Workload(
    name="W1",
    title="1,000,000 one-minute bars, SMA 20/100, 0.1 % fee",
    data=MINUTES,
    parts=_ONE_UNIT + _WAIVED,
    expected={"trades": 6_892},
)
W2 = Workload(
    name="W2",
    title="the same with a 2 % stop and a 4 % target",
    data=MINUTES,
    parts=_ONE_UNIT + _LEVELS,
    expected={"trades": 6_893, "stops": 1_713, "targets": 1_370},
)
W3 = Workload(
    name="W3",
    title="200 instruments x 5,000 bars, at most 6 positions",
    data=HOURLY,
    parts=_SHARED + _WAIVED,
    expected={"trades": 409},
    symbols=SYMBOLS,
)
W4 = Workload(
    name="W4",
    title="100 combinations x 100,000 bars",
    data=MINUTES,
    parts=_ONE_UNIT + _WAIVED,
    expected={"trades": 61_580},
    last_bar=100_000,
    sweep=tuple((fast, slow) for fast in range(5, 51, 5) for slow in range(60, 241, 20)),
)
W5 = Workload(
    name="W5",
    title="five timeframes resampled and labelled",
    data=MINUTES,
    parts="",
    expected={"buckets": 88_296, "bars": 88_290},
)
WORKLOADS: Mapping[str, Workload] = {workload.name: workload for workload in (W1, W2, W3, W4, W5)}
LABELLED = ("15m", "1h", "4h", "1d", "1w")
