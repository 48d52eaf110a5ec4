"""The scanner finds breakouts, and neither the future nor a longer past changes one."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from atlas_core import (
    Bars,
    FormingColumns,
    Instrument,
    InstrumentKind,
    Kind,
    MarketHistory,
    SignalTable,
    TradingSession,
    bars_of_rows,
    grid_of,
    parse_timeframe,
)
from atlas_core.testing import registry_of
from atlas_example import plugin
from atlas_example.options import ChannelBreakoutOptions
from atlas_example.scanner import ChannelBreakout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HOUR = parse_timeframe("1h")
SMALL = ChannelBreakoutOptions(timeframe=HOUR, channel_bars=3, stop_bars=2)


class OneSymbol(MarketHistory):
    """A market of given bars."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    @property
    def symbols(self) -> Sequence[str]:
        return (self._bars.symbol,)

    def instrument(self, symbol: str) -> Instrument:
        return Instrument(symbol=symbol, kind=InstrumentKind.SPOT, tick_size=self._bars.tick_size)

    def bars(self, symbol: str, timeframe: str) -> Bars:
        assert (symbol, timeframe) == (self._bars.symbol, self._bars.timeframe.text)
        return self._bars

    def aligned(self, symbol: str, base: str, higher: str) -> NDArray[np.int64]:
        raise AssertionError(f"expected one timeframe to be read, was asked to align {symbol} {base} with {higher}")

    def forming(self, symbol: str, base: str, higher: str) -> FormingColumns:
        raise AssertionError(f"expected {base} bars to be read, was asked for {symbol} {higher} while it forms")

    def next_ends(self, symbol: str, timeframe: str, times: NDArray[np.int64]) -> NDArray[np.int64]:
        assert symbol == self._bars.symbol
        return grid_of(TradingSession.ALWAYS).ends(parse_timeframe(timeframe), times)


def bars_of(closes: Sequence[float], reach: float = 0.5) -> Bars:
    """Return hourly bars that open where the one before closed and reach a little beyond."""
    rows = []
    for index, close in enumerate(closes):
        opened = closes[max(0, index - 1)]
        high, low = max(opened, close) + reach, min(opened, close) - reach
        rows.append((index * HOUR.duration, opened, high, low, close, 1.0))
    return bars_of_rows("BTC/USD", HOUR, rows, tick_size=Decimal("0.01"))


def scan(bars: Bars, options: ChannelBreakoutOptions = SMALL) -> SignalTable:
    return ChannelBreakout(options).scan(OneSymbol(bars))


def random_bars(count: int = 600) -> Bars:
    steps = np.random.default_rng(11).normal(0, 1, count)
    return bars_of([round(float(price), 2) for price in 500 + np.cumsum(steps)])


def rows_of(table: SignalTable, last: int | None = None, first: int = 0) -> list[tuple[Any, ...]]:
    columns = (table.available_at, table.setup_at, table.side, table.trigger, table.stop, table.target, table.pattern)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    return [row for row in rows if row[0] >= first and (last is None or row[0] <= last)]


def test_the_first_close_above_the_channel_is_a_long_signal_with_stop_and_target() -> None:
    table = scan(bars_of([100, 100, 100, 100, 100, 103, 104]))
    assert rows_of(table) == [
        (6 * HOUR.duration, 5 * HOUR.duration, 1, 103.0, 99.5, pytest.approx(110.0), "breakout-up"),
    ]
    assert table.valid_until.tolist() == [7 * HOUR.duration]


def test_the_first_close_below_the_channel_is_a_short_signal() -> None:
    table = scan(bars_of([100, 100, 100, 100, 100, 97, 96]))
    assert rows_of(table) == [
        (6 * HOUR.duration, 5 * HOUR.duration, -1, 97.0, 100.5, pytest.approx(90.0), "breakout-down"),
    ]


def test_a_close_on_the_edge_of_the_channel_is_no_breakout() -> None:
    assert len(scan(bars_of([100, 100, 100, 100, 100, 100.5]))) == 0
    assert len(scan(bars_of([100, 100, 100, 100, 100, 100.51]))) == 1


def test_a_direction_leaves_the_other_side_out() -> None:
    bars = random_bars()
    both = scan(bars)
    for direction, side in (("long", 1), ("short", -1)):
        options = ChannelBreakoutOptions(timeframe=HOUR, channel_bars=3, stop_bars=2, direction=direction)  # type: ignore[arg-type]
        assert rows_of(scan(bars, options)) == [row for row in rows_of(both) if row[2] == side]


def test_cutting_the_future_away_changes_no_signal() -> None:
    bars = random_bars()
    whole = scan(bars)
    assert len(whole) > 50
    for count in range(0, len(bars), 37):
        now = int(bars.available_at[count - 1]) if count else 0
        assert rows_of(scan(bars.between(0, count))) == rows_of(whole, last=now)


def test_a_history_that_begins_later_gives_the_same_signals_after_the_declared_warm_up() -> None:
    bars = random_bars()
    whole = scan(bars)
    warmup_bars = ChannelBreakout(SMALL).needs()[0].warmup_bars
    for first in range(0, len(bars) - warmup_bars, 37):
        known_from = int(bars.available_at[first + warmup_bars])
        late = scan(bars.between(first, len(bars)))
        assert rows_of(late) == rows_of(whole, first=known_from)


@pytest.mark.parametrize("count", [0, 1, 3, 4])
def test_a_history_that_is_too_short_has_no_signals(count: int) -> None:
    assert len(scan(bars_of([100.0] * count))) == 0


def test_a_row_that_is_not_a_bar_is_passed_over() -> None:
    bars = bars_of([100, 100, 100, 100, 100, 100, 103])
    close = bars.close.copy()
    close[2] = np.nan
    holed = Bars(
        bars.symbol, HOUR, bars.opened_at, bars.available_at, bars.open, bars.high, bars.low, close, bars.volume
    )
    assert rows_of(scan(holed))[0][3] == 103.0


def test_the_plugin_is_ready_and_offers_the_scanner() -> None:
    registry = registry_of(plugin)
    assert [record.status.value for record in registry.records] == ["ready"]
    assert registry.find(Kind.SCANNER, "channel-breakout").options is ChannelBreakoutOptions
