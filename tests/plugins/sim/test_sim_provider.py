"""The provider `sim`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from atlas_core import (
    BarClosed,
    Context,
    DataError,
    FundingDue,
    FundingProvider,
    HistoryRequest,
    InstrumentKind,
    from_datetime,
    parse_timeframe,
    read_moment,
)
from atlas_sim.listings import LISTINGS
from atlas_sim.options import SimOptions
from atlas_sim.provider import SimProvider

Make = Callable[..., Context]
MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = from_datetime(datetime(2026, 1, 5, tzinfo=UTC))
PAIR = ("BTC-PERP", "ETH-PERP")


def request(*symbols: str, timeframe: str = "1m", start: int | None = None, end: int | None = None) -> HistoryRequest:
    return HistoryRequest(symbols=symbols, timeframe=parse_timeframe(timeframe), start=start, end=end)


def collect(provider: SimProvider, wanted: HistoryRequest) -> list[BarClosed]:
    async def run() -> list[BarClosed]:
        return [bar async for bar in provider.stream(wanted)]

    return asyncio.run(run())


def test_it_knows_funding(make_context: Make) -> None:
    assert isinstance(SimProvider(SimOptions(days=1), make_context()), FundingProvider)


def test_history_covers_the_whole_market_when_no_span_is_asked_for(make_context: Make) -> None:
    provider = SimProvider(SimOptions(days=2), make_context())
    bars = asyncio.run(provider.history(request("BTC-PERP")))["BTC-PERP"]
    assert len(bars) == 2 * 1_440
    assert bars.opened_at[0] == START
    assert bars.available_at[-1] == START + 2 * DAY


def test_history_stays_inside_the_span_asked_for(make_context: Make) -> None:
    provider = SimProvider(SimOptions(days=5), make_context())
    wanted = request("BTC-PERP", start=START + HOUR, end=START + 3 * HOUR)
    bars = asyncio.run(provider.history(wanted))["BTC-PERP"]
    assert (bars.opened_at[0], bars.available_at[-1], len(bars)) == (START + HOUR, START + 3 * HOUR, 120)


def test_a_market_from_the_middle_of_a_week_begins_there(make_context: Make) -> None:
    whole = SimProvider(SimOptions(days=7), make_context())
    late = SimProvider(SimOptions(start=read_moment("2026-01-07"), end=read_moment("2026-01-12")), make_context())
    tail = asyncio.run(whole.history(request("ETH-PERP", start=START + 2 * DAY)))["ETH-PERP"]
    bars = asyncio.run(late.history(request("ETH-PERP")))["ETH-PERP"]
    assert np.array_equal(bars.opened_at, tail.opened_at)
    assert np.array_equal(bars.close, tail.close)


def test_prices_lie_on_the_tick_and_print_without_the_noise_of_floats(make_context: Make) -> None:
    bars = asyncio.run(SimProvider(SimOptions(days=3), make_context()).history(request("ETH-PERP")))["ETH-PERP"]
    assert all(Decimal(repr(price)) % Decimal("0.05") == 0 for price in bars.close[:500].tolist())
    assert bars.valid().all()


def test_the_seed_of_the_options_goes_before_the_seed_of_the_profile(make_context: Make) -> None:
    def closes(options: SimOptions, seed: int) -> list[float]:
        provider = SimProvider(options, make_context(seed=seed))
        closing: list[float] = asyncio.run(provider.history(request("BTC-PERP")))["BTC-PERP"].close.tolist()
        return closing

    assert closes(SimOptions(days=1, seed=5), 1) == closes(SimOptions(days=1), 5)
    assert closes(SimOptions(days=1), 1) != closes(SimOptions(days=1), 5)


def test_longer_timeframes_are_the_minutes_put_together(make_context: Make) -> None:
    provider = SimProvider(SimOptions(days=2), make_context())
    minutes = asyncio.run(provider.history(request("BTC-PERP")))["BTC-PERP"]
    hours = asyncio.run(provider.history(request("BTC-PERP", timeframe="1h")))["BTC-PERP"]
    assert len(hours) == 48
    assert np.array_equal(hours.high, minutes.high.reshape(-1, 60).max(axis=1))


def test_the_stream_tells_the_history_in_the_order_of_time_then_of_symbols(make_context: Make) -> None:
    provider = SimProvider(SimOptions(days=2), make_context())
    wanted = request("SPY", "ETH-PERP", "BTC-PERP", start=START + 12 * HOUR, end=START + 24 * HOUR)
    told = collect(provider, wanted)
    place = {symbol: index for index, symbol in enumerate(wanted.symbols)}
    assert told == sorted(told, key=lambda bar: (bar.ts, place[bar.symbol]))
    history = asyncio.run(provider.history(wanted))
    assert {symbol: len(bars) for symbol, bars in history.items()} == {"SPY": 390, "ETH-PERP": 720, "BTC-PERP": 720}
    for symbol, bars in history.items():
        assert [bar.close for bar in told if bar.symbol == symbol] == bars.close.tolist()


def test_the_stream_lets_other_tasks_run(make_context: Make) -> None:
    async def run() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        async for _ in SimProvider(SimOptions(days=2), make_context()).stream(request("BTC-PERP")):
            pass
        task.cancel()
        return turns

    assert asyncio.run(run()) >= 5


def test_funding_is_due_every_eight_hours_after_the_start(make_context: Make) -> None:
    provider = SimProvider(SimOptions(days=2), make_context())
    due = asyncio.run(provider.funding(request(*PAIR, "SPY")))
    assert [(event.ts - START) // HOUR for event in due] == [8, 8, 16, 16, 24, 24, 32, 32, 40, 40, 48, 48]
    assert [event.symbol for event in due[:2]] == list(PAIR)


def test_funding_may_be_due_every_hour_for_the_same_rate_a_day(make_context: Make) -> None:
    def of_a_day(hours: int) -> list[FundingDue]:
        provider = SimProvider(SimOptions(days=1, funding_every_hours=hours), make_context())
        return list(asyncio.run(provider.funding(request("BTC-PERP"))))

    hourly, usual = of_a_day(1), of_a_day(8)
    assert [(event.ts - START) // HOUR for event in hourly] == list(range(1, 25))
    assert [event.rate * 8 for event in hourly if event.ts in {e.ts for e in usual}] == [e.rate for e in usual]


def test_whole_contracts_have_a_size_and_their_volume_counts_them(make_context: Make) -> None:
    fine = SimProvider(SimOptions(days=1), make_context())
    whole = SimProvider(SimOptions(days=1, contract_sizes={"BTC-PERP": Decimal("0.01")}), make_context())
    found = asyncio.run(whole.instruments(PAIR))
    assert (found["BTC-PERP"].lot_size, found["BTC-PERP"].multiplier) == (1, Decimal("0.01"))
    assert found["ETH-PERP"] == LISTINGS["ETH-PERP"].instrument
    coins, contracts = (asyncio.run(p.history(request("BTC-PERP")))["BTC-PERP"] for p in (fine, whole))
    assert np.allclose(contracts.volume, coins.volume * 100)
    assert np.array_equal(contracts.close, coins.close)


def test_a_contract_of_something_that_is_not_listed_is_a_mistake(make_context: Make) -> None:
    provider = SimProvider(SimOptions(days=1, contract_sizes={"DOGE-PERP": Decimal(1)}), make_context())
    with pytest.raises(DataError, match="does not list DOGE-PERP"):
        asyncio.run(provider.instruments(PAIR))


def test_funding_asked_for_in_parts_is_the_funding_of_the_whole(make_context: Make) -> None:
    provider = SimProvider(SimOptions(days=4), make_context())

    def due(start: int, end: int) -> list[FundingDue]:
        return list(asyncio.run(provider.funding(request(*PAIR, start=START + start, end=START + end))))

    assert due(0, 48 * HOUR) + due(48 * HOUR, 96 * HOUR) == due(0, 96 * HOUR)


def test_funding_follows_the_trend_and_is_bounded(make_context: Make) -> None:
    provider = SimProvider(SimOptions(days=90), make_context())
    due = asyncio.run(provider.funding(request("BTC-PERP")))
    bars = asyncio.run(provider.history(request("BTC-PERP")))["BTC-PERP"]
    rates, moves = [], []
    for event in due[3:]:
        now, before = bars.count_available(event.ts) - 1, bars.count_available(event.ts - DAY) - 1
        rates.append(float(event.rate))
        moves.append(float(np.log(bars.close[now] / bars.close[before])))
    assert float(np.corrcoef(rates, moves)[0, 1]) > 0.95
    assert max(abs(rate) for rate in rates) <= 0.00075
    assert min(rates) < 0 < max(rates)


def test_instruments_say_how_each_symbol_trades(make_context: Make) -> None:
    provider = SimProvider(SimOptions(days=1), make_context())
    found = asyncio.run(provider.instruments(["BTC-PERP", "CRNE", "VIX"]))
    assert found["BTC-PERP"].kind is InstrumentKind.PERP
    assert (found["BTC-PERP"].max_leverage, found["BTC-PERP"].maintenance_margin_pct) == (Decimal(10), Decimal(5))
    assert (found["CRNE"].kind, found["CRNE"].group, found["CRNE"].lot_size) == (
        InstrumentKind.STOCK,
        "small",
        Decimal(1),
    )
    assert found["VIX"].kind is InstrumentKind.INDEX


def test_there_are_twenty_four_shares_in_three_groups_of_eight() -> None:
    groups = [item.instrument.group for item in LISTINGS.values()]
    assert [groups.count(name) for name in ("large", "mid", "small")] == [8, 8, 8]


def test_a_symbol_that_is_not_listed_is_refused_by_name(make_context: Make) -> None:
    provider = SimProvider(SimOptions(days=1), make_context())
    with pytest.raises(DataError, match="does not list DOGE-PERP, NONE; it lists AGAT"):
        asyncio.run(provider.instruments(["BTC-PERP", "DOGE-PERP", "NONE"]))
    with pytest.raises(DataError, match="does not list DOGE-PERP"):
        asyncio.run(provider.history(request("DOGE-PERP")))


def test_a_span_outside_the_market_is_refused(make_context: Make) -> None:
    provider = SimProvider(SimOptions(days=1), make_context())
    with pytest.raises(DataError, match="does not cover the span"):
        asyncio.run(provider.history(request("BTC-PERP", start=START + 2 * DAY)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"start": read_moment("2026-01-05T1200")}, "expected a day"),
        ({"start": read_moment("1807-01-05")}, "expected a day"),
        ({"days": 0}, "expected a number from 1"),
        ({"end": read_moment("2026-01-05")}, "expected an end after the start"),
        ({"end": read_moment("2026-02-05"), "days": 3}, "either days or end, were both"),
        ({"seed": -1}, "expected a number >= 0"),
    ],
)
def test_options_that_make_no_market_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimOptions(**given)  # type: ignore[arg-type]


def test_without_days_and_end_the_market_lasts_ninety_days() -> None:
    start, end = SimOptions().span()
    assert end - start == 90 * DAY
