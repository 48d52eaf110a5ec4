"""Warm in time: how many bars a scanner looks back on, measured, held against what it declares.

A history that begins later must give the same signals from the declared number of bars on. Every timeframe is tried
alone, then all of them in the window that a session shows, and at last whole runs, which also try what gates, sizer and
exit rules read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from attrs import define, evolve, field, frozen

from atlas_core.backtest.driver import DriverKind
from atlas_core.checking.comparing import RowDifference, first_record_difference, first_row_difference
from atlas_core.checking.culprits import both_told, culprit
from atlas_core.checking.cuts import cuts_of_scanner
from atlas_core.checking.findings import component_names, moment
from atlas_core.checking.market import RecordedMarket
from atlas_core.checking.running import ScanRoom, decided
from atlas_core.compose import LabelledScanner
from atlas_core.contracts import Need
from atlas_core.loading import scan
from atlas_core.marketdata.history import MarketData
from atlas_core.marketdata.live import FrozenMarket
from atlas_core.marketdata.timetable import Timetable
from atlas_core.model.bars import Bars
from atlas_core.model.signals import SignalTable
from atlas_core.profile import Profile
from atlas_core.wiring import timetable_of

Step = Callable[[str, int, int], None]

SPARE_BARS = 2
"""A session shows so many bars more than a scanner looks back on: the newest one, and one to spare."""

FEWEST_BARS = 4
OK, TOO_SHORT, NEVER, UNKNOWN = "ok", "too short", "never settles", "too few bars"


@frozen(kw_only=True)
class WarmupPlan:
    """How much is tried: later beginnings for each timeframe, windows of a session, runs, and the seed."""

    starts: int = 12
    windows: int = 32
    runs: int = 1
    seed: int = 1
    driver: DriverKind = DriverKind.SKIPPING
    step: Step = lambda _what, _done, _total: None


@frozen(kw_only=True)
class NeedResult:
    """One timeframe of one scanner: bars that it declares and bars that it needs before a signal.

    `needed` is the largest number of bars with which a signal was still wrong; `example` tells that signal.
    """

    component: str
    timeframe: str
    declared: int
    needed: int
    bars: int
    verdict: str
    example: str = ""


@frozen(kw_only=True)
class WarmupFinding:
    """Something that is not there in time although every timeframe alone is."""

    component: str
    what: str
    with_more: str
    with_declared: str
    advice: str


@frozen(kw_only=True)
class WarmupReport:
    """What became of a check of the warm-up."""

    profile: str
    symbols: tuple[str, ...]
    start: int
    end: int
    needs: tuple[NeedResult, ...]
    findings: tuple[WarmupFinding, ...]

    @property
    def is_clean(self) -> bool:
        """Tell whether everything that is declared suffices."""
        return not self.findings and all(need.verdict not in (TOO_SHORT, NEVER) for need in self.needs)


def check_warmup(profile: Profile, market: RecordedMarket, plan: WarmupPlan | None = None) -> WarmupReport:
    """Measure from which bar on the signals of a profile do not depend on the amount of history.

    Raises ContractError when a scanner fails on the whole history.
    """
    check = _Check(profile, market, plan or WarmupPlan(), timetable_of(profile, market.instruments))
    needs = [found for chosen in profile.scanners for found in check.scanner(chosen.label)]
    check.runs()
    known = {need.component for need in needs if need.verdict in (TOO_SHORT, NEVER)}
    findings = tuple(found for found in check.findings if found.component not in known)
    return WarmupReport(
        profile=profile.name, symbols=profile.universe.symbols, start=market.start, end=market.end,
        needs=tuple(needs), findings=findings,
    )  # fmt: skip


@define
class _Check:
    profile: Profile
    market: RecordedMarket
    plan: WarmupPlan
    timetable: Timetable
    findings: list[WarmupFinding] = field(factory=list)
    data: MarketData = field(init=False)
    _steps: int = field(init=False)
    _done: int = 0

    @_steps.default
    def _count_steps(self) -> int:
        scanners = ScanRoom.of(self.profile, self.market).system.scanners
        timeframes = sum(len({need.timeframe for need in scanner.needs}) for scanner in scanners)
        return self.plan.starts * timeframes + self.plan.windows * len(scanners) + 2 * self.plan.runs

    @data.default
    def _data(self) -> MarketData:
        return self.market.data(self.timetable)

    # --- one scanner

    def scanner(self, label: str) -> list[NeedResult]:
        """Measure every timeframe of a scanner, and try the window that a session shows."""
        whole = ScanRoom.of(self.profile, self.market).scan(label)
        needs = ScanRoom.of(self.profile, self.market).scanner(label).needs
        deepest = {need.timeframe: max(n.warmup_bars for n in needs if n.timeframe == need.timeframe) for need in needs}
        results = [self._measured(label, Need(name, bars), deepest, whole) for name, bars in deepest.items()]
        if all(found.verdict in (OK, UNKNOWN) for found in results):
            self._try_windows(label, deepest, whole)
        return results

    def _measured(self, label: str, need: Need, deepest: Mapping[str, int], whole: SignalTable) -> NeedResult:
        """Let the bars of one timeframe begin later, and look for the last signal that is wrong for it."""
        most = max(len(self.data.bars(symbol, need.timeframe)) for symbol in self.data.symbols)
        worst, example, settles = 0, "", True
        starts = self._starts(label, need)
        for start in starts:
            self._step(f"scanner {label}, less of {need.timeframe}")
            table = self._scan(label, self._later(deepest, need.timeframe, start))
            if isinstance(table, str):
                return self._result(label, need, need.warmup_bars + 1, most, TOO_SHORT, f"failed: {table}")
            for symbol in self.data.symbols:
                found = _last_difference(whole, table, symbol, start, self.market)
                if found is None:
                    continue
                bars = self._shown(symbol, need.timeframe, start, found.available_at)
                if bars > worst:
                    worst, example = bars, _told(found)
                    settles = self._shown(symbol, need.timeframe, start, self.market.end) > bars + SPARE_BARS
        verdict = _verdict(worst, need.warmup_bars, has_starts=bool(starts), settles=settles)
        return self._result(label, need, worst, most, verdict, example)

    def _result(self, label: str, need: Need, needed: int, bars: int, verdict: str, example: str) -> NeedResult:
        return NeedResult(
            component=f"scanner {label}", timeframe=need.timeframe, declared=need.warmup_bars, needed=needed,
            bars=bars, verdict=verdict, example=example,
        )  # fmt: skip

    def _starts(self, label: str, need: Need) -> list[int]:
        """Return times from which the bars of a timeframe are shown, with room for its warm-up behind each."""
        longest = max((self.data.bars(symbol, need.timeframe) for symbol in self.data.symbols), key=len)
        last = len(longest) - need.warmup_bars - SPARE_BARS
        if len(longest) < FEWEST_BARS or last < 2:
            return []
        random = self._random(f"{label} {need.timeframe}")
        places = random.choice(np.arange(1, last), min(self.plan.starts, last - 1), replace=False)
        return sorted(int(longest.opened_at[place]) for place in places.tolist())

    def _shown(self, symbol: str, timeframe: str, start: int, ts: int) -> int:
        """Return how many bars a history from `start` on has at `ts`."""
        bars = self.data.bars(symbol, timeframe)
        return max(0, bars.count_available(ts) - int(np.searchsorted(bars.opened_at, start)))

    def _later(self, needs: Mapping[str, int], timeframe: str, start: int) -> FrozenMarket:
        """Return the market in which the bars of one timeframe begin at `start`."""

        def shown(bars: Bars) -> int:
            is_later = bars.timeframe.text == timeframe
            return len(bars) - (int(np.searchsorted(bars.opened_at, start)) if is_later else 0)

        return self._frozen(needs, shown, self.market.end)

    def _frozen(self, needs: Mapping[str, int], shown: Callable[[Bars], int], until: int) -> FrozenMarket:
        bars = {
            (symbol, timeframe): self.data.bars(symbol, timeframe).until(until)
            for timeframe in needs
            for symbol in self.data.symbols
        }
        grids = {symbol: self.data.grid(symbol) for symbol in self.data.symbols}
        views = {key: (each, min(len(each), shown(each))) for key, each in bars.items()}
        return FrozenMarket(self.data.symbols, self.market.instruments, views, grids)

    def _try_windows(self, label: str, needs: Mapping[str, int], whole: SignalTable) -> None:
        """Show what a session shows at some instants: the declared bars of every timeframe, and no more."""
        closes = self.market.closes()
        for now in cuts_of_scanner(whole, closes, self.plan.windows, self._random(f"{label} windows")):
            self._step(f"scanner {label}, windows")
            window = self._frozen(needs, lambda bars: needs[bars.timeframe.text] + SPARE_BARS, now)
            table = self._scan(label, window)
            expected = whole.take(whole.available_at == now)
            if isinstance(table, str):
                found = (f"signals at {moment(now)}", f"{len(expected)} of them", f"failed: {table}")
            else:
                differs = first_row_difference(expected, table.take(table.available_at == now), self.market.instruments)
                if differs is None:
                    continue
                found = (_told(differs), differs.one or "no such signal", differs.other or "no such signal")
            advice = "declare in needs() every timeframe that is read, with the bars that are looked back on"
            self._note(f"scanner {label}", *found, advice)
            return

    def _scan(self, label: str, market: FrozenMarket) -> SignalTable | str:
        """Return the signals of a market that shows the declared timeframes only, or why there are none."""
        try:
            scanner: LabelledScanner = ScanRoom.of(self.profile, self.market).scanner(label)
            return scan(scanner.scanner, market).sorted()
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    # --- whole runs

    def runs(self) -> None:
        """Begin runs later, once with all history before and once with what the components declare."""
        closes = self.market.closes()
        system = ScanRoom.of(self.profile, self.market).system
        needs = [need for asked in system.asked for need in asked.needs]
        for place in range(1, self.plan.runs + 1):
            start = int(closes[len(closes) * place // (self.plan.runs + 1)])
            warm_from = self.timetable.history_start(start, needs)
            if all(int(bars.opened_at[0]) >= warm_from for bars in self.market.bars.values()):
                continue
            self._run_from(start, warm_from)

    def _run_from(self, start: int, warm_from: int) -> None:
        whole = evolve(self.market, start=start, funding=tuple(due for due in self.market.funding if due.ts > start))
        bars = {symbol: each.take(each.opened_at >= warm_from) for symbol, each in self.market.bars.items()}
        self._step("run with all history")
        one = decided(self.profile, whole, driver=self.plan.driver)
        self._step("run with what is declared")
        other = decided(self.profile, whole.with_bars(bars), driver=self.plan.driver)
        difference = first_record_difference(one, other)
        if difference is None:
            return
        name, record = culprit(one, other, difference, [name for name, _ in component_names(self.profile)])
        what = f"{record.kind.replace('_', ' ')} at {moment(record.ts)}, in a run from {moment(start)} on"
        self._note(name, what, *both_told(difference, record), "declare in needs() the bars that are looked back on")

    # --- book-keeping

    def _note(self, component: str, what: str, with_more: str, with_declared: str, advice: str) -> None:
        self.findings.append(
            WarmupFinding(
                component=component, what=what, with_more=with_more, with_declared=with_declared, advice=advice
            )
        )

    def _random(self, name: str) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.plan.seed, *name.encode()]))

    def _step(self, what: str) -> None:
        self._done += 1
        self.plan.step(what, self._done, self._steps)


def _verdict(needed: int, declared: int, *, has_starts: bool, settles: bool) -> str:
    if not has_starts:
        return UNKNOWN
    if needed <= declared:
        return OK
    return TOO_SHORT if settles else NEVER


def _last_difference(
    whole: SignalTable, table: SignalTable, symbol: str, start: int, market: RecordedMarket
) -> RowDifference | None:
    """Return the last signal of a symbol after `start` that differs."""
    sides = []
    for each in (whole, table):
        rows = np.flatnonzero((each.symbol == symbol) & (each.available_at > start))
        sides.append(each.take(rows[::-1]))
    return first_row_difference(sides[0], sides[1], market.instruments)


def _told(found: RowDifference) -> str:
    where = f"{found.signal} of {found.symbol}, known since {moment(found.available_at)}"
    return f"{where}, differs in {', '.join(found.fields)}" if found.fields else where
