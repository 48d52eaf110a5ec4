"""The provider `store`: kept bars, mapped as they are, or made longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlas_core import (
    Bars,
    BarStore,
    Context,
    DataError,
    HistoryRequest,
    InstrumentKind,
    PriceKind,
    SeriesKey,
    parse_timeframe,
    resample,
)
from atlas_core.barstore.manifest import Origin
from atlas_sim.options import InstrumentOptions, StoreOptions
from atlas_sim.stored import StoreProvider

Make = Callable[..., Context]
MINUTE = 60 * 10**9
START = 1_767_571_200 * 10**9  # Monday 2026-01-05


def made(symbol: str = "BTC/USD", timeframe: str = "1m", count: int = 600) -> Bars:
    length = parse_timeframe(timeframe)
    opened = START + np.arange(count) * length.duration
    close = 100.0 + np.arange(count) % 97
    times = (opened, opened + length.duration)
    return Bars(symbol, length, *times, close, close + 1, close - 1, close, np.ones(count), Decimal("0.5"))


def keep(bars: Bars, source: str = "files", price: PriceKind = PriceKind.TRADE, **instrument: str) -> None:
    with BarStore.at().writer(SeriesKey(source, bars.symbol, bars.timeframe, price), append=False) as writer:
        writer.describe(instrument)
        writer.write(bars)
        writer.commit(Origin(name="test", rows=len(bars), written_at=START))


def history(make_context: Make, request: HistoryRequest, **options: Any) -> Bars:
    provider = StoreProvider(StoreOptions(**options), make_context())
    return asyncio.run(provider.history(request))[request.symbols[0]]


def request(timeframe: str = "1m", symbol: str = "BTC/USD", **span: int) -> HistoryRequest:
    return HistoryRequest(symbols=(symbol,), timeframe=parse_timeframe(timeframe), **span)


def test_bars_of_the_timeframe_are_mapped_and_not_copied(make_context: Make) -> None:
    keep(made())
    found = history(make_context, request())
    assert np.array_equal(found.close, made().close)
    assert not found.close.flags.writeable
    assert type(found.close.base) is memoryview or not found.close.flags.owndata


def test_longer_bars_are_made_from_the_coarsest_that_can_make_them(make_context: Make) -> None:
    keep(made())
    quarter = resample(made(), parse_timeframe("15m"))
    keep(quarter)
    found = history(make_context, request("1h"))
    assert np.array_equal(found.close, resample(quarter, parse_timeframe("1h")).close)
    assert len(history(make_context, request("5m"))) == 120


def test_a_request_has_its_span(make_context: Make) -> None:
    keep(made())
    found = history(make_context, request(start=START + 5 * MINUTE, end=START + 9 * MINUTE))
    assert [int(found.opened_at[0]), int(found.available_at[-1])] == [START + 5 * MINUTE, START + 9 * MINUTE]


def test_several_sources_are_a_question_and_a_source_answers_it(make_context: Make) -> None:
    keep(made())
    keep(made(count=7), source="venue")
    with pytest.raises(DataError, match=r'was files, venue; say which in \[provider\], as in source = "files"'):
        history(make_context, request())
    assert len(history(make_context, request(), source="venue")) == 7


def test_what_is_not_kept_is_said_with_what_to_do(make_context: Make) -> None:
    provider = StoreProvider(StoreOptions(), make_context())
    with pytest.raises(DataError, match=r"expected bars of A, B in .*data, was nothing; see atlas data list"):
        asyncio.run(provider.instruments(["A", "B"]))
    keep(made(timeframe="1h", count=5))
    with pytest.raises(DataError, match=r"expected bars of 15m or of a part of it for BTC/USD in .*, was 1h"):
        history(make_context, request("15m"))


def test_the_profile_goes_before_what_was_kept_of_an_instrument(make_context: Make) -> None:
    keep(made(), kind="perp", lot_size="0.001", quote="USDT", max_leverage="5", tick_size="9")
    provider = StoreProvider(StoreOptions(instrument=InstrumentOptions(max_leverage=Decimal(3))), make_context())
    found = asyncio.run(provider.instruments(["BTC/USD"]))["BTC/USD"]
    assert (found.kind, found.lot_size, found.quote) == (InstrumentKind.PERP, Decimal("0.001"), "USDT")
    assert (found.max_leverage, found.tick_size) == (3, Decimal("0.5"))
    assert str(asyncio.run(provider.own_timeframe("BTC/USD"))) == "1m"


def test_kept_funding_rates_are_told_and_other_prices_are_left_alone(make_context: Make) -> None:
    keep(made())
    rate = np.array([0.0001, -0.00025])
    opened = np.array([START, START + 480 * MINUTE])
    rates = Bars("BTC/USD", parse_timeframe("8h"), opened, opened + 480 * MINUTE, rate, rate, rate, rate, rate * 0)
    keep(rates, price=PriceKind.FUNDING)
    provider = StoreProvider(StoreOptions(), make_context())
    due = asyncio.run(provider.funding(request(start=START + 1)))
    assert [(event.ts, event.rate) for event in due] == [(START + 480 * MINUTE, Decimal("-0.00025"))]
    assert len(history(make_context, request())) == 600


def test_a_folder_elsewhere_can_be_the_store(make_context: Make, own_home: Path, tmp_path: Path) -> None:
    keep(made())
    (own_home / "data").rename(tmp_path / "bars")
    assert len(history(make_context, request(), folder=tmp_path / "bars")) == 600


def test_bars_stream_in_their_order(make_context: Make) -> None:
    keep(made(count=5))

    async def read() -> list[int]:
        provider = StoreProvider(StoreOptions(), make_context())
        return [bar.ts async for bar in provider.stream(request())]

    assert asyncio.run(read()) == [START + (row + 1) * MINUTE for row in range(5)]
