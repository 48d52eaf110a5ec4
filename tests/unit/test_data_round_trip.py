"""What is imported, exported and imported again is the same, to the last bit of every column."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core import Bars, BarStore, SeriesKey, parse_timeframe, read_moment
from atlas_core.barfiles.form import BarFileForm
from atlas_core.barstore.columns import TYPES
from atlas_core.barstore.exporting import FORMATS, export_series
from atlas_core.barstore.importing import Wish, import_file
from atlas_core.barstore.keys import PriceKind
from atlas_core.barstore.manifest import Manifest, Origin
from atlas_core.model.session import TradingSession

START = read_moment("2026-01-05")
MINUTE = parse_timeframe("1m")


pytestmark = pytest.mark.usefixtures("instant_disk")

price = st.floats(1e-8, 1e12, allow_nan=False) | st.integers(1, 10**6).map(float)
rows = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 60), st.lists(price, min_size=4, max_size=4), st.floats(0, 1e15)),
    min_size=2,
    max_size=12,
)


def made(drawn: list[tuple[int, int, list[float], float]], symbol: str, *, short: bool) -> Bars:
    """Bars with gaps; with `short` they end before their minute is over, as at the close of a session."""
    minutes = np.cumsum([step for step, *_ in drawn])
    opened = START + minutes * MINUTE.duration
    ends = opened + (np.array([seconds for _, seconds, *_ in drawn]) * 10**9 if short else MINUTE.duration)
    numbers = np.array([prices for *_, prices, _ in drawn])
    volume = [held for *_, held in drawn]
    columns = (numbers[:, 0], numbers.max(axis=1), numbers.min(axis=1), numbers[:, 3])
    return Bars(symbol, MINUTE, opened, ends, *columns, volume, Decimal("0.00000001"))


def put(store: BarStore, bars: Bars, session: TradingSession, price: PriceKind) -> Manifest:
    key = SeriesKey("somewhere", bars.symbol, bars.timeframe, price)
    with store.writer(key, append=False) as writer:
        writer.counts_in(session)
        writer.describe({"kind": "perp", "lot_size": "0.1"})
        writer.write(bars)
        return writer.commit(Origin(name="test", rows=len(bars), written_at=START))


@settings(max_examples=40)
@given(rows, st.booleans(), st.sampled_from(list(TradingSession)), st.sampled_from([PriceKind.TRADE, PriceKind.MARK]))
def test_parquet_brings_everything_back(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[int, int, list[float], float]],
    short: bool,
    session: TradingSession,
    price: PriceKind,
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    first, second = BarStore(folder / "first"), BarStore(folder / "second")
    bars = made(drawn, "ETH/USDT:USDT", short=short)
    if price is PriceKind.MARK:
        bars = Bars(bars.symbol, MINUTE, *[getattr(bars, name) for name in list(TYPES)[:-1]], bars.volume * 0)
    manifest = put(first, bars, session, price)
    export_series(manifest, bars, folder / "bars.parquet", "parquet", lambda _done: None)
    (done,) = import_file(second, folder / "bars.parquet", Wish(), START)
    back = done.outcome.manifest
    assert (back.key, back.identity, back.session) == (manifest.key, manifest.identity, session)
    assert (back.tick_size, back.instrument) == (manifest.tick_size, manifest.instrument)


@settings(max_examples=40)
@given(rows, st.booleans(), st.sampled_from(FORMATS))
def test_every_format_brings_every_column_back(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[int, int, list[float], float]],
    short: bool,
    form: str,
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    first, second = BarStore(folder / "first"), BarStore(folder / "second")
    bars = made(drawn, "S", short=short)
    manifest = put(first, bars, TradingSession.ALWAYS, PriceKind.TRADE)
    path = folder / f"bars.{form}"
    export_series(manifest, bars, path, form, lambda _done: None)
    wish = Wish(symbol="S", source="somewhere", form=BarFileForm(timeframe=MINUTE, tick_size=bars.tick_size))
    (done,) = import_file(second, path, wish, START)
    back = second.bars(done.key)
    for name in TYPES:
        assert np.array_equal(getattr(back, name), getattr(bars, name)), name
    assert done.outcome.manifest.identity == manifest.identity
    once = path.read_bytes()
    export_series(done.outcome.manifest, back, path, form, lambda _done: None)
    if form != "parquet":
        assert path.read_bytes() == once


@settings(max_examples=40)
@given(st.lists(st.sets(st.integers(0, 40), min_size=2), min_size=1, max_size=5), st.integers(1, 7))
def test_pieces_in_any_order_make_the_same_series_as_all_at_once(
    tmp_path_factory: pytest.TempPathFactory, parts: list[set[int]], piece_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("weave")
    whole, woven = BarStore(folder / "whole"), BarStore(folder / "woven")
    wish = Wish(symbol="S", form=BarFileForm(timeframe=MINUTE))

    def file(minutes: set[int]) -> Path:
        path = folder / "bars.csv"
        lines = [f"{(START + minute * MINUTE.duration) // 10**9},5,{6 + minute},4,5,1" for minute in sorted(minutes)]
        path.write_text("\n".join(["ts,open,high,low,close,volume", *lines]))
        return path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("atlas_core.barstore.merging.PIECE_ROWS", piece_rows)
        patch.setattr("atlas_core.barfiles.settling.PIECE_ROWS", piece_rows)
        for part in parts:
            list(import_file(woven, file(part), wish, START))
        (at_once,) = import_file(whole, file(set().union(*parts)), wish, START)
    (series,) = woven.all()
    assert series.manifest.identity == at_once.outcome.manifest.identity
    assert (series.manifest.gaps, series.manifest.missing_bars) == (
        at_once.outcome.manifest.gaps,
        at_once.outcome.manifest.missing_bars,
    )
    assert sum(origin.rows for origin in series.manifest.origins) == series.manifest.rows
    assert not [line for _, faults in series.verify() for line in faults]
