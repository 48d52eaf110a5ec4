"""No look-ahead, by proof: cut the future away or poison it, and nothing that was decided before may change.

The scanners are tried first, each alone, on many cuts; then whole runs of the profile, which also try gates, sizer and
exit rules and everything that components might share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile

import numpy as np
from attrs import define, evolve, field, frozen

from atlas_core.backtest.driver import DriverKind
from atlas_core.checking.comparing import RowDifference, first_record_difference, first_row_difference
from atlas_core.checking.culprits import answers_of, both_told, culprit
from atlas_core.checking.cuts import cuts_of_run, cuts_of_scanner
from atlas_core.checking.findings import (
    REPEATED,
    ComponentResult,
    Finding,
    LookaheadReport,
    component_names,
    moment,
    one_per_check,
)
from atlas_core.checking.market import RecordedMarket
from atlas_core.checking.masks import Texts, mask_differences
from atlas_core.checking.poison import poisoned, with_other_close
from atlas_core.checking.running import ScanRoom, asked_twice, decided
from atlas_core.checking.sources import warnings_of
from atlas_core.checking.steps import step_differences
from atlas_core.checking.witness import Witness
from atlas_core.errors import ContractError, DataError
from atlas_core.model.orders import OrderRole
from atlas_core.model.record import TradeRecord
from atlas_core.model.records import (
    FillBooked,
    OrderIntended,
    PositionOpened,
    Record,
    SignalDetected,
    SignalTriggered,
    VerdictReached,
)
from atlas_core.model.signals import SignalTable
from atlas_core.profile import Profile

Step = Callable[[str, int, int], None]
"""Learns what is being done, how many steps are done, and how many there are."""

CUT, POISONED, CLOSE, MASKED = "future cut off", "future poisoned", "close of the bar changed", "later rows taken away"
STEPPED = "steps of a shorter history"
FEWEST_BARS = 3
ELSEWHERE = "future cut off in another process"

_ADVICE = {
    "scanner": "let every column of a row come from bars that were available at the row's available_at",
    "gate": "judge by what `market` and `portfolio` give; keep nothing that a scanner saw",
    "sizer": "count with what `account` and `market` give; keep nothing that a scanner saw",
    "exit": "ask `market` for the bars of the moment; share nothing with a scanner",
    "engine": "a component changes what the engine is given: see what components share and keep",
}
_REPEAT_ADVICE = "draw from Context.random, take the time from `market.now`, keep no state between calls"
_ELSEWHERE_ADVICE = "keep nothing in a module from one run to the next, and go through sorted values instead of sets"
_ADVICE_OF_CHECK = {REPEATED: _REPEAT_ADVICE, ELSEWHERE: _ELSEWHERE_ADVICE}
_MASK_ADVICE = "let `mask` judge every row by itself, as `review` does"
_STEP_ADVICE = "let every step come from bars that were available at it, as `on_market` sees them"


@frozen(kw_only=True)
class LookaheadPlan:
    """How much is tried: cuts for each scanner, cuts of whole runs, and the seed that chooses them.

    A `witness` repeats the last cut elsewhere: what a module of this process remembers is not known there.
    """

    scan_cuts: int = 24
    run_cuts: int = 5
    seed: int = 1
    driver: DriverKind = DriverKind.SKIPPING
    witness: Witness | None = None
    step: Step = lambda _what, _done, _total: None


def check_lookahead(profile: Profile, market: RecordedMarket, plan: LookaheadPlan | None = None) -> LookaheadReport:
    """Try whether any component of a profile sees the future of a market.

    Raises DataError for a market of one bar and ContractError when a scanner fails on the whole history.
    """
    if len(market.closes()) < FEWEST_BARS:
        raise DataError(f"expected a history of several bars to cut, was {len(market.closes())}")
    return _Check(profile, market, plan or LookaheadPlan()).report()


@define
class _Check:
    profile: Profile
    market: RecordedMarket
    plan: LookaheadPlan
    scans: int = 0
    runs: int = 0
    _done: int = 0
    _found: list[Finding] = field(factory=list)
    _notes: list[str] = field(factory=list)

    def report(self) -> LookaheadReport:
        names = component_names(self.profile)
        tables = {each.label: self._check_scanner(each.label) for each in self.profile.scanners}
        for label, difference, cut in mask_differences(self.profile, self.market, tables):
            self._note(f"gate {label}", MASKED, *difference, cut=cut, advice=_MASK_ADVICE)
        for label, difference, cut in step_differences(self.profile, self.market):
            self._note(f"exit rule {label}", STEPPED, *difference, cut=cut, advice=_STEP_ADVICE)
        whole = self._check_runs([name for name, _ in names])
        counts = answers_of(whole, [name for name, _ in names])
        counts.update({f"scanner {label}": len(table) for label, table in tables.items()})
        warnings = warnings_of(self.profile)
        components = tuple(
            ComponentResult(
                component=name,
                use=use,
                compared=counts[name],
                findings=one_per_check([found for found in self._found if found.component == name]),
                warnings=warnings.get(name, ()),
            )
            for name, use in [*names, *self._engine()]
        )
        return LookaheadReport(
            profile=self.profile.name, symbols=self.profile.universe.symbols, start=self.market.start,
            end=self.market.end, components=components, scans=self.scans, runs=self.runs, notes=tuple(self._notes),
        )  # fmt: skip

    def _engine(self) -> list[tuple[str, str]]:
        return [("engine", "")] if any(found.component == "engine" for found in self._found) else []

    # --- scanners

    def _check_scanner(self, label: str) -> SignalTable:
        """Try one scanner; return the signals that it finds in the whole history."""
        room = ScanRoom.of(self.profile, self.market)
        whole = self._scan(room, label)
        name = f"scanner {label}"
        again = first_row_difference(whole, self._scan(room, label), self.market.instruments)
        if again is not None:
            text = "the same scanner on the same bars a second time"
            self._note(name, REPEATED, *_row_texts(again), cut=self.market.end, advice=_REPEAT_ADVICE, unknown=text)
            return whole
        random = self._random(f"scanner {label}")
        cuts = cuts_of_scanner(whole, self.market.closes()[:-1], self.plan.scan_cuts, random)
        for cut in cuts:
            known = whole.take(whole.available_at <= cut)
            for check, market in ((CUT, self.market.until(cut)), (POISONED, poisoned(self.market, cut, random))):
                self._step(f"{name}, {check}")
                difference = self._row_difference(label, known, market, cut)
                if difference is not None and not self._has(name, check):
                    self._note_row(label, known, check, difference, cut)
        return whole

    def _row_difference(
        self, label: str, known: SignalTable, market: RecordedMarket, cut: int
    ) -> RowDifference | str | None:
        """Return how the signals until `cut` differ on another future, in words where the scanner fails on it."""
        try:
            table = self._scan(ScanRoom.of(self.profile, market), label)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return first_row_difference(known, table.take(table.available_at <= cut), self.market.instruments)

    def _note_row(self, label: str, known: SignalTable, check: str, difference: RowDifference | str, cut: int) -> None:
        needed = self._needed(label, known, cut)
        if isinstance(difference, str):
            texts: Texts = (f"what was known at {moment(cut)}", (), "signals", f"failed: {difference}")
        else:
            texts = _row_texts(difference)
        self._note(f"scanner {label}", check, *texts, cut=cut, unknown=needed)

    def _needed(self, label: str, known: SignalTable, cut: int) -> str:
        """Return how far behind `cut` the scanner reads: the fewest bars with which it finds what it found."""
        ends = np.unique(np.concatenate([bars.available_at for bars in self.market.bars.values()]))
        ends = ends[ends > cut]

        def is_enough(bars: int) -> bool:
            return self._row_difference(label, known, self.market.until(int(ends[bars - 1])), cut) is None

        most = 1
        while most < len(ends) and not is_enough(most):
            most *= 2
        low, high = most // 2, min(most, len(ends))
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if is_enough(middle) else (middle, high)
        if not len(ends) or not is_enough(high):
            return _after(cut)
        too_far = f"{high} base bar{'s' * (high > 1)} too far"
        return f"it reads {too_far}, up to the one that ends at {moment(int(ends[high - 1]))}"

    def _scan(self, room: ScanRoom, label: str) -> SignalTable:
        self.scans += 1
        return room.scan(label)

    # --- whole runs

    def _check_runs(self, names: Sequence[str]) -> list[Record]:
        """Try the whole profile; return what it decides with the whole history."""
        whole = self._run("the whole run", self.market)
        again = self._run("the whole run again", self.market, is_asked_twice=True)
        if self._compare(whole, again, REPEATED, self.market.end, names):
            self._notes.append("the run is not repeatable, so it was not cut: what differs could have either cause")
            return whole
        random = self._random("runs")
        cuts = cuts_of_run(whole, self.market.closes()[:-1], self.plan.run_cuts, random)
        for cut in cuts:
            try:
                self._check_cut(whole, cut, random, names)
            except ContractError as error:
                self._note_failure(error, cut, names)
        if self.plan.witness is not None and cuts:
            self._ask_witness(self.plan.witness, whole, cuts[-1], names)
        if not any(isinstance(record, PositionOpened) for record in whole):
            self._notes.append("the run opens no position: sizer and exit rules had little to decide")
        return whole

    def _check_cut(self, whole: Sequence[Record], cut: int, random: np.random.Generator, names: Sequence[str]) -> None:
        """Run until `cut` with other futures and without any; raises ContractError when a scanner fails on one."""
        short = self._run(f"run, {CUT}", self.market.until(cut))
        self._compare(whole, short, CUT, cut, names)
        other = self._run(f"run, {POISONED}", poisoned(self.market, cut, random), until=cut)
        self._compare(whole, other, POISONED, cut, names)
        self._check_closes(short, cut, names)

    def _ask_witness(self, witness: Witness, whole: Sequence[Record], cut: int, names: Sequence[str]) -> None:
        """Let the last cut be repeated elsewhere, and hold it against the run of this process."""
        self._step("run in another process")
        self.runs += 1
        self._compare(whole, witness(self.market.until(cut)), ELSEWHERE, cut, names)

    def _note_failure(self, error: ContractError, cut: int, names: Sequence[str]) -> None:
        """Note that a component cannot be run without a future."""
        name = next((name for name in names if str(error).startswith(f"{name} failed")), "engine")
        self._note(name, CUT, f"the run until {moment(cut)}", (), "decisions", str(error), cut=cut)

    def _compare(
        self, whole: Sequence[Record], other: Sequence[Record], check: str, cut: int, names: Sequence[str]
    ) -> bool:
        """Hold a run against the beginning of the whole one; tell whether it differs."""
        beginning = whole if check == REPEATED else whole[: len(other)]
        difference = first_record_difference(beginning, other)
        if difference is None:
            return False
        name, record = culprit(beginning, other, difference, names)
        self._note(
            name,
            check,
            f"{_named(record, (*beginning, *other))} at {moment(record.ts)}",
            difference.fields,
            *both_told(difference, record),
            cut=cut,
            unknown="the same run on the same bars a second time" if check == REPEATED else _after(cut),
            advice=_ADVICE_OF_CHECK.get(check, ""),
        )
        return True

    def _check_closes(self, short: Sequence[Record], cut: int, names: Sequence[str]) -> None:
        """Change the close of each bar in which a trigger was touched at `cut`: the entry must not know it.

        Finer bars would not agree with the changed one, so that both runs go without.
        """
        market = self.market.until(cut).without_finer()
        if self.market.finer:
            short = self._run(f"run, {CUT}", market)
        for symbol in _touched(short, cut):
            changed = with_other_close(market, symbol, cut)
            if changed is market:
                continue
            other = self._run(f"run, {CLOSE}", changed)
            keys = {r.key for run in (short, other) for r in run if isinstance(r, SignalTriggered) and r.ts == cut}
            keys &= {r.key for r in short if isinstance(r, SignalDetected) and r.symbol == symbol and r.ts < cut}
            if _before_touch(short, keys, cut) != _before_touch(other, keys, cut):
                continue  # what rested inside this bar fills by its close, which is the venue's truth and nobody's peek
            one, two = (_entry_told(records, keys, cut) for records in (short, other))
            difference = first_record_difference(one, two)
            if difference is not None:
                name, record = culprit(one, two, difference, names)
                what = f"{_named(record, short)}, inside the bar that ends at {moment(cut)}"
                unknown = f"the close of that bar of {symbol}: the touch came before it"
                told = both_told(difference, record)
                self._note(name, CLOSE, what, difference.fields, *told, cut=cut, unknown=unknown)

    def _run(
        self, what: str, market: RecordedMarket, until: int | None = None, *, is_asked_twice: bool = False
    ) -> list[Record]:
        self._step(what)
        self.runs += 1
        if is_asked_twice:
            return decided(self.profile, market, until=until, driver=self.plan.driver, ask=asked_twice)
        return decided(self.profile, market, until=until, driver=self.plan.driver)

    # --- book-keeping

    def _note(
        self, component: str, check: str, what: str, fields: tuple[str, ...], with_future: str, without: str,
        *, cut: int, unknown: str = "", advice: str = "",
    ) -> None:  # fmt: skip
        self._found.append(
            Finding(
                component=component,
                check=check,
                what=what,
                fields=fields,
                with_future=with_future,
                without=without,
                cut=cut,
                unknown=unknown or _after(cut),
                advice=advice or _ADVICE[component.split(" ", maxsplit=1)[0]],
            )
        )

    def _has(self, component: str, check: str) -> bool:
        return any(found.component == component and found.check == check for found in self._found)

    def _random(self, name: str) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.plan.seed, *name.encode()]))

    def _step(self, what: str) -> None:
        per_scanner, per_run = 2 * self.plan.scan_cuts, 2 * self.plan.run_cuts
        self._done += 1
        self.plan.step(what, self._done, per_scanner * len(self.profile.scanners) + per_run + 3)


def _row_texts(found: RowDifference) -> tuple[str, tuple[str, ...], str, str]:
    what = f"signal {found.signal} of {found.symbol}, known since {moment(found.available_at)}"
    return what, found.fields, found.one or "no such signal", found.other or "no such signal"


def _after(cut: int) -> str:
    return f"any bar that ends after {moment(cut)}"


def _named(record: Record, run: Iterable[Record]) -> str:
    """Return what a record is and what it is about, in words."""
    words, subject = record.kind.replace("_", " "), record.subject
    for found in run:
        if isinstance(found, SignalDetected) and found.key == subject:
            return f"{words}, {found.pattern} {found.side} on {found.timeframe} of {found.symbol}"
    is_trade = isinstance(record, TradeRecord)
    return f"{words}, trade {subject}" if is_trade else f"{words} {subject}".strip()


def _touched(records: Sequence[Record], cut: int) -> list[str]:
    """Return the symbols in which a trigger was touched inside the bar that ends at `cut`."""
    waiting = {r.key: r.symbol for r in records if isinstance(r, SignalDetected) and r.ts < cut}
    last = takewhile(lambda record: record.ts >= cut, reversed(records))
    touched = [waiting[r.key] for r in last if isinstance(r, SignalTriggered) and r.key in waiting]
    return list(dict.fromkeys(touched))


def _before_touch(records: Sequence[Record], keys: set[str], cut: int) -> list[Record]:
    """Return the fills at `cut` that came before the first of these signals was triggered."""
    now = (record for record in records if record.ts == cut)
    before = takewhile(lambda record: not (isinstance(record, SignalTriggered) and record.key in keys), now)
    return [record for record in before if isinstance(record, FillBooked)]


def _entry_told(records: Sequence[Record], keys: set[str], cut: int) -> list[Record]:
    """Return what was told of entries at `cut` until each had its position or its verdict."""
    return list(_told_until_entered((record for record in records if record.ts == cut), keys))


def _told_until_entered(records: Iterator[Record], keys: set[str]) -> Iterator[Record]:
    waiting = set(keys)
    for record in records:
        key = getattr(record, "signal_key", "") or getattr(record, "key", "")
        is_of_exit = isinstance(record, OrderIntended) and record.role is not OrderRole.ENTRY
        if key in waiting and not is_of_exit:
            yield evolve(record, trade_id=0) if isinstance(record, PositionOpened) else record
        if isinstance(record, PositionOpened | VerdictReached):
            waiting.discard(key)
