"""Invariants of the entry monitor: what may take a trigger, and that the first price beyond it does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import ClassVar

from attrs import define, field

from atlas_core.model.signals import EntryKind
from tests.faults.checking import SECOND, Checker
from tests.faults.trace import Entry

OLDEST_STREAMED = 10 * SECOND
OLDEST_POLLED = 60 * SECOND
TAKEN_WITHIN = 10 * SECOND
BAR = 60 * SECOND
MOST_TOLD = 300
WILD = 0.2
QUOTES_THAT_CONFIRM = 2


@define
class Armed:
    """A signal that waits for its level: as of when prices count, and since when one beyond it is known."""

    symbol: str
    sign: int
    level: float
    since: int
    known_at: int | None = None

    def is_beyond(self, price: float) -> bool:
        return (price - self.level) * self.sign > 0.001


@define
class Misled:
    """What a session knows that had to believe a wild bar, and how many good bars and quotes came since in a row."""

    price: float
    newest: int
    bars: int = 0
    quotes: int = 0

    def hear(self, ts: int, *, is_good: bool, is_quote: bool) -> None:
        if is_quote:
            self.quotes = self.quotes + 1 if is_good else 0
        elif ts > self.newest:
            self.newest, self.bars = ts, self.bars + 1 if is_good else 0

    @property
    def can_know(self) -> bool:
        return self.bars > 1 or self.quotes > QUOTES_THAT_CONFIRM


@define
class TriggersTaken(Checker):
    """I19: a trigger is taken by a price strictly beyond it that was told, and by the first of them.

    Bars and quotes that are broken, old, out of order or wild take nothing; a wild bar counts when the next one is like
    it, a wild quote when the next two are, as nobody can tell them from a new price. After a wild bar that had to be
    believed, the good ones look wild and need as many. A session whose clock was set takes good quotes for old ones
    until it is started again with a right one, or where it is behind old ones for good, as old as it is behind.
    """

    name: ClassVar[str] = "I19"
    waiting: dict[str, Armed] = field(factory=dict)
    armed: dict[str, Armed] = field(factory=dict)
    newest: dict[str, int] = field(factory=dict)
    told: dict[str, deque[tuple[int, float]]] = field(factory=dict)
    true: dict[str, float] = field(factory=dict)
    wild: dict[tuple[str, bool], tuple[float, int]] = field(factory=dict)
    misled: dict[str, Misled] = field(factory=dict)
    was_set: bool = False
    is_stopping: bool = False

    def pass_time(self, at: int) -> None:
        """Judge what has been known for too long."""
        if self.was_set or not self.books.is_up:
            return
        for key, each in self.armed.items():
            if each.known_at is not None and at - each.known_at > TAKEN_WITHIN:
                each.known_at = None
                self.breach(f"signal {key} of {each.symbol} still waits, a price beyond {each.level} was told")

    def after_signal_detected(self, entry: Entry) -> None:
        record = entry.record
        if record.trigger is not None and record.entry is EntryKind.STOP:  # type: ignore[attr-defined]
            sign, level = record.side.sign, float(record.trigger)  # type: ignore[attr-defined]
            since = record.setup_at + BAR  # type: ignore[attr-defined]
            self.waiting[record.key] = Armed(record.symbol, sign, level, since)  # type: ignore[attr-defined]

    def after_signal_armed(self, entry: Entry) -> None:
        key = entry.record.key  # type: ignore[attr-defined]
        if key in self.waiting:
            self.armed[key] = self.waiting.pop(key)

    def before_signal_triggered(self, entry: Entry) -> None:
        record = entry.record
        key, price = record.key, record.price  # type: ignore[attr-defined]
        each = self.armed.pop(key, None)
        if each is None:
            return
        if not any(ts > each.since and each.is_beyond(told) for ts, told in reversed(self._told_of(each))):
            self.breach(f"signal {key} of {each.symbol} was taken at {price}, no price beyond {each.level} was told")

    def _told_of(self, each: Armed) -> Sequence[tuple[int, float]]:
        return self.told.get(each.symbol, ())

    def after_verdict_reached(self, entry: Entry) -> None:
        self.waiting.pop(entry.record.key, None)  # type: ignore[attr-defined]
        self.armed.pop(entry.record.key, None)  # type: ignore[attr-defined]

    def after_prices(self, entry: Entry) -> None:
        self.true = {symbol: ticks / 100 for symbol, ticks in entry["by_symbol"].items()}

    def after_bars(self, entry: Entry) -> None:
        for symbol, ts, low, high in entry["bars"]:
            prices = (low / 100, high / 100)
            if low > 0 and high > 0 and self._counts(symbol, ts, prices, is_quote=False):
                for price in prices:
                    self._tell(symbol, ts, price)

    def after_quotes(self, entry: Entry) -> None:
        oldest = OLDEST_STREAMED if entry["is_streamed"] else OLDEST_POLLED
        for symbol, ts, price in entry["quotes"]:
            age = self.at - ts
            is_old, is_taken = age > oldest, age + min(self.books.clock_offset, 0) <= oldest
            if not (price > 0 and is_taken) or (ts < self.newest.get(symbol, 0) and not is_old):
                continue
            self.newest[symbol] = max(ts, self.newest.get(symbol, 0))
            if self._counts(symbol, ts, (price,), is_quote=True):
                self._tell(symbol, ts, price)
                if age < oldest - SECOND and (symbol not in self.misled or self.misled[symbol].can_know):
                    self._know(symbol, price)

    def _counts(self, symbol: str, ts: int, prices: tuple[float, ...], *, is_quote: bool) -> bool:
        """Tell whether prices are near the true one, or like those before them, which were wild."""
        true = self.true.get(symbol)
        before, count = self.wild.pop((symbol, is_quote), (0.0, 0))
        is_good = true is None or _are_near(prices, true)
        misled = self.misled.get(symbol)
        if misled is not None:
            misled.hear(ts, is_good=is_good, is_quote=is_quote)
            if misled.bars > 1:
                del self.misled[symbol]
        if is_good:
            return True
        count = count + 1 if count and _are_near(prices, before) else 1
        self.wild[symbol, is_quote] = prices[-1], count
        if not is_quote and (count > 1 or (symbol not in self.told and _are_near(prices, prices[0]))):
            self.misled[symbol] = Misled(prices[-1], ts)
            return True
        return count > (QUOTES_THAT_CONFIRM if is_quote else 1) or (
            misled is not None and _are_near(prices, misled.price)
        )

    def _tell(self, symbol: str, ts: int, price: float) -> None:
        self.told.setdefault(symbol, deque(maxlen=MOST_TOLD)).append((ts, price))

    def _know(self, symbol: str, price: float) -> None:
        if self.is_stopping:
            return
        for each in self.armed.values():
            if each.symbol == symbol and each.known_at is None and each.is_beyond(price):
                each.known_at = self.at

    def after_fault(self, entry: Entry) -> None:
        if entry["what"].startswith("journal"):
            self._forget_times()  # nothing can be written, and nothing is decided that is not
        elif entry["what"] == "stop-and-start":
            self.is_stopping = True  # it takes nothing of the market any more
            self._forget_times()

    def after_clock(self, entry: Entry) -> None:
        self.was_set = True

    def after_up(self, entry: Entry) -> None:
        self.is_stopping, self.was_set = False, self.books.clock_right_since > self.at
        self.misled.clear()  # the history that a session begins with is right
        self._forget_times()

    def after_frozen(self, entry: Entry) -> None:
        self._forget_times()

    def _forget_times(self) -> None:
        for each in self.armed.values():
            each.known_at = None


def _are_near(prices: Iterable[float], to: float) -> bool:
    return all(abs(price / to - 1) <= WILD for price in prices)
