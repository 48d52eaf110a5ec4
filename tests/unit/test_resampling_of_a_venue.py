"""Bars that are made of shorter ones are those that the exchange itself made, read from files with both.

The files were recorded while the market went on, one timeframe after the other: the bar in which a recording ended was
still forming, and differs between timeframes. Volumes have ten digits in the files. Nothing else differs.
"""

from __future__ import annotations

import csv
import gzip
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from atlas_core import Bars, BarStore, SeriesKey, parse_timeframe, resample
from atlas_core.barfiles.form import BarFileForm
from atlas_core.barstore.importing import Wish, import_file
from tests.shared import shared_file

pytestmark = pytest.mark.usefixtures("instant_disk")

# How many bars both have, by pair of timeframes: what is compared must not shrink unnoticed.
COMPARED = {"BTC": 790, "ETH": 804}


def split(symbol: str, folder: Path) -> dict[str, Path]:
    """Write the rows of each timeframe into a file of their own."""
    content = gzip.decompress(shared_file(f"data/crypto/{symbol}-USDT_binance_multi-tf_2017-2018.csv.gz").read_bytes())
    lines: dict[str, list[str]] = {}
    for timeframe, *fields in list(csv.reader(content.decode().splitlines()))[1:]:
        lines.setdefault(timeframe, []).append(",".join(fields))
    paths = {timeframe: folder / f"{timeframe}.csv" for timeframe in lines}
    for timeframe, path in paths.items():
        path.write_text("\n".join(["ts,open,high,low,close,volume", *lines[timeframe]]))
    return paths


@pytest.fixture(params=sorted(COMPARED))
def venue(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, Bars]]:
    store, symbol = BarStore(tmp_path / "store"), request.param
    for timeframe, path in split(symbol, tmp_path).items():
        form = BarFileForm(timeframe=parse_timeframe(timeframe), tick_size=Decimal("0.01"))
        list(import_file(store, path, Wish(symbol=symbol, form=form), 0))
    keys = [SeriesKey("files", symbol, parse_timeframe(text)) for text in ("1m", "5m", "15m", "1h", "4h", "1d", "1w")]
    return symbol, {key.timeframe.text: store.bars(key) for key in keys}


def test_made_bars_are_those_of_the_exchange(venue: tuple[str, dict[str, Bars]]) -> None:
    symbol, held = venue
    compared = 0
    for base in held.values():
        for higher in held.values():
            if base.timeframe.duration >= higher.timeframe.duration:
                continue
            made = resample(base, higher.timeframe)
            _, ours, theirs = np.intersect1d(made.opened_at, higher.opened_at[:-1], return_indices=True)
            recorded = theirs[made.available_at[ours] < base.available_at[-1]]
            ours = ours[made.available_at[ours] < base.available_at[-1]]
            for name in ("open", "high", "low", "close"):
                assert np.array_equal(made.ticks(name)[ours], higher.ticks(name)[recorded]), (base, higher, name)
            assert np.allclose(made.volume[ours], higher.volume[recorded], rtol=1e-9, atol=0)
            compared += len(ours)
    assert compared == COMPARED[symbol]
