from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.errors import DataError, EngineError
from atlas_core.marketdata.align import align
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.history import MarketData, PastMarket
from atlas_core.marketdata.live import LiveMarket
from atlas_core.marketdata.resample import resample
from atlas_core.model.bars import Bars, bars_of_rows
from atlas_core.model.instrument import Instrument
from atlas_core.model.timeframe import MINUTE, parse_timeframe

M1, M5 = parse_timeframe("1m"), parse_timeframe("5m")
BTC, ETH = Instrument("BTC/USD"), Instrument("ETH/USD")
INSTRUMENTS = {"BTC/USD": BTC, "ETH/USD": ETH}


def minute_bars(count: int, symbol: str = "BTC/USD") -> Bars:
    return bars_of_rows(symbol, M1, [(n * MINUTE, 10.0 + n, 12.0 + n, 9.0 + n, 11.0 + n, 1.0) for n in range(count)])


@pytest.fixture
def market() -> MarketData:
    return MarketData({"ETH/USD": minute_bars(7, "ETH/USD"), "BTC/USD": minute_bars(20)}, INSTRUMENTS)


def test_symbols_keep_the_given_order(market: MarketData) -> None:
    assert market.symbols == ("ETH/USD", "BTC/USD")


def test_instruments_are_found_by_symbol(market: MarketData) -> None:
    assert market.instrument("ETH/USD") is ETH


def test_base_bars_are_handed_out_as_they_are(market: MarketData) -> None:
    assert market.bars("BTC/USD", "1m") is market.base("BTC/USD")


def test_higher_bars_are_made_once(market: MarketData) -> None:
    made = market.bars("BTC/USD", "5m")
    assert made.opened_at.tolist() == [0, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE]
    assert market.bars("BTC/USD", "5m") is made


def test_alignment_is_that_of_the_two_timeframes(market: MarketData) -> None:
    expected = align(market.bars("BTC/USD", "1m"), market.bars("BTC/USD", "5m"))
    assert np.array_equal(market.aligned("BTC/USD", "1m", "5m"), expected)
    assert market.aligned("BTC/USD", "1m", "5m") is market.aligned("BTC/USD", "1m", "5m")


def test_an_unknown_symbol_is_named_with_the_known_ones(market: MarketData) -> None:
    with pytest.raises(DataError, match="expected one of the symbols ETH/USD, BTC/USD, was SOL/USD"):
        market.bars("SOL/USD", "1m")


def test_bars_without_an_instrument_are_refused() -> None:
    with pytest.raises(DataError, match="none for BTC/USD"):
        MarketData({"BTC/USD": minute_bars(1)}, {})


def test_invalid_base_rows_do_not_reach_higher_bars() -> None:
    bars = minute_bars(10)
    close = bars.close.copy()
    close[2] = np.nan
    dirty = Bars(bars.symbol, M1, bars.opened_at, bars.available_at, bars.open, bars.high, bars.low, close, bars.volume)
    made = MarketData({"BTC/USD": dirty}, INSTRUMENTS).bars("BTC/USD", "5m")
    assert made.volume.tolist() == [4.0, 5.0]


def test_the_past_holds_only_bars_that_were_available(market: MarketData) -> None:
    past = PastMarket(market)
    past.advance(12 * MINUTE)
    assert len(past.bars("BTC/USD", "1m")) == 12
    assert past.bars("BTC/USD", "5m").available_at.tolist() == [5 * MINUTE, 10 * MINUTE]
    assert len(PastMarket(market).bars("BTC/USD", "5m")) == 0


def test_the_past_moves_with_now(market: MarketData) -> None:
    past = PastMarket(market)
    counts = []
    for minute in range(22):
        past.advance(minute * MINUTE)
        counts.append(len(past.bars("BTC/USD", "5m")))
    assert counts == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5 + [4] * 2
    assert past.now == 21 * MINUTE


def test_the_past_does_not_move_backwards(market: MarketData) -> None:
    past = PastMarket(market, now=5)
    with pytest.raises(EngineError, match="forward from 5, was sent back to 4"):
        past.advance(4)


def test_the_last_price_is_none_until_one_was_seen(market: MarketData) -> None:
    past = PastMarket(market)
    assert past.last_price("BTC/USD") is None
    past.see("BTC/USD", Decimal("10.5"))
    past.see("BTC/USD", Decimal("10.6"))
    assert past.last_price("BTC/USD") == Decimal("10.6")
    assert past.last_price("ETH/USD") is None
    assert past.instrument("BTC/USD") is BTC


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 120), st.integers(0, 130))
def test_the_past_of_the_whole_history_is_the_history_of_the_past(count: int, now_minute: int) -> None:
    bars, now = minute_bars(count), now_minute * MINUTE
    past = PastMarket(MarketData({"BTC/USD": bars}, INSTRUMENTS), now)
    cut = MarketData({"BTC/USD": bars.until(now)}, INSTRUMENTS)
    for timeframe in ("1m", "5m", "15m"):
        assert np.array_equal(past.bars("BTC/USD", timeframe).close, cut.bars("BTC/USD", timeframe).close)


def fed(count: int) -> BarFeed:
    feed, bars = BarFeed("BTC/USD", M1), minute_bars(count)
    for row in zip(bars.opened_at, bars.available_at, *bars.prices(), bars.volume, strict=True):
        feed.append(*row)
    return feed


def test_a_live_market_shows_the_trailing_window() -> None:
    live = LiveMarket({"BTC/USD": fed(23)}, INSTRUMENTS, {"1m": 10, "5m": 2})
    assert live.symbols == ("BTC/USD",)
    assert live.instrument("BTC/USD") is BTC
    assert live.bars("BTC/USD", "1m").opened_at.tolist() == [n * MINUTE for n in range(13, 23)]
    assert live.bars("BTC/USD", "5m").opened_at.tolist() == [10 * MINUTE, 15 * MINUTE]
    assert live.aligned("BTC/USD", "1m", "5m").tolist() == [-1, *[0] * 5, *[1] * 4]


def test_a_live_market_without_a_window_equals_the_whole_history() -> None:
    live, whole = LiveMarket({"BTC/USD": fed(23)}, INSTRUMENTS), minute_bars(23)
    assert np.array_equal(live.bars("BTC/USD", "5m").high, resample(whole, M5).high)


def test_the_past_of_a_moving_window_is_not_confused_with_an_earlier_one() -> None:
    feed = fed(10)
    live = LiveMarket({"BTC/USD": feed}, INSTRUMENTS, {"1m": 5})
    past = PastMarket(live, now=9 * MINUTE)
    assert past.bars("BTC/USD", "1m").opened_at.tolist() == [n * MINUTE for n in range(5, 9)]
    feed.append(10 * MINUTE, 11 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    past.advance(10 * MINUTE)
    assert past.bars("BTC/USD", "1m").opened_at.tolist() == [n * MINUTE for n in range(6, 10)]
