"""The synthetic market: the same bytes everywhere, alive, and never changed by what comes later."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core import from_datetime
from atlas_sim.listings import LISTINGS
from atlas_sim.market import Market, Tape, exponential, normal_units, split
from atlas_sim.regimes import HEAT_ONE, Regime, Walk
from atlas_sim.sessions import MINUTE

START = from_datetime(datetime(2026, 1, 5, tzinfo=UTC))
DAY = 1_440 * MINUTE
COLUMNS = ("opened_at", "open", "high", "low", "close", "volume", "spread", "level")

# SHA-256 of the columns of the first week of seed 20260405. If one of these changes, every demo, every published
# figure and every recorded journal of a synthetic run changes with it.
FIRST_WEEK = {
    "BTC-PERP": "29271ae4107828182e11acf43b8eb4a0f32eae83243ab1bd10b9c9aa7f3a320c",
    "ETH-PERP": "7b533e69b51b44b1062aaaa77c4e298fa5d0d338a004832f26735fde3f17fd68",
    "SPY": "4e62049f4e10c94546f139b4d3d217539c801c081db4c83017a592ba3f79b3bd",
    "ALDR": "cf1b409f79ad7d73ab89621e2ad079dc1c33bb37f3184b5e38ed858e3604430c",
    "SWFT": "3cd854e46beba465464a39994a16e78a14b30478035cb50f078ba9e4e7e6514f",
    "VIX": "8de47db941f9980f152e9e960f11f70534b96e863494611892c9108146451827",
}


def market(days: int, seed: int = 7) -> Market:
    return Market(seed, START, START + days * DAY)


def digest(tape: Tape) -> str:
    columns = b"".join(getattr(tape, name).astype("<i8").tobytes() for name in COLUMNS)
    return hashlib.sha256(columns).hexdigest()


def daily_returns(tape: Tape) -> np.ndarray:
    minutes = 1_440 if tape.listing.always_open else 390
    return np.diff(tape.level[minutes - 1 :: minutes]) / 1e9


@pytest.mark.parametrize("symbol", FIRST_WEEK)
def test_the_first_week_has_the_stored_bytes(symbol: str) -> None:
    assert digest(market(7, seed=20260405).tape(symbol)) == FIRST_WEEK[symbol]


def test_the_same_seed_gives_the_same_market_whatever_was_asked_for_before() -> None:
    first, second = market(20), market(20)
    for symbol in reversed(list(LISTINGS)):
        second.tape(symbol)
    assert all(digest(first.tape(symbol)) == digest(second.tape(symbol)) for symbol in LISTINGS)


def test_another_seed_and_another_symbol_give_another_market() -> None:
    digests = {digest(market(7, seed).tape(symbol)) for seed in (1, 2) for symbol in ("ALDR", "BRCH")}
    assert len(digests) == 4


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    days=st.integers(1, 40),
    more=st.integers(1, 40),
    symbol=st.sampled_from(["BTC-PERP", "ETH-PERP", "SPY", "CRNE", "VIX"]),
)
def test_a_longer_market_begins_with_the_shorter_one(seed: int, days: int, more: int, symbol: str) -> None:
    short, long = market(days, seed).tape(symbol), market(days + more, seed).tape(symbol)
    count = len(short.opened_at)
    for name in COLUMNS:
        assert np.array_equal(getattr(short, name), getattr(long, name)[:count])


@pytest.mark.parametrize("symbol", LISTINGS)
def test_every_minute_is_a_bar(symbol: str) -> None:
    tape = market(30).tape(symbol)
    assert np.all(np.diff(tape.opened_at) > 0)
    assert np.all(tape.high >= np.maximum(tape.open, tape.close))
    assert np.all(tape.low <= np.minimum(tape.open, tape.close))
    assert tape.low.min() >= 1
    assert tape.volume.min() >= 0
    assert tape.spread.min() >= 1


@pytest.mark.parametrize(
    ("symbol", "low", "high"), [("BTC-PERP", 0.018, 0.045), ("ETH-PERP", 0.02, 0.055), ("SPY", 0.005, 0.02)]
)
def test_a_day_moves_as_much_as_days_do(symbol: str, low: float, high: float) -> None:
    for seed in range(3):
        assert low < float(np.std(daily_returns(market(180, seed).tape(symbol)))) < high


def test_small_shares_move_more_than_large_ones() -> None:
    made = market(180)
    size = {
        group: np.mean(
            [
                np.std(daily_returns(made.tape(name)))
                for name, item in LISTINGS.items()
                if item.instrument.group == group
            ]
        )
        for group in ("large", "mid", "small")
    }
    assert 0.008 < size["large"] < size["mid"] < size["small"] < 0.04


def test_minutes_have_fat_tails_and_come_in_quiet_and_busy_hours() -> None:
    moves = np.diff(market(60).tape("BTC-PERP").level) / 1e9
    kurtosis = float(np.mean((moves - moves.mean()) ** 4) / np.var(moves) ** 2)
    assert kurtosis > 5
    sizes = np.abs(moves[: len(moves) // 60 * 60]).reshape(-1, 60).mean(axis=1)
    assert float(np.corrcoef(sizes[:-1], sizes[1:])[0, 1]) > 0.3


def test_nights_open_with_gaps_and_minutes_without_a_break_seldom_do() -> None:
    tape = market(60).tape("ALDR")
    after_break = np.flatnonzero(np.diff(tape.opened_at) > MINUTE) + 1
    gapped = tape.open[1:] != tape.close[:-1]
    assert np.mean(gapped[after_break - 1]) > 0.9
    assert 0 < np.mean(np.delete(gapped, after_break - 1)) < 0.01


def test_shares_move_with_the_index_and_volatility_against_it() -> None:
    made = market(120)
    index = daily_returns(made.tape("SPY"))
    assert float(np.corrcoef(index, daily_returns(made.tape("ALDR")))[0, 1]) > 0.3
    assert float(np.corrcoef(index, daily_returns(made.tape("VIX")))[0, 1]) < -0.3


def test_the_price_stays_within_reach_of_home_over_ten_years() -> None:
    tape = market(3_650).tape("SPY")
    assert float(np.abs(tape.level).max()) / 1e9 < 3


@given(st.floats(-3, 3))
def test_the_exponential_is_that_of_the_textbook(value: float) -> None:
    assert float(exponential(np.array([value]))[0]) == pytest.approx(float(np.exp(value)), rel=1e-13)


def test_unit_steps_are_centred_with_the_deviation_that_the_heat_scales() -> None:
    units = normal_units(split(np.random.PCG64(1).random_raw(200_000)))
    assert abs(float(units.mean())) < HEAT_ONE * 0.01
    assert float(units.std()) == pytest.approx(HEAT_ONE, rel=0.01)


def test_every_regime_comes_and_lasts() -> None:
    words = np.random.PCG64(2).random_raw(20_000)
    quiet = np.zeros(len(words), dtype=np.int64)
    spells = Walk(1_000_000, 7_200).spells(words, quiet, quiet)
    changes = np.count_nonzero(np.diff(spells.regime))
    assert set(spells.regime.tolist()) == {int(regime) for regime in Regime}
    assert 20 < len(words) / changes < 80
    stress, calm = (spells.heat[spells.regime == regime].mean() for regime in (Regime.STRESS, Regime.RANGE))
    assert stress > 1.5 * calm
