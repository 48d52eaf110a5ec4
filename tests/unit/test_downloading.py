"""Downloads keep what came, go on where they were broken off, and end with the bars of a download that was not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import define, field
from click.testing import CliRunner, Result

from atlas_core import (
    AuthFailed,
    BarClosed,
    Bars,
    BarStore,
    DataError,
    HistoryRequest,
    Instrument,
    InstrumentKind,
    NotReady,
    Provider,
    SeriesKey,
    Throttled,
    VenueError,
    parse_timeframe,
    read_moment,
)
from atlas_core.cli.main import atlas
from atlas_core.downloading import Downloaded, DownloadPlan, download
from atlas_core.model.session import TradingSession

pytestmark = pytest.mark.usefixtures("instant_disk")

MINUTE = parse_timeframe("1m")
START = read_moment("2026-01-05")
NOW = START + 1_000 * MINUTE.duration
HELD = 500
MISSING = {100, 101, 102, 250}


def market(first: int, last: int, missing: frozenset[int] = frozenset(MISSING)) -> list[list[float]]:
    """The rows of the market that open in a span: time, open, high, low, close, volume."""
    rows = [row for row in range(HELD) if row not in missing and first <= START + row * MINUTE.duration < last]
    return [[START + row * MINUTE.duration, 5 + row % 7, 20, 1, 5 + row % 5, row] for row in rows]


@define
class Venue:
    """A venue on loopback: one question and one answer for each connection; some questions it hangs up on."""

    hang_up_on: set[int] = field(factory=set)
    missing: frozenset[int] = frozenset(MISSING)
    asked: list[tuple[int, int]] = field(factory=list)
    port: int = 0
    waits: list[float] = field(factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, last = json.loads(await reader.readline())
        self.asked.append((first, last))
        if len(self.asked) not in self.hang_up_on:
            writer.write(json.dumps(market(first, last, self.missing)).encode() + b"\n")
            await writer.drain()
        writer.close()


@define
class LoopbackProvider(Provider):
    """Asks the venue over a socket; a connection that ends without an answer is `NotReady`."""

    venue: Venue
    kind: InstrumentKind = InstrumentKind.SPOT
    faults: list[VenueError] = field(factory=list)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        if "NONE" in symbols:
            raise DataError("expected a listed symbol, was NONE")
        return {symbol: Instrument(symbol, self.kind) for symbol in symbols}

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        if self.faults:
            raise self.faults.pop(0)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.venue.port)
        span = [START if request.start is None else request.start, NOW if request.end is None else request.end]
        writer.write(json.dumps(span).encode() + b"\n")
        line = await reader.readline()
        writer.close()
        if not line:
            raise NotReady("the venue hung up")
        rows = np.array(json.loads(line)).reshape(-1, 6)
        opened = rows[:, 0].astype(np.int64)
        columns = [rows[:, place] for place in range(1, 6)]
        symbol = request.symbols[0]
        return {symbol: Bars(symbol, request.timeframe, opened, opened + request.timeframe.duration, *columns)}

    def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        raise NotImplementedError


def plan(*symbols: str, **changes: Any) -> DownloadPlan:
    said = {"start": START, "now": NOW, "timeframes": (MINUTE,), **changes}
    return DownloadPlan(source="venue", symbols=symbols or ("X",), **said)


def run(wanted: DownloadPlan, venue: Venue, store: BarStore, **changes: Any) -> list[Downloaded]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def work() -> list[Downloaded]:
        server = await asyncio.start_server(venue.answer, "127.0.0.1", 0)
        venue.port = server.sockets[0].getsockname()[1]
        async with server:
            provider = LoopbackProvider(venue, **changes)
            return await download(wanted, provider, store, lambda _what, _share: None, sleep)

    done = asyncio.run(work())
    venue.waits = waits
    return done


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pages of a hundred bars."""
    monkeypatch.setattr("atlas_core.downloading.PAGE_BARS", 100)


def minutes(store: BarStore, symbol: str = "X") -> list[int]:
    bars = store.bars(SeriesKey("venue", symbol, MINUTE))
    return ((bars.opened_at - START) // MINUTE.duration).tolist()


WHOLE = [row for row in range(HELD) if row not in MISSING]


@pytest.mark.usefixtures("pages")
def test_a_whole_download_is_kept_with_its_gaps_told(tmp_path: Path) -> None:
    store, venue = BarStore(tmp_path), Venue()
    (done,) = run(plan(), venue, store)
    assert (done.fault, done.added) == (None, len(WHOLE))
    assert minutes(store) == WHOLE
    assert done.manifest is not None
    assert (done.manifest.gaps, done.manifest.missing_bars) == (2, 4)
    assert done.manifest.instrument["kind"] == "spot"
    assert [origin.name for origin in done.manifest.origins] == ["venue"]
    assert len(venue.asked) == 10


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize("broken", [1, 2, 3, 4, 5])
def test_a_venue_that_fails_midway_leaves_what_came_and_the_next_start_goes_on(tmp_path: Path, broken: int) -> None:
    store, venue = BarStore(tmp_path / "broken"), Venue(hang_up_on={broken, *range(broken + 1, broken + 4)})
    first, *rest = run(plan("X", "Y"), venue, store)
    assert isinstance(first.fault, NotReady)
    assert rest == []  # a venue that is down is not asked for the next symbol
    assert venue.waits == [1.0, 2.0, 4.0]
    kept = [row for row in WHOLE if row < (broken - 1) * 100]
    assert first.added == len(kept)
    assert (minutes(store) if kept else []) == kept
    again = Venue()
    run(plan("X"), again, store)
    assert minutes(store) == WHOLE
    assert again.asked[0][0] >= (START if not kept else START + kept[-1] * MINUTE.duration)
    whole = BarStore(tmp_path / "whole")
    run(plan("X"), Venue(), whole)
    key = SeriesKey("venue", "X", MINUTE)
    assert store.series(key).manifest.identity == whole.series(key).manifest.identity


@pytest.mark.usefixtures("pages")
def test_what_is_kept_is_not_asked_for_again(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    run(plan(end=START + 300 * MINUTE.duration), Venue(), store)
    venue = Venue()
    run(plan(end=START + 400 * MINUTE.duration), venue, store)
    assert venue.asked == [(START + 300 * MINUTE.duration, START + 400 * MINUTE.duration)]


@pytest.mark.usefixtures("pages")
def test_an_earlier_start_is_read_backwards_so_that_a_failure_leaves_no_hole(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    run(plan(start=START + 400 * MINUTE.duration), Venue(), store)
    (broken,) = run(plan(), Venue(hang_up_on={3, 4, 5, 6}), store)
    assert isinstance(broken.fault, NotReady)
    assert minutes(store) == [row for row in WHOLE if row >= 200]
    run(plan(), Venue(), store)
    assert minutes(store) == WHOLE


@pytest.mark.usefixtures("pages")
def test_gaps_are_asked_for_again_only_when_told(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    run(plan(), Venue(), store)
    repaired = frozenset({250})
    run(plan(), Venue(missing=repaired), store)
    assert minutes(store) == WHOLE
    (done,) = run(plan(fill_gaps=True), Venue(missing=repaired), store)
    assert done.added == 3
    assert minutes(store) == [row for row in range(HELD) if row != 250]


def test_a_throttled_request_waits_as_long_as_the_venue_says(tmp_path: Path) -> None:
    venue = Venue()
    run(plan(), venue, BarStore(tmp_path), faults=[Throttled("slow down", 7.5), NotReady("starting")])
    assert venue.waits == [7.5, 2.0]


def test_a_refused_key_is_not_tried_again(tmp_path: Path) -> None:
    venue = Venue()
    (done,) = run(plan("X", "Y"), venue, BarStore(tmp_path), faults=[AuthFailed("no such key")])
    assert isinstance(done.fault, AuthFailed)
    assert venue.waits == []


def test_a_symbol_that_the_provider_does_not_have_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    first, second = run(plan("NONE", "Y"), Venue(), store)
    assert isinstance(first.fault, DataError)
    assert second.fault is None
    assert minutes(store, "Y") == WHOLE


def test_bars_of_another_market_under_the_same_name_are_refused(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    run(plan(end=START + 100 * MINUTE.duration), Venue(), store)
    bars = store.bars(SeriesKey("venue", "X", MINUTE))
    with store.writer(SeriesKey("venue", "X", MINUTE), append=False) as writer:
        writer.write(Bars("X", MINUTE, *[getattr(bars, name) for name in _NAMES], bars.volume + 1).between(50, 60))
        writer.commit()
    (done,) = run(plan(is_synthetic=True), Venue(), store)
    assert isinstance(done.fault, DataError)
    assert "as it is kept" in str(done.fault)


_NAMES = ("opened_at", "available_at", "open", "high", "low", "close")


def test_gaps_are_counted_in_the_session_of_the_instrument(tmp_path: Path) -> None:
    (done,) = run(plan(), Venue(), BarStore(tmp_path), kind=InstrumentKind.STOCK)
    assert done.manifest is not None
    assert done.manifest.session is TradingSession.US_EQUITIES


PROFILE = """
profile = { name = "p", mode = "backtest" }
universe = { symbols = ["BTC-PERP"], base_timeframe = "1m" }
scanner = [{ use = "sma-cross", timeframe = "15m" }]
sizer = { use = "fixed-fraction", fraction_pct = 20 }
broker = { use = "paper", taker_fee_bps = 5 }
exit = [{ use = "stop", pct = 1 }]
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(atlas, ["data", *arguments])


def test_the_synthetic_market_is_downloaded_and_a_profile_runs_on_what_was_kept(tmp_path: Path) -> None:
    paths = {"sim": tmp_path / "made.toml", "store": tmp_path / "kept.toml"}
    paths["sim"].write_text(f'{PROFILE}[provider]\nuse = "sim"\ndays = 3\n')
    done = call("download", str(paths["sim"]))
    assert done.exit_code == 0, done.output
    assert "BTC-PERP 1m of sim-" in done.output
    assert "funding of sim-" in done.output
    source = json.loads(call("list", "--json").output)["series"][0]["source"]
    again = call("download", str(paths["sim"]), "--json")
    assert [each["added"] for each in json.loads(again.output)] == [0] * len(json.loads(again.output))
    assert again.exit_code == 0
    paths["store"].write_text(f'{PROFILE}[provider]\nuse = "store"\nsource = "{source}"\n')
    trades = []
    for path in paths.values():
        ran = CliRunner().invoke(atlas, ["backtest", str(path), "--json"])
        assert ran.exit_code == 0, (ran.output, ran.exception)
        trades.append(json.loads(ran.output)["trades"])
    assert trades[0] == trades[1]
    assert len(trades[0]) >= 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected either a profile or --provider NAME"),
        (("demo", "--provider", "sim"), "expected either a profile or --provider NAME"),
        (("--provider", "sim"), "expected --symbols and --timeframes with --provider"),
        (("--provider", "sim", "--set", "days=3"), "expected --set provider.KEY=VALUE"),
        (("--provider", "sim", "--symbols", "A", "--timeframes", "1x"), "expected a timeframe"),
        (("demo", "--timerange", "2026"), "expected a range such as"),
        (("demo", "--timerange", "20260105-20260101"), "expected a time range that ends after it begins"),
    ],
)
def test_a_download_that_cannot_be_meant_is_refused(arguments: tuple[str, ...], message: str) -> None:
    failed = call("download", *arguments)
    assert failed.exit_code != 0
    assert message in f"{failed.exception}{failed.output}"


def test_a_symbol_without_bars_ends_with_the_code_of_data(tmp_path: Path) -> None:
    del tmp_path
    failed = call("download", "--provider", "sim", "--symbols", "NONE,BTC-PERP", "--timeframes", "1h", "--seed", "1")
    assert failed.exit_code == DataError.exit_code
    assert "NONE 1h of sim-1: " in failed.output
    assert "BTC-PERP 1h of sim-1: " in failed.output
