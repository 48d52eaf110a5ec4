"""The provider `files`: your own bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_core import DataError, HasOwnTimeframe, HistoryRequest, Instrument, KnowsTimeframes, Provider
from atlas_sim.delivery import instrument_of, made_for, said_of
from atlas_sim.files.building import Loaded, load
from atlas_sim.files.finding import find_file
from atlas_sim.merging import merged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from atlas_core import BarClosed, Bars, Context, DirtReport, Timeframe
    from atlas_sim.options import FilesOptions


class FilesProvider(Provider, KnowsTimeframes, HasOwnTimeframe):
    """Delivers bars from files; each file is read once, when it is first asked for."""

    def __init__(self, options: FilesOptions, context: Context) -> None:
        self._options = options
        self._log = context.log
        self._loaded: dict[str, Loaded] = {}

    @property
    def report(self) -> Mapping[str, DirtReport]:
        """What was wrong with the file of each symbol that was read so far."""
        return {symbol: loaded.report for symbol, loaded in self._loaded.items()}

    def offers(self, timeframe: Timeframe) -> bool:
        """Tell whether the files can make bars of `timeframe`, as far as the profile says what is in them."""
        held = self._options.timeframe
        return held is None or timeframe.is_multiple_of(held)

    async def open(self) -> None:
        """Do nothing: files are read when a symbol is asked for."""

    async def close(self) -> None:
        """Forget what was read."""
        self._loaded.clear()

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return the instruments: what the profile says, and the tick that the decimals in the file show.

        Raises DataError for a symbol without a usable file.
        """
        loaded = self._load_all(symbols)
        return {
            symbol: instrument_of(symbol, item.bars.tick_size, said_of(symbol, self._options))
            for symbol, item in loaded.items()
        }

    async def own_timeframe(self, symbol: str) -> Timeframe:
        """Return the timeframe of the bars in a symbol's file; raises DataError for a symbol without a usable file."""
        return self._load_all([symbol])[symbol].bars.timeframe

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        """Return the bars of the files in the timeframe asked for, on the grid of each symbol's session.

        Raises DataError for a file that is missing, dirty or ambiguous, or too coarse for the request.
        """
        return self._bars(request)

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        """Yield the bars of `history` as events, as fast as they are read."""
        async for bar in merged(self._bars(request)):
            yield bar

    def _bars(self, request: HistoryRequest) -> Mapping[str, Bars]:
        loaded = self._load_all(request.symbols)
        for symbol, item in loaded.items():
            _require_fine_enough(symbol, item, request)
        return {symbol: self._made(item.bars, request) for symbol, item in loaded.items()}

    def _made(self, bars: Bars, request: HistoryRequest) -> Bars:
        """Return the bars of the request, at their places in the symbol's session where these must be known here."""
        made, left_out = made_for(bars, request)
        if left_out:
            session = request.session(bars.symbol)
            self._log.info("left out {:,} bars of {} outside the session {}", left_out, bars.symbol, session)
        return made

    def _load_all(self, symbols: Sequence[str]) -> Mapping[str, Loaded]:
        for symbol in symbols:
            if symbol not in self._loaded:
                path = find_file(self._options, symbol, symbols)
                loaded = load(path, symbol, self._options, said_of(symbol, self._options).get("tick_size"))
                if loaded.report.dirty:
                    self._log.warning("left out rows that are not bars: {}", loaded.report)
                self._loaded[symbol] = loaded
        return {symbol: self._loaded[symbol] for symbol in symbols}


def _require_fine_enough(symbol: str, loaded: Loaded, request: HistoryRequest) -> None:
    held = loaded.bars.timeframe
    if not request.timeframe.is_multiple_of(held):
        raise DataError(
            f"{loaded.report.file}: expected bars of {request.timeframe} or of a part of it for {symbol}, was {held}; "
            f'set base_timeframe = "{held}" in [universe], or use a finer file'
        )
