"""Signals that were refused together, written as the two events and the one projection row that each of them is.

Worked out column by column for a whole sheet: the texts are those that the codec gives one record at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from atlas_core.journal.encoding import encode_list, expect_storable
from atlas_core.model.decisions import Outcome
from atlas_core.model.instrument import Instrument
from atlas_core.model.refusals import RefusedSignals, SignalSheet
from atlas_core.model.signals import Side

_PRICES = ("trigger", "stop", "target", "cancel_beyond", "void_beyond")
_MOST_PLACES = 6  # with more of them small prices are written with an exponent
_LARGEST = 10**15  # up to here a float shows every digit
_SIDES = {1: Side.LONG.value, -1: Side.SHORT.value}


class SheetTexts(NamedTuple):
    """What is written of each row of a sheet: two payloads, and the columns of the projection between the keys."""

    detected: list[str]
    verdicts: list[str]
    rows: list[tuple[Any, ...]]


def texts_of(sheet: SignalSheet, detected: str, verdict: str) -> SheetTexts:
    """Return the texts of a sheet, worked out once; `detected` and `verdict` are the templates of both payloads."""
    kept = sheet.memo.get(__name__)
    if not isinstance(kept, SheetTexts):
        kept = sheet.memo[__name__] = _texts(sheet, detected, verdict)
    return kept


def projected(record: RefusedSignals, seq: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of the table of signals, the first of whose events is `seq`; its texts were worked out before."""
    keys, ts, texts = record.sheet.keys, record.ts, record.sheet.memo[__name__]
    for place, row in enumerate(range(record.first, record.last)):
        before, after = texts.rows[row]
        yield (keys[row], seq + 2 * place, ts, *before, ts, None, after)


def _texts(sheet: SignalSheet, detected: str, verdict: str) -> SheetTexts:
    table = sheet.table
    gate, mask = sheet.masks[0]
    count = len(table)
    prices = {name: _prices(getattr(table, name), table.symbol, sheet.instruments) for name in _PRICES}
    words = {name: getattr(table, name).tolist() for name in ("symbol", "timeframe", "pattern")}
    side = [_SIDES[sign] for sign in table.side.tolist()]
    entry = table.entry.tolist()
    setup_at, valid_until, score = table.setup_at.tolist(), table.valid_until.tolist(), table.score.tolist()
    context = _contexts(table.context, count)
    reason = [mask.reason] * count if isinstance(mask.reason, str) else mask.reason.tolist()
    value = [number if isfinite(number) else None for number in np.asarray(mask.value, dtype=float).tolist()]
    thresholds = np.broadcast_to(np.asarray(mask.threshold, dtype=float), (count,)).tolist()
    threshold = [number if isfinite(number) else None for number in thresholds]
    quoted = _Quoted()
    keys = [f'"{key}"' for key in sheet.keys]
    told = [
        keys, _same(encode_basestring_ascii(sheet.scanner), count),
        *([quoted[text] for text in words[name]] for name in ("symbol", "timeframe", "pattern")),
        [quoted[text] for text in side], [quoted[text] for text in entry], map(str, setup_at),
        map(str, valid_until), *(_quoted_prices(prices[name]) for name in _PRICES), map(repr, score), context,
    ]  # fmt: skip
    ended = [
        keys, _same(f'"{Outcome.REFUSED.value}"', count), _same(encode_basestring_ascii(gate), count),
        [quoted[text] for text in reason], _numbers(value), _numbers(threshold),
    ]  # fmt: skip
    before = zip(
        _same(sheet.scanner, count), words["symbol"], words["timeframe"], words["pattern"], side, entry, setup_at,
        valid_until, prices["trigger"], prices["stop"], prices["target"], score, _same(Outcome.REFUSED.value, count),
        _same(Outcome.REFUSED.value, count), _same(gate, count), reason, value, threshold, strict=True,
    )  # fmt: skip
    return SheetTexts(
        [detected % row for row in zip(*told, strict=True)],
        [verdict % row for row in zip(*ended, strict=True)],
        list(zip(before, context, strict=True)),
    )


class _Quoted(dict[str, str]):
    """Texts as JSON, each encoded once; raises ValueError for one that no file can hold."""

    def __missing__(self, text: str) -> str:
        encoded = encode_basestring_ascii(text)
        expect_storable(encoded)
        self[text] = encoded
        return encoded


def _same(text: str, count: int) -> list[str]:
    return [text] * count


def _numbers(values: Iterable[float | None]) -> list[str]:
    return ["null" if value is None else repr(value) for value in values]


def _quoted_prices(prices: Iterable[str | None]) -> list[str]:
    return ["null" if price is None else f'"{price}"' for price in prices]


def _contexts(columns: Mapping[str, NDArray[np.generic]], count: int) -> list[str]:
    """Return the context of each row as JSON: sorted keys, null for what is no number."""
    if not columns:
        return _same("{}", count)
    names = sorted(columns)
    items = [f"{encode_basestring_ascii(name)}:".replace("%", "%%") + "%s" for name in names]
    template = "{" + ",".join(items) + "}"
    return [template % row for row in zip(*(_context(columns[name]) for name in names), strict=True)]


def _context(column: NDArray[np.generic]) -> list[str]:
    """Return the values of one context column as JSON; texts are few and encoded once."""
    values: list[Any] = column.tolist()
    if column.dtype.kind == "U":
        quoted = _Quoted()
        return [quoted[text] for text in values]
    if column.dtype.kind == "b":
        return ["true" if value else "false" for value in values]
    if column.dtype.kind == "i":
        return [str(value) for value in values]
    plain = (None if isinstance(value, float) and not isfinite(value) else value for value in values)
    encoded = [encode_list((value,))[1:-1] for value in plain]
    for text in encoded if column.dtype.kind == "O" else ():
        expect_storable(text)
    return encoded


def _prices(
    column: NDArray[np.float64], symbols: NDArray[np.str_], instruments: Mapping[str, Instrument]
) -> list[str | None]:
    """Return prices on their ticks as decimal text, None for none."""
    texts: list[str | None] = [None] * len(column)
    for symbol in np.unique(symbols).tolist():
        rows = np.flatnonzero((symbols == symbol) & ~np.isnan(column))
        for row, text in zip(rows.tolist(), _on_tick(column[rows], instruments[symbol]), strict=True):
            texts[row] = text
    return texts


def _on_tick(prices: NDArray[np.float64], instrument: Instrument) -> Iterable[str]:
    tick = instrument.tick_size
    places = -int(tick.as_tuple().exponent)
    units = np.rint(prices / float(tick)) * int(tick.scaleb(places)) + 0.0  # no zero has a sign
    is_plain = 0 <= places <= _MOST_PLACES and len(units) > 0 and units.min() >= 0 and units.max() < _LARGEST
    if not is_plain:
        return [str(instrument.exact(price)) for price in prices.tolist()]
    return [f"{value:.{places}f}" for value in (units / 10**places).tolist()]
