"""Series out of the store: CSV and Parquet files that an import reads back to the same bars."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any

import numpy as np

from atlas_core.barfiles.arrow import import_arrow
from atlas_core.barfiles.building import edges
from atlas_core.barfiles.naming import NOTE
from atlas_core.barstore.manifest import Manifest
from atlas_core.clock import NANOSECONDS_PER_SECOND
from atlas_core.model.bars import Bars
from atlas_core.statedir import set_aside

_PIECE_ROWS = 1 << 17
_NUMBERS = ("open", "high", "low", "close", "volume")
FORMATS = ("parquet", "csv", "csv.gz")

Progress = Callable[[int], None]


def export_series(manifest: Manifest, bars: Bars, path: Path, form: str, progress: Progress) -> None:
    """Write bars to a file of one of `FORMATS`, in one step: a file that was there before is replaced whole or not.

    `progress` is told how many bars have been written. Raises MissingExtra for Parquet without pyarrow, OSError.
    """
    if form == "parquet":
        import_arrow("writing Parquet")  # before anything is begun
    with set_aside(path) as aside:
        write = _write_parquet if form == "parquet" else _write_csv
        write(manifest, bars, aside, form, progress)


def export_name(manifest: Manifest, form: str) -> str:
    """Return the usual name of an export, as in BTC-USD_1m.parquet."""
    key = manifest.key
    symbol = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in key.symbol)
    kind = "" if key.price == "trade" else f"-{key.price}"
    return f"{symbol}_{key.timeframe}{kind}.{form}"


def _pieces(bars: Bars, progress: Progress) -> Iterator[tuple[Bars, int | None]]:
    """Yield the bars in parts, each with the opening of the bar after it."""
    for first in range(0, len(bars), _PIECE_ROWS):
        last = min(first + _PIECE_ROWS, len(bars))
        yield bars.between(first, last), int(bars.opened_at[last]) if last < len(bars) else None
        progress(last)


def _write_csv(manifest: Manifest, bars: Bars, aside: Path, form: str, progress: Progress) -> None:
    del manifest  # a CSV has no place for it
    with_ends = any(_tells_other_ends(piece, next_ts) for piece, next_ts in _pieces(bars, lambda _done: None))
    with aside.open("wb") as raw, _packed(raw, form) as out:
        out.write(f"ts,open,high,low,close,volume{',available_at' if with_ends else ''}\n".encode())
        for piece, _ in _pieces(bars, progress):
            columns: list[list[str]] = [_moments(piece.opened_at)]
            columns += [[repr(value) for value in getattr(piece, name).tolist()] for name in _NUMBERS]
            columns += [_moments(piece.available_at)] if with_ends else []
            out.write("".join(f"{','.join(row)}\n" for row in zip(*columns, strict=True)).encode())


def _tells_other_ends(piece: Bars, next_ts: int | None) -> bool:
    """Tell whether the bars end elsewhere than an import would take them to end."""
    _, usual = edges(piece.opened_at, next_ts, piece.timeframe, marks_close=False)
    return not np.array_equal(usual, piece.available_at)


def _packed(raw: IO[bytes], form: str) -> AbstractContextManager[Any]:
    # Without a name and a time inside, the same bars give the same bytes.
    return gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) if form.endswith(".gz") else nullcontext(raw)


def _moments(times: np.ndarray[Any, np.dtype[np.int64]]) -> list[str]:
    whole = bool(np.all(times % NANOSECONDS_PER_SECOND == 0))
    texts = np.datetime_as_string(times.view("datetime64[ns]"), unit="s" if whole else "ns").tolist()
    return [f"{text}Z" for text in texts]


def _write_parquet(manifest: Manifest, bars: Bars, aside: Path, form: str, progress: Progress) -> None:
    del form
    pa = import_arrow("writing Parquet")
    from pyarrow import parquet

    moment = pa.timestamp("ns", tz="UTC")
    fields = [("opened_at", moment), ("available_at", moment), *((name, pa.float64()) for name in _NUMBERS)]
    schema = pa.schema(fields, metadata={NOTE: json.dumps(_note(manifest), sort_keys=True)})
    with parquet.ParquetWriter(aside, schema, compression="zstd") as writer:
        for piece, _ in _pieces(bars, progress):
            arrays = [pa.array(getattr(piece, name)).cast(kind) for name, kind in fields]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        if not len(bars):
            writer.write_table(schema.empty_table())


def _note(manifest: Manifest) -> dict[str, Any]:
    key = manifest.key
    return {
        "source": key.source,
        "symbol": key.symbol,
        "timeframe": key.timeframe.text,
        "price": key.price.value,
        "tick_size": str(manifest.tick_size),
        "session": manifest.session.value,
        "instrument": dict(manifest.instrument),
    }
