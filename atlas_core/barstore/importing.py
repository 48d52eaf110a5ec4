"""Files into the store: each file is read whole, checked whole, and only then written, in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from attrs import evolve, field, frozen

from atlas_core.barfiles.dirt import DirtReport
from atlas_core.barfiles.form import BarFileForm
from atlas_core.barfiles.naming import LAYOUT_ENDINGS, Told, told_by_name, told_by_note
from atlas_core.barfiles.reading import BarFile, read_part
from atlas_core.barfiles.settling import refuse_jump
from atlas_core.barfiles.sources import Part, form_of, parts_of
from atlas_core.barfiles.stage import Stage
from atlas_core.barstore.keys import PriceKind, SeriesKey
from atlas_core.barstore.manifest import Origin
from atlas_core.barstore.merging import Added, NewBars, add
from atlas_core.barstore.store import BarStore
from atlas_core.errors import DataError, NotFound
from atlas_core.model.session import TradingSession

FREQTRADE, AUTO = "freqtrade", "auto"
DEFAULT_SOURCE = "files"
ENDINGS = (".csv", ".gz", ".zip", ".tar", ".tgz", ".parquet", ".feather")


@frozen(kw_only=True)
class Wish:
    """What an import was told, None for what the file shall say; `form` is how it is read.

    `layout` is one of auto, csv, parquet, feather, freqtrade.
    """

    symbol: str | None = None
    source: str | None = None
    price: PriceKind | None = None
    session: TradingSession | None = None
    layout: str = AUTO
    replace: bool = False
    form: BarFileForm = field(factory=BarFileForm)


@frozen(kw_only=True)
class Imported:
    """What became of one file: the bars that were added, and what is wrong with the rows that were left out."""

    file: str
    key: SeriesKey
    outcome: Added
    report: DirtReport
    repairs: dict[str, int]


def files_below(path: Path) -> tuple[Path, ...]:
    """Return a file, or the files of bars in a folder and the folders below it, in the order of their names.

    Raises DataError when there is none.
    """
    if not path.is_dir():
        return (path,)
    found = tuple(sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in ENDINGS))
    if not found:
        raise DataError(f"{path}: expected files of bars ({', '.join(ENDINGS)}) in the folder, was none")
    return found


def import_file(
    store: BarStore, path: Path, wish: Wish, now: int, progress: Callable[[int], None] | None = None
) -> Iterator[Imported]:
    """Read a file and add its bars to the store, an archive file by file; `now` is written down with them.

    `progress` is told how many bytes have been read. Raises DataError for a file that cannot be read or trusted, and
    leaves what the store had before of its series.
    """
    told = _told(path, wish)
    if wish.symbol is None and told.symbol is None:
        raise DataError(f"{path}: expected to be told whose bars these are; add --symbol, as in --symbol BTC/USD")
    with closing(parts_of(path, _form(wish, told).columns, progress)) as parts:
        replace = wish.replace
        for part in parts:
            yield _import_part(store, part, evolve(wish, replace=replace), told, now)
            replace = False  # the files of an archive follow each other, they do not replace each other


def _import_part(store: BarStore, part: Part, wish: Wish, told: Told, now: int) -> Imported:
    stage = Stage(store.root)
    try:
        file = read_part(part, _form(wish, told), stage)
        key = _key(file, wish, told)
        new = _new_bars(file, key, wish, told, now)
        if wish.form.refuse_jumps and not wish.replace:
            _refuse_other_units(store, file, new)
        outcome = add(store, new, replace=wish.replace)
    finally:
        stage.close()
    return Imported(file=part.name, key=key, outcome=outcome, report=file.report, repairs=dict(file.repairs))


def _new_bars(file: BarFile, key: SeriesKey, wish: Wish, told: Told, now: int) -> NewBars:
    repairs = tuple(f"{name}: {count}" for name, count in file.repairs.items())
    first = next(iter(file.pieces(key.symbol)))
    return NewBars(
        key=key,
        pieces=lambda: file.pieces(key.symbol),
        first_opened_at=int(first.opened_at[0]),
        origin=Origin(name=Path(file.name).name, rows=len(file), written_at=now, repairs=repairs),
        session=wish.session or (TradingSession(told.facts["session"]) if "session" in told.facts else None),
        instrument=told.facts.get("instrument", {}),
    )


def _refuse_other_units(store: BarStore, file: BarFile, new: NewBars) -> None:
    """Raise DataError when a file begins at fifty times the price at which the kept bars end, or at a fiftieth."""
    try:
        kept = store.bars(new.key)
    except NotFound:
        return
    if len(kept) and new.first_opened_at >= kept.available_at[-1] and new.key.price is not PriceKind.FUNDING:
        opened = float(next(iter(file.pieces(new.key.symbol))).open[0])
        refuse_jump(file.name, float(kept.close[-1]), opened, "its first row")


def _told(path: Path, wish: Wish) -> Told:
    """Return what the file says of itself; raises DataError when it is not of the form that was asked for."""
    form = form_of(path)
    if wish.layout not in (AUTO, FREQTRADE, form):
        raise DataError(f"{path}: expected {wish.layout}, was {form}; leave --format away to have it recognised")
    by_name = told_by_name(path) if wish.layout in (AUTO, FREQTRADE) else None
    if by_name is None and wish.layout == FREQTRADE:
        endings = " or ".join(LAYOUT_ENDINGS)
        raise DataError(f"{path}: expected a name such as BTC_USDT-5m{LAYOUT_ENDINGS[0]} ({endings}), was {path.name}")
    if form != "parquet":
        return by_name or Told()
    from atlas_core.barfiles.arrow import told_by_parquet

    return told_by_note(path, told_by_parquet(path)) or by_name or Told()


def _key(file: BarFile, wish: Wish, told: Told) -> SeriesKey:
    symbol = str(wish.symbol or told.symbol)
    source = wish.source or told.source or DEFAULT_SOURCE
    return SeriesKey(source, symbol, file.timeframe, wish.price or PriceKind(told.price))


def _form(wish: Wish, told: Told) -> BarFileForm:
    """Return how to read the file: what was said on the command line goes before what the file says."""
    price = wish.price or PriceKind(told.price)
    tick = Decimal(told.facts["tick_size"]) if "tick_size" in told.facts else None
    columns = wish.form.columns
    if price in (PriceKind.MARK, PriceKind.INDEX) and "volume" not in columns:
        columns = {**columns, "volume": ""}  # marks are not traded, and their files leave the volume blank
    return evolve(
        wish.form,
        columns=columns,
        timeframe=wish.form.timeframe or told.timeframe,
        tick_size=wish.form.tick_size or tick,
        are_prices=price is not PriceKind.FUNDING,
    )
