"""What a person sees while a run goes on: lines about entries, exits and funding, and a progress bar on stderr.

The bar is drawn on a terminal only. The watch also keeps the records, so that the result screens need not read the
journal again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click
from attrs import define, field
from loguru import logger

from atlas_core.cli.formats import number, price, signed, when
from atlas_core.cli.progress import drawn_bar
from atlas_core.cli.tables import say
from atlas_core.cli.unread import takes_more
from atlas_core.model.records import FundingBooked, PositionClosed, PositionOpened, Record, SignalDetected
from atlas_core.report.trades import price_decimals

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from atlas_core.search.ledger import DataSet
    from atlas_core.watching import TradedMarket

EVENT_LINES = 12
SETUPS_KEPT = 10_000
"""An entry comes soon after its signal, or never."""


@define
class EventTeller:
    """Turns records into the lines that people follow a run by."""

    _setup_by_key: dict[str, str] = field(factory=dict)
    _decimals: dict[str, int] = field(factory=dict)

    def line(self, record: Record) -> str | None:
        """Return a line for an entry, an exit or funding; None for any other record, of which it learns."""
        if isinstance(record, SignalDetected):
            self._setup_by_key[record.key] = f"{record.pattern} {record.timeframe}"
            if len(self._setup_by_key) > SETUPS_KEPT:
                del self._setup_by_key[next(iter(self._setup_by_key))]
        for symbol, decimals in price_decimals([record]).items():
            self._decimals[symbol] = max(decimals, self._decimals.get(symbol, 0))
        return self._told(record)

    def _told(self, record: Record) -> str | None:
        if isinstance(record, PositionOpened):
            digits = self._decimals.get(record.symbol)
            quantity = price(record.quantity.normalize())
            what = f"{record.side.value} {quantity} @ {price(record.price, digits)}"
            return _line("ENTRY", record, f"{what}  {self._setup_by_key.get(record.signal_key, '')}")
        if isinstance(record, PositionClosed):
            multiple = f" ({number(record.r_multiple, 1, sign=True)} R)" if record.r_multiple is not None else ""
            what = f"{record.rule} @ {price(record.exit_price, self._decimals.get(record.symbol))}"
            return _line("EXIT", record, f"{what}  {signed(record.net)}{multiple}")
        if isinstance(record, FundingBooked):
            return _line("FUNDING", record, f"rate {number(float(record.rate) * 100, 4)} %  {signed(-record.amount)}")
        return None


def _line(word: str, record: PositionOpened | PositionClosed | FundingBooked, what: str) -> str:
    return f"  {when(record.ts)}  {word:<7} {record.symbol:<10} {what.rstrip()}  trade {record.trade_id}"


class LiveScreen(AbstractContextManager["LiveScreen"]):
    """The watch of a run: keeps its records, tells about events, draws a bar where stderr is a terminal.

    A session that goes on for months `keeps` nothing: its journal has it all.
    """

    def __init__(self, run_id: str, *, with_events: bool, with_bar: bool, keeps: bool = True) -> None:
        self.kept: list[Record] = []
        self.market: TradedMarket | None = None
        self._data_rows: Future[list[dict[str, Any]]] | None = None
        self._keeps = keeps
        self._run_id = run_id
        self._with_events = with_events
        self._progress: Progress | None = (
            drawn_bar(after="{task.fields[market]}") if with_bar and sys.stderr.isatty() else None
        )
        self._task: TaskID | None = None
        self._teller = EventTeller()
        self._lines = self._shown = 0

    def __enter__(self) -> LiveScreen:
        with self.while_somebody_reads():
            sys.stdout.flush()  # what stands above is seen at once, also through a pipe
        if self._progress is not None:
            self._task = self._progress.add_task("", total=None, market="")
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        if self._with_events and self._lines > self._shown:
            self._show(f"  ... {self._lines - self._shown} more events: atlas report {self._run_id} --what events")

    def loaded(self, market: TradedMarket) -> None:
        """Keep the market, for what buying and holding it would have made; what identifies it is found meanwhile."""
        from atlas_core.report.provenance import data_rows

        self.market = market
        pool = ThreadPoolExecutor(1, thread_name_prefix="data-rows")
        self._data_rows = pool.submit(data_rows, market.all_bars)
        pool.shutdown(wait=False)

    def data_rows(self) -> list[dict[str, Any]]:
        """Return what identifies the bars that were loaded, none for a run that was not told of them."""
        return [] if self._data_rows is None else self._data_rows.result()

    def data_set(self, origin: str) -> DataSet | None:
        """Return what identifies the bars of the run itself, None for a run that was not told of them."""
        from atlas_core.search.data import data_of

        if self.market is None:
            return None
        bars = self.market.bars
        own = {(symbol, str(each.timeframe), len(each)) for symbol, each in bars.items()}
        whole = (row for row in self.data_rows() if (row["symbol"], row["timeframe"], row["bars"]) in own)
        return data_of(bars.values(), origin, {row["symbol"]: row["digest"] for row in whole})

    def progress(self, done: int, total: int, now: int) -> None:
        """Show how far the run is: steps done of all, and the market's time."""
        if self._progress is None or self._task is None:
            return
        self._progress.update(self._task, completed=done, total=total or None, market=when(now))

    def records(self, records: Sequence[Record]) -> None:
        """Keep the records, and tell about entries, exits and funding."""
        if self._keeps:
            self.kept.extend(records)
        if self._with_events:
            for record in records:
                self._tell(record)

    def _tell(self, record: Record) -> None:
        line = self._teller.line(record)
        if line is None:
            return
        self._lines += 1
        if self._shown < EVENT_LINES and self._show(line):
            self._shown += 1

    def note(self, text: str) -> None:
        """Say something on stderr, above the bar."""
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=True)

    def _show(self, line: str) -> bool:
        """Show a line and tell whether stdout took it: whoever holds it up now may read the next one."""
        if not (self._with_events and takes_more(sys.stdout)):
            return False
        with self.while_somebody_reads():
            if self._progress is not None and sys.stdout.isatty():  # above the bar, not through it
                self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
            else:
                say(line)
                sys.stdout.flush()
        return self._with_events

    @contextmanager
    def while_somebody_reads(self) -> Iterator[None]:
        """Show no more events once stdout takes none, as a pipe without a reader: no session ends for that."""
        try:
            yield
        except OSError as fault:
            self._with_events = False
            logger.warning("events are no longer shown: {}", fault)
