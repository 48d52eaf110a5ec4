"""What came of a run, as those records of the engine that results are made from, in the order of its journal.

Signals with their gates' answers and verdicts, openings, closings and marks. What lies between (limits that held,
orders and their moves) follows from these, and is written when the journal is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cached_property
from operator import itemgetter

import numpy as np
from attrs import define

from atlas_core.backtest.columnar.candidates import Candidates
from atlas_core.backtest.columnar.closed import END_REASON, ending_of
from atlas_core.backtest.columnar.days import NOBODY, Book, Day, marks_of
from atlas_core.backtest.columnar.deciding import BY_GATE, ENTERED, Plan
from atlas_core.backtest.columnar.endings import How
from atlas_core.backtest.columnar.run import Worked
from atlas_core.backtest.columnar.tape import SymbolTape
from atlas_core.backtest.columnar.trades import Trades
from atlas_core.columnar import NO_LEVEL
from atlas_core.model.decisions import GateMask, Outcome, Refuse
from atlas_core.model.events import Phase
from atlas_core.model.instrument import ONE, ZERO
from atlas_core.model.records import (
    EquityMarked,
    GateAnswered,
    PositionClosed,
    PositionOpened,
    Record,
    RunFinished,
    SignalDetected,
    VerdictReached,
)
from atlas_core.model.signals import EntryKind, Side, plain, signal_keys
from atlas_core.model.timeframe import SECOND
from atlas_core.wiring import rules_of

UNFILLED = ("broker", "withdrawn")
"""Who ends an entry that no opening followed, and how."""

Place = tuple[int, int, int, int]
"""Where records stand in the journal: time, phase, stream, and the place within the event."""


@define(eq=False)
class Teller:
    """Tells what was worked out as records."""

    worked: Worked
    trades: Trades

    @cached_property
    def told(self) -> list[Record]:
        """The records, told once."""
        return self.records()

    def records(self) -> list[Record]:
        """Return the records in the order of the journal."""
        market = self.worked.market
        placed = [*self._signals(), *self._openings(), *self._closings(), *self._withdrawn(), *self._marks()]
        placed.sort(key=itemgetter(0))
        first: list[Record] = [self.worked.live.started(market.start)]
        return first + [record for _, records in placed for record in records] + self._ending()

    @cached_property
    def book(self) -> Book:
        """What the account is marked from."""
        rules, profile = self.worked.rules, self.worked.live.system.profile
        digits = -int(rules.unit.as_tuple().exponent)
        return Book(self.worked.plans, self.worked.tapes, self.trades, profile.starting_cash, digits)

    @cached_property
    def final_cash(self) -> Decimal:
        """The account at the end, when everything is closed."""
        trades = self.trades
        return self.book.cash(int(trades.gross.sum()) - int(trades.entry_fee.sum()) - int(trades.exit_fee.sum()))

    @cached_property
    def last_event(self) -> int:
        """The time of the last event: the settlement of what was open, or the end of the data."""
        end = self.worked.market.end
        return end + SECOND if len(self.trades) and int(self.trades.closed_at.max()) > end else end

    @cached_property
    def signals(self) -> list[list[SignalDetected]]:
        """The signals of each scanner, in the order of its table."""
        profile = self.worked.live.system.profile.name
        return [list(_detected(self.worked, profile, number)) for number in range(len(self.worked.tables))]

    def _signal_of(self, trade: int) -> SignalDetected:
        candidates = self.worked.plans[self.trades.plan[trade]].candidates
        signal: SignalDetected = self.signals[candidates.scanner][int(candidates.table_row[self.trades.row[trade]])]
        return signal

    def _signals(self) -> Iterator[tuple[Place, list[Record]]]:
        """Yield each signal with its gates' answers and, where it never became an order, its verdict."""
        worked, gates = self.worked, [label for label, _ in self.worked.rules.gates]
        decisions, streams = worked.decisions, len(worked.tapes)
        columns = (decisions.plan.tolist(), decisions.row.tolist(), decisions.verdict.tolist())
        scanner = [plan.candidates.scanner for plan in worked.plans]
        table_row = [plan.candidates.table_row.tolist() for plan in worked.plans]
        for plan, row, verdict in zip(*columns, strict=True):
            number = table_row[plan][row]
            signal = self.signals[scanner[plan]][number]
            records: list[Record] = [signal, *judged(signal, gates, worked.masks[scanner[plan]], number)]
            if verdict not in (ENTERED, BY_GATE):
                check = decisions.refusals[verdict]
                records.append(_refused(signal, f"limit {check.limit}", check.reason, check.value, check.threshold))
            yield (signal.ts, int(Phase.MARKET), streams + scanner[plan], number), records

    def _openings(self) -> Iterator[tuple[Place, list[Record]]]:
        trades = self.trades
        for trade, (at, symbol) in enumerate(zip(trades.opened_at.tolist(), trades.symbol.tolist(), strict=True)):
            yield (at, int(Phase.OPENING), symbol, 0), [self._opened(trade)]

    def _opened(self, trade: int) -> PositionOpened:
        candidates, row = self.worked.plans[self.trades.plan[trade]].candidates, self.trades.row[trade]
        tape, levels, signal = candidates.tape, candidates.levels, self._signal_of(trade)
        instrument, lots = tape.instrument, int(candidates.lots[row])
        return PositionOpened(
            ts=int(self.trades.opened_at[trade]),
            trade_id=trade + 1,
            signal_key=signal.key,
            symbol=tape.symbol,
            side=signal.side,
            quantity=instrument.lot_size * lots,
            price=instrument.from_ticks(int(candidates.entry[row])),
            leverage=ONE,
            stop=_price(tape, int(levels.stop[row])),
            target=_price(tape, int(levels.target[row])),
            initial_risk=risk_of(candidates, row),
            multiplier=instrument.multiplier,
        )

    def _closings(self) -> Iterator[tuple[Place, list[Record]]]:
        trades = self.trades
        is_late = (trades.closed_at > self.worked.market.end).tolist()
        at, is_print, symbol = trades.closed_at.tolist(), trades.is_print.tolist(), trades.symbol.tolist()
        for trade in trades.closing.tolist():
            phase = int(Phase.OPENING if is_print[trade] else Phase.MARKET)
            closed = self._closed(trade)
            verdict = VerdictReached(
                ts=closed.ts, key=closed.signal_key, outcome=Outcome.CLOSED, by=closed.rule, reason=closed.reason
            )
            yield (at[trade], phase, trade if is_late[trade] else symbol[trade], 0), [closed, verdict]

    def _closed(self, trade: int) -> PositionClosed:
        trades, plan = self.trades, self.worked.plans[self.trades.plan[trade]]
        candidates, endings, row = plan.candidates, plan.endings, trades.row[trade]
        instrument, signal = candidates.tape.instrument, self._signal_of(trade)
        fees = int(trades.entry_fee[trade]) + int(trades.exit_fee[trade])
        gross, risk = int(trades.gross[trade]), risk_of(candidates, row)
        rule, reason = self._why(plan, row)
        net = self._money(gross - fees)
        return PositionClosed(
            ts=int(trades.closed_at[trade]),
            trade_id=trade + 1,
            signal_key=signal.key,
            symbol=signal.symbol,
            timeframe=signal.timeframe,
            pattern=signal.pattern,
            side=signal.side,
            quantity=instrument.lot_size * int(candidates.lots[row]),
            entry_price=instrument.from_ticks(int(candidates.entry[row])),
            exit_price=instrument.from_ticks(int(endings.price[row])),
            opened_at=int(trades.opened_at[trade]),
            gross=self._money(gross),
            fees=self._money(fees),
            slippage=self._money(int(endings.slippage[row])),
            funding=ZERO,
            net=net,
            r_multiple=round(float(net / risk), 6) if risk else None,
            reason=reason,
            rule=rule,
            highest=instrument.from_ticks(int(trades.highest[trade])),
            lowest=instrument.from_ticks(int(trades.lowest[trade])),
            ambiguous=bool(endings.is_ambiguous[row]),
        )

    def _why(self, plan: Plan, row: int) -> tuple[str, str]:
        """Return the rule that closed a trade, and its reason."""
        candidates, endings = plan.candidates, plan.endings
        columns = (endings.how, endings.rule, candidates.side, candidates.levels.stop, candidates.levels.target)
        return ending_of(self.worked.rules, candidates, *(int(column[row]) for column in columns))

    def _withdrawn(self) -> Iterator[tuple[Place, list[Record]]]:
        """Yield the verdicts of entries that no opening followed."""
        worked, end = self.worked, self.worked.market.end
        if not any((plan.endings.how == How.UNFILLED).any() for plan in worked.plans):
            return
        by, reason = UNFILLED
        entered = np.flatnonzero(worked.decisions.verdict == ENTERED)
        for place in entered.tolist():
            plan, row = worked.plans[worked.decisions.plan[place]], worked.decisions.row[place]
            if plan.endings.how[row] == How.UNFILLED:
                signal = self.signals[plan.candidates.scanner][plan.candidates.table_row[row]]
                verdict = VerdictReached(ts=end, key=signal.key, outcome=Outcome.CANCELLED, by=by, reason=reason)
                yield (end, int(Phase.CONTROL), 0, place), [verdict]

    def marks(self) -> list[EquityMarked]:
        """Return the account at the end of each day."""
        return [mark for _, mark in self._days()]

    def _days(self) -> list[tuple[Day, EquityMarked]]:
        day_end = rules_of(self.worked.live.system, self.worked.live.instruments).day_end
        return marks_of(self.book, self.worked.market.start, self.last_event, day_end)

    def _marks(self) -> Iterator[tuple[Place, list[Record]]]:
        for day, mark in self._days():
            at_opening = (day.noticed_at, int(Phase.OPENING), day.first_place, 1)
            yield at_opening if day.first_place != NOBODY else (day.noticed_at, 0, 0, 0), [mark]

    def _ending(self) -> list[Record]:
        at, cash = self.last_event, self.final_cash
        mark = EquityMarked(ts=at, cash=cash, equity=cash, exposure=ZERO, is_day_end=False)
        return [mark, RunFinished(ts=at, reason=END_REASON, cash=cash, equity=cash)]

    def _money(self, amount: int) -> Decimal:
        return Decimal(amount).scaleb(-self.book.unit_digits)


def _price(tape: SymbolTape, ticks: int) -> Decimal | None:
    return None if ticks == NO_LEVEL else tape.instrument.from_ticks(ticks)


def risk_of(candidates: Candidates, row: int) -> Decimal | None:
    """Return the money between entry and first stop, None without one."""
    stop = int(candidates.levels.stop[row])
    if stop == NO_LEVEL:
        return None
    return candidates.tape.purse.exact(abs(int(candidates.entry[row]) - stop) * int(candidates.lots[row]))


def judged(
    signal: SignalDetected, gates: Sequence[str], masks: Sequence[GateMask], row: int
) -> Iterator[GateAnswered | VerdictReached]:
    """Yield what the masks of gates say of the signal in a row of their table, to the first that refuses it."""
    for label, mask in zip(gates, masks, strict=True):
        answer = mask.answer(row)
        if isinstance(answer, Refuse):
            yield _refused(signal, label, answer.reason, answer.value, answer.threshold)
            return
        yield GateAnswered(
            ts=signal.ts,
            key=signal.key,
            gate=label,
            answer="approve",
            reason=answer.reason,
            value=answer.value,
            threshold=answer.threshold,
        )


def _refused(
    signal: SignalDetected, by: str, reason: str, value: float | None, threshold: float | None
) -> VerdictReached:
    return VerdictReached(
        ts=signal.ts, key=signal.key, outcome=Outcome.REFUSED, by=by, reason=reason, value=value, threshold=threshold
    )


def _detected(worked: Worked, profile: str, number: int) -> Iterator[SignalDetected]:
    """Yield the signals of a scanner as the engine detects them."""
    scanner, table = worked.tables[number]
    keys = signal_keys(table, profile, scanner)
    names = ("available_at", "symbol", "timeframe", "pattern", "side", "setup_at", "valid_until", "score")
    columns = [getattr(table, name).tolist() for name in names]
    prices = [getattr(table, name).tolist() for name in ("trigger", "stop", "target")]
    instruments = worked.live.instruments
    for row, values in enumerate(zip(*columns, strict=True)):
        at, symbol, timeframe, pattern, sign, setup_at, valid_until, score = values
        side, exact = Side.LONG if sign > 0 else Side.SHORT, instruments[symbol].exact
        trigger, stop, target = (None if column[row] != column[row] else exact(column[row]) for column in prices)
        yield SignalDetected(
            ts=at,
            key=keys[row],
            scanner=scanner,
            symbol=symbol,
            timeframe=timeframe,
            pattern=pattern,
            side=side,
            entry=EntryKind.MARKET,
            setup_at=setup_at,
            valid_until=valid_until,
            trigger=trigger,
            stop=stop,
            target=target,
            cancel_beyond=None,
            void_beyond=None,
            score=score,
            context={name: plain(column[row]) for name, column in table.context.items()},
        )
