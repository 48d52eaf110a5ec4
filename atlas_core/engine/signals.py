"""The life of a signal from its detection to its trigger, or to the verdict that ends it before."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from atlas_core.contracts import MaskingGate
from atlas_core.engine.entries import EntryDesk
from atlas_core.engine.guard import Guard
from atlas_core.engine.ports import EngineParts, MovingMarket, Recorder
from atlas_core.engine.state import SignalState, State
from atlas_core.engine.triggers import ends_other_leg, is_cancelled_at, is_void_at, levels_of, touch_at, trigger_price
from atlas_core.errors import ContractError
from atlas_core.model.decisions import GateMask, Outcome, Refuse
from atlas_core.model.events import CallAt, JudgedRows
from atlas_core.model.records import SignalArmed, detected
from atlas_core.model.refusals import RefusedSignals, SignalSheet
from atlas_core.model.signals import FOREVER, EntryKind, Signal, SignalTable
from atlas_core.model.waiting import EVERYTHING, NOTHING, Waiting

LIFE_CYCLE = "life cycle"
OVER_WHEN_FOUND = "its time was over when it was found"
OPENED_AT_TARGET = "opened where nothing, or too little, was left to win"
OPENED_BEYOND = "opened beyond the other side"
TOOK_OTHER_SIDE = "the other side was taken first"
NOT_TRIGGERED = "not triggered in time"


@define
class SignalDesk:
    """Takes signals in, lets the masking gates judge them, and watches the levels of those that wait."""

    profile: str
    parts: EngineParts
    state: State
    recorder: Recorder
    guard: Guard
    market: MovingMarket
    entries: EntryDesk
    _armed: dict[str, dict[str, Signal]] = field(factory=dict)
    _opened: set[str] = field(factory=set)

    def detect(self, scanner: str, table: SignalTable) -> None:
        """Take in the signals that a scanner found now; a setup seen before is not a new signal."""
        fresh = table.take(self._new_rows(scanner, table))
        if not len(fresh):
            return
        masks = [(label, self._mask(label, gate, fresh)) for label, gate in self.parts.masking_gates]
        for row in range(len(fresh)):
            instrument = self.state.instruments[str(fresh.symbol[row])]
            signal = fresh.signal(row, self.profile, scanner, instrument)
            self.recorder.write(detected(signal, self.recorder.now))
            if self._passes_masks(signal, row, masks):
                self._take_in(signal)

    def sheet(self, scanner: str, table: SignalTable) -> SignalSheet | None:
        """Return signals judged by the masking gates before their time, as each mask depends on the signal alone.

        None where no gate has a mask, or one fails: then the rows are judged at their own instant, and fail there.
        """
        try:
            masks = [(label, whole_mask(gate.mask(table), table)) for label, gate in self.parts.masking_gates]
        except Exception:
            return None
        if not masks:
            return None
        return SignalSheet(table, self.profile, scanner, self.state.instruments, masks)

    def detect_judged(self, rows: JudgedRows) -> None:
        """Take in signals of a sheet; those that the first gate refused stay together."""
        sheet, first, last = rows
        seen, begun = self.state.seen, first
        for row in range(first, last):
            is_new = sheet.is_first[row] and sheet.keys[row] not in seen
            if is_new and not sheet.passed_first[row]:
                continue
            self._refuse_together(sheet, begun, row)
            begun = row + 1
            if is_new:
                instrument = self.state.instruments[str(sheet.table.symbol[row])]
                signal = sheet.table.signal(row, self.profile, sheet.scanner, instrument)
                self.recorder.write(detected(signal, self.recorder.now))
                if self._passes_masks(signal, row, sheet.masks):
                    self._take_in(signal)
        self._refuse_together(sheet, begun, last)

    def _refuse_together(self, sheet: SignalSheet, first: int, last: int) -> None:
        if first < last:
            self.recorder.write(RefusedSignals(ts=self.recorder.now, sheet=sheet, first=first, last=last))

    def bar_opened(self, symbol: str, price: Decimal) -> None:
        """Look at the waiting signals of a symbol at a single price: the open of a bar, or a quote.

        Only the first price that a signal meets can void it: later, a stop order at the venue would have been elected.
        """
        tick = self.state.instruments[symbol].tick_size
        for signal in self._waiting(symbol):
            is_opening = signal.key not in self._opened
            self._opened.add(signal.key)
            if is_opening and is_void_at(signal, price):
                self._end(signal, Outcome.VOID_GAP, OPENED_AT_TARGET, price, signal.void_beyond)
            elif is_cancelled_at(signal, price):
                self._end(signal, Outcome.INVALIDATED, OPENED_BEYOND, price, signal.cancel_beyond)
            elif trigger_price(signal, price, price, tick) is not None:
                self._trigger(signal, price, None)

    def bar_closed(
        self, symbol: str, opened_at: int, first: Decimal, low: Decimal, high: Decimal, *, is_part: bool = False
    ) -> None:
        """Look at the waiting signals of a symbol after a bar that opened at `first` and went from `low` to `high`.

        The trigger nearest to the open comes first; it cancels the other leg of its setup.
        Where a bar took the trigger and the cancelling level, the order is unknown: the entry is assumed, so that the
        loss is taken rather than hidden. Of a part of a base bar nobody has seen the opening yet: a gap is taken there.
        """
        tick = self.state.instruments[symbol].tick_size
        taken: list[tuple[Signal, Decimal]] = []
        for signal in sorted(self._waiting(symbol), key=lambda signal: abs((signal.trigger or first) - first)):
            gap = trigger_price(signal, first, first, tick) if is_part else None
            price = trigger_price(signal, low, high, tick) if gap is None else gap
            worst = low if signal.side.sign > 0 else high
            if price is not None and any(ends_other_leg(leg, at, signal) for leg, at in taken):
                self._end(signal, Outcome.INVALIDATED, "the other leg was taken first", worst, signal.cancel_beyond)
            elif price is not None:
                taken.append((signal, price))
                self._trigger(signal, price, opened_at)
            elif is_cancelled_at(signal, worst):
                self._end(signal, Outcome.INVALIDATED, TOOK_OTHER_SIDE, worst, signal.cancel_beyond)

    def is_waiting(self, symbol: str) -> bool:
        """Tell whether a signal waits for its trigger in a symbol."""
        return bool(self._armed.get(symbol))

    def waiting(self, symbol: str) -> Waiting:
        """Return what the signals of a symbol wait for: the first price that they meet, then their levels."""
        waiting = NOTHING
        for signal in self._armed.get(symbol, {}).values():
            if signal.key not in self._opened:
                return EVERYTHING
            waiting = waiting.also(levels_of(signal))
        return waiting

    def met(self, key: str) -> None:
        """Note that a waiting signal has met its first price, which did not void it."""
        self._opened.add(key)

    def expire(self, key: str) -> None:
        """End a signal whose time is over, if it still waits."""
        track = self.state.signals.get(key)
        if track is not None and track.state is SignalState.ARMED:
            self._end(track.signal, Outcome.EXPIRED, NOT_TRIGGERED)

    def finish(self, reason: str) -> None:
        """End the signals that still wait."""
        for symbol in list(self._armed):
            for signal in self._waiting(symbol):
                self._end(signal, Outcome.EXPIRED, reason)

    def restore(self) -> None:
        """Watch the signals again that the restored state holds as armed.

        What they met before is not known: the next price counts as their first, so that it may void them.
        """
        for track in self.state.signals.values():
            if track.state is SignalState.ARMED:
                self._watch(track.signal)

    def resume(self) -> None:
        """End the signals that waited while no session ran: what the market did meanwhile is not known here."""
        for symbol in list(self._armed):
            for signal in self._waiting(symbol):
                self._end(signal, Outcome.EXPIRED, "no session was running while it waited")
        for key, track in list(self.state.signals.items()):
            if track.state is SignalState.DETECTED:
                self.recorder.end(key, Outcome.EXPIRED, LIFE_CYCLE, "the session ended while it was judged")

    def _new_rows(self, scanner: str, table: SignalTable) -> NDArray[np.int64]:
        """Return the first row of each setup that was not seen before."""
        first: dict[str, int] = {}
        for row in range(len(table)):
            key = table.key(row, self.profile, scanner)
            if key not in self.state.seen:
                first.setdefault(key, row)
        return np.array(list(first.values()), dtype=np.int64)

    def _mask(self, label: str, gate: MaskingGate, table: SignalTable) -> GateMask:
        answer = self.guard.call(
            f"gate {label}", f"{len(table)} signals", "refused them", lambda: whole_mask(gate.mask(table), table)
        )
        if answer is not None:
            return answer
        nothing = np.zeros(len(table), dtype=bool)
        return GateMask(nothing, np.full(len(table), np.nan), float("nan"), "gate failed")

    def _passes_masks(self, signal: Signal, row: int, masks: Sequence[tuple[str, GateMask]]) -> bool:
        for label, mask in masks:
            answer = mask.answer(row)
            if isinstance(answer, Refuse):
                self.recorder.end(signal.key, Outcome.REFUSED, label, answer.reason, answer.value, answer.threshold)
                return False
            self.entries.approved(signal.key, label, answer)
        return True

    def _take_in(self, signal: Signal) -> None:
        """Enter at the market, or wait for the trigger."""
        key, price = signal.key, self.market.last_price(signal.symbol)
        if signal.valid_until <= self.recorder.now:
            self.recorder.end(key, Outcome.EXPIRED, LIFE_CYCLE, OVER_WHEN_FOUND)
        elif signal.entry is EntryKind.MARKET and price is None:
            self.recorder.end(key, Outcome.REFUSED, "no price", "no price was seen yet")
        elif signal.entry is EntryKind.MARKET and price is not None:
            self._enter_at_market(signal, price)
        elif signal.trigger is None:
            self.recorder.end(key, Outcome.REFUSED, "limit geometry", f"a {signal.entry} entry needs a trigger")
        else:
            self.recorder.write(SignalArmed(ts=self.recorder.now, key=key))
            self._watch(signal)

    def _enter_at_market(self, signal: Signal, price: Decimal) -> None:
        if is_void_at(signal, price):
            self.recorder.end(signal.key, Outcome.VOID_GAP, LIFE_CYCLE, "the price is at or beyond the target")
        elif is_cancelled_at(signal, price):
            self.recorder.end(signal.key, Outcome.INVALIDATED, LIFE_CYCLE, "the price is beyond the other side")
        else:
            self.entries.enter(signal, price, None)

    def _watch(self, signal: Signal) -> None:
        self._armed.setdefault(signal.symbol, {})[signal.key] = signal
        if signal.valid_until < FOREVER:
            self.recorder.command(CallAt(signal.valid_until, signal.key))

    def _waiting(self, symbol: str) -> list[Signal]:
        return list(self._armed.get(symbol, {}).values())

    def _trigger(self, signal: Signal, price: Decimal, seen_at: int | None) -> None:
        self._forget(signal)
        self.entries.enter(signal, price, touch_at(signal, price), seen_at)

    def _forget(self, signal: Signal) -> None:
        self._armed[signal.symbol].pop(signal.key)
        self._opened.discard(signal.key)

    def _end(
        self, signal: Signal, outcome: Outcome, reason: str, price: Decimal | None = None, level: Decimal | None = None
    ) -> None:
        """End a waiting signal; `price` against `level` is what ended it."""
        self._forget(signal)
        value = None if price is None else float(price)
        threshold = None if level is None else float(level)
        self.recorder.end(signal.key, outcome, LIFE_CYCLE, reason, value, threshold)


def whole_mask(mask: GateMask, table: SignalTable) -> GateMask:
    """Return a gate's mask if it judges every row; raises ContractError."""
    if not isinstance(mask, GateMask):
        raise ContractError(f"expected a GateMask, was {mask!r}")
    columns = (mask.passed, mask.value, *(c for c in (mask.threshold, mask.reason) if isinstance(c, np.ndarray)))
    if any(np.shape(column) != (len(table),) for column in columns):
        raise ContractError(f"expected columns of {len(table)} rows, was {[np.shape(c) for c in columns]}")
    return mask
