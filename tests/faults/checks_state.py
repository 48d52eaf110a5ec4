"""Invariants of the whole: protection, convergence, exposure, recovery, replay, tasks, alarms and money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from attrs import define, field

from atlas_core.model.orders import OrderRole, OrderStatus
from tests.faults.books import UNANSWERED, Trade
from tests.faults.checking import SECOND, Checker
from tests.faults.checks_orders import CLOCK_TAKEN, ORDER_CHECKS, STALE_READ
from tests.faults.checks_people import AlarmsDelivered, PeopleObeyed, StopsWhenAsked
from tests.faults.checks_prices import TriggersTaken
from tests.faults.trace import Entry

UNPROTECTED_AT_MOST = 15 * SECOND
TICK = 6 * SECOND
"""The runtime looks at what is overdue every five seconds."""

KNOWN_WITHIN = 60 * SECOND
A_MINUTE = 58 * SECOND
"""A bar may come a second or two late, so that two entries of two minutes lie closer together."""

CLOSED_WITHIN = 200 * SECOND
LEFT_WITHIN = 10 * SECOND
WITHDRAWN, TRIED = "it was withdrawn", "it could not be sent for"
"""Why an order that reduces risk may end before it left; nothing else may."""

TRIED_FOR = 60 * SECOND
"""How long it is tried, by the session's clock."""

QUIET = 75 * SECOND
"""A minute of silence that a venue asked for, and the longest pause between two tries."""

DIVERGENCE_READS = 4
ALARM_GRACE = 5 * SECOND
MOST_TASKS = 40


@define
class Protected(Checker):
    """I6 over the journal and over the venue: a position has a stop for its whole quantity, or people were told."""

    name: ClassVar[str] = "I6"
    naked_since: dict[str, int] = field(factory=dict)
    doubted_since: dict[int, int] = field(factory=dict)

    def pass_time(self, at: int) -> None:
        """Judge what has lasted too long without an alarm; time counts from the start of the process."""
        if not self.books.is_up or not (self.naked_since or self.doubted_since):
            return
        for symbol, begun in self.naked_since.items():
            since = max(begun, self.books.up_since)
            is_known = self.books.ledger(symbol) * 1000 == self.books.held[symbol]
            if not is_known or self._is_told(symbol):  # that a position is not known is what I7 and I17 are about
                self.naked_since[symbol] = at
            elif self._is_late(since + KNOWN_WITHIN) and self._could_know(since) and not self._alarm(symbol, since):
                self.naked_since[symbol] = at
                held, cover = self.books.held[symbol], self.books.covered(symbol)
                self.breach(f"{symbol}: {held} lots at the venue, stops for {cover}, nobody was told")
        for trade_id, begun in self.doubted_since.items():
            since, symbol = max(begun, self.books.up_since), self.books.trades[trade_id].symbol
            if self._is_told(symbol):
                self.doubted_since[trade_id] = at
            elif self._is_late(since + UNPROTECTED_AT_MOST + TICK) and not self._alarm(symbol, since):
                self.doubted_since[trade_id] = at
                held_here, covered = self.books.trades[trade_id].quantity, self.books.believed_cover(symbol)
                self.breach(f"{symbol}: {held_here} in the books, stops for {covered}, nobody was told")

    def _is_late(self, due: int) -> bool:
        """Tell whether it is too late by now; what a journal did not take is tried again at the next tick."""
        return self.at > max(due, self.books.refused_at + TICK)

    def _could_know(self, since: int) -> bool:
        """Tell whether two reads have shown it, and there was as much time for a stop since as after a fill."""
        known_by = self.at - UNPROTECTED_AT_MOST - TICK
        return len([r for r in self.books.reads if since < r["as_of"] and r["true"] and r.at < known_by]) >= 2

    def _is_told(self, symbol: str) -> bool:
        """Tell whether people see, at this moment, a position without protection or an order that may still work."""
        books = self.books
        names = [name for name, intent in books.live.items() if intent.record.symbol == symbol]
        names += [order.client_id for order in books.open.values() if order.symbol == symbol]
        bare = [t for t in books.trades.values() if t.symbol == symbol and not t.is_protected]
        return any(map(books.is_doubted, names)) or any(
            books.alarm_since(t.unprotected_at - ALARM_GRACE, symbol) for t in bare
        )

    def _alarm(self, symbol: str, since: int) -> bool:
        """Tell whether people were told of the symbol since then."""
        return self.books.alarm_since(since - ALARM_GRACE, symbol)

    def _look(self, symbol: str) -> None:
        held, books = self.books.held.get(symbol, 0), self.books
        if held and books.ours.get(symbol, 0) == held and books.covered(symbol) != abs(held):
            self.naked_since.setdefault(symbol, self.at)
        else:
            self.naked_since.pop(symbol, None)

    def _look_at(self, trade_id: int, trade: Trade | None) -> None:
        if trade is not None and self.books.believed_cover(trade.symbol) != trade.quantity:
            self.doubted_since.setdefault(trade_id, self.at)
        else:
            self.doubted_since.pop(trade_id, None)

    def _books_moved(self, entry: Entry) -> None:
        for trade_id in {*self.books.trades, *self.doubted_since}:
            self._look_at(trade_id, self.books.trades.get(trade_id))

    def _venue_moved(self, entry: Entry) -> None:
        symbol = entry.data.get("symbol") or self.books.orders[entry["order"]].symbol
        self._look(symbol)

    after_accepted = after_fill = after_canceled = after_expired = after_liquidated = _venue_moved
    after_order_intended = after_order_moved = after_fill_booked = after_position_opened = _books_moved
    after_position_changed = after_position_closed = _books_moved


@define
class Converged(Checker):
    """I7, I32: when the faults are over, books and venue agree on positions, orders and money.

    A symbol and the money are not judged in the second after a fill: its news is on the way.
    """

    name: ClassVar[str] = "I7"
    filled_at: dict[str, int] = field(factory=dict)

    def after_fill(self, entry: Entry) -> None:
        self.filled_at[entry["symbol"]] = self.at

    def before_settled(self, entry: Entry) -> None:
        moving = {symbol for symbol, at in self.filled_at.items() if self.at - at < SECOND}
        for symbol in entry["symbols"]:
            if symbol not in moving:
                self._position(symbol)
        self._orders(moving)
        if not (self.books.is_touched or moving):
            self._money(entry)

    def _position(self, symbol: str) -> None:
        books = self.books
        known = books.ledger(symbol) + books.foreign.get(symbol, Decimal(0))
        if known * 1000 != books.held.get(symbol, 0):
            self.breach(f"{symbol}: books {known}, venue {books.held.get(symbol, 0)} lots")

    def _orders(self, moving: set[str]) -> None:
        books = self.books
        open_orders = [o for o in books.open.values() if o.symbol not in moving]
        working = {o.client_id for o in open_orders if o.client_id in books.intents}
        believed = {name for name, intent in books.live.items() if intent.record.symbol not in moving}
        if working != believed:
            self.breach(
                f"open orders differ: only at the venue {sorted(working - believed)}, only in the books "
                f"{sorted(f'{name} ({books.intents[name].status})' for name in believed - working)}"
            )
        for order in open_orders:
            intent = books.intent_of(order.client_id)
            if intent is not None and not intent.is_entry and not books.ledger(order.symbol):
                self.breach(f"{intent.record.role} {order.client_id} works without a position")
        for name, order in books.by_client.items():
            intent = books.intent_of(name) if order.symbol not in moving else None
            if intent is not None and intent.filled * 1000 != order.filled:
                self.breach(f"{intent.record.role} {name} filled {order.filled} lots, the books have {intent.filled}")

    def _money(self, entry: Entry) -> None:
        prices, fills = entry["prices"], entry["fills"]
        profit = self.books.profit
        for trade in self.books.trades.values():
            worth = trade.quantity * Decimal(prices[trade.symbol]) / 100
            profit += trade.realised - trade.fees + (worth - trade.cost) * trade.sign
        venue = Decimal(entry["profit"]).scaleb(-5)
        if abs(profit - venue) > Decimal("0.02") * (fills + 1):
            self.breach(f"money differs: books {profit}, venue {venue} after {fills} fills")


@define
class Bounded(Checker):
    """I8: positions and entries at the venue stay within the limits, one in each symbol.

    An order that the venue takes after more than two minutes, when it was given up, is known only at the next read. Of
    one that comes after an entry has left, or was not known then, that entry could know nothing.
    """

    name: ClassVar[str] = "I8"
    limits: dict[str, int] = field(factory=dict)
    recent: list[int] = field(factory=list)
    unknown: dict[str, set[str]] = field(factory=dict)

    def before_up(self, entry: Entry) -> None:
        self.recent = []  # the rate is counted by the process

    def before_request(self, entry: Entry) -> None:
        intent = self.books.intent_of(entry["client_id"])
        if intent is None or not intent.is_entry:
            return
        self.unknown[entry["client_id"]] = self._unknown()
        if entry["client_id"] in self.books.requests:
            return
        self.recent = [*(at for at in self.recent if at > intent.record.ts - A_MINUTE), intent.record.ts]
        most = self.limits.get("max_orders_per_minute", 999)
        if len(self.recent) > most and not self.books.clock_offset:
            self.breach(f"{len(self.recent)} entries in a minute, at most {most} are allowed")

    def before_limits(self, entry: Entry) -> None:
        self.limits = dict(entry.data)

    def before_accepted(self, entry: Entry) -> None:
        intent = self.books.intent_of(entry["client_id"])
        if intent is None or not intent.is_entry or intent.status.is_terminal:
            return
        symbol, late = entry["symbol"], self._late(entry["client_id"])
        if self.books.ours.get(symbol, 0) and symbol not in late:
            self.breach(f"entry in {symbol} was accepted while {self.books.ours[symbol]} lots of ours are open there")
        if self.books.working_entries(symbol) and symbol not in late:
            self.breach(f"entry in {symbol} was accepted while another one works there")
        taken = {s for s, ours in self.books.ours.items() if ours} | {
            o.symbol for o in self.books.open.values() if self.books.is_entry(o)
        }
        taken -= late
        most = self.limits.get("max_positions", 99)
        if len(taken | {symbol}) > most:
            self.breach(f"entry in {symbol} makes {len(taken | {symbol})} positions, at most {most} are allowed")
        self._exposure(entry)

    def _late(self, client_id: str) -> set[str]:
        """Return the symbols of orders that came after they were given up and were not known when an entry left."""
        left_at = self.books.requests.get(client_id, self.at)
        later = {order.symbol for order in self.books.late if order.at > left_at}
        return later | self.unknown.get(client_id, set())

    def _unknown(self) -> set[str]:
        """Return the symbols of orders that came after they were given up with a proof, too lately to be known."""
        books = self.books
        lately = [order for order in books.late if self.at - order.at <= KNOWN_WITHIN]
        return {order.symbol for order in lately if books.intents[order.client_id].filled * 1000 < order.filled}

    def _exposure(self, entry: Entry) -> None:
        prices, equity = {entry["symbol"]: entry["price"]}, self.limits.get("equity", 0)
        asked = entry["quantity"] * prices[entry["symbol"]]
        most = equity * self.limits.get("max_exposure_pct", 100) // 100
        if equity and asked > most:
            self.breach(f"entry in {entry['symbol']} is worth {asked} grains, at most {most} are allowed")


@define
class Recovered(Checker):
    """I15: a process holds its first complete read against its books within seconds, and goes on to read in the calm.

    A session that has ended its journal takes no read any more.
    """

    name: ClassVar[str] = "I15"
    is_over: bool = False

    def pass_time(self, at: int) -> None:
        books = self.books
        if self.is_over or books.reconciled_since_up or not books.is_up or not books.reads:
            return
        if at - max(books.reads[0].at, books.refused_at, books.up_since) > ALARM_GRACE:
            self.is_over = True
            self.breach("a complete read of the account was not held against the books")

    def after_up(self, entry: Entry) -> None:
        self.is_over = False

    def after_session_paused(self, entry: Entry) -> None:
        self.is_over = True

    def before_settled(self, entry: Entry) -> None:
        books = self.books
        if books.is_up and not books.reconciled_since_up:
            self.breach("the process has not reconciled although the venue answers")
        begun = max(books.up_since, books.calm_since or 0, *(read.at for read in books.reads[-1:]))
        if books.is_up and self.at - begun > STALE_READ:
            self.breach(f"the account was not read for {(self.at - begun) // SECOND} s although the venue answers")


@define
class DivergenceTold(Checker):
    """I17: what others do to the account is in the journal after a few complete reads, and people were told.

    While faults go on, the orders that could explain a difference may not be answered: then people must be told of it.
    Whoever was told of a difference knows of it for as long as it stands: a fill that is booked does not change it.
    """

    name: ClassVar[str] = "I17"
    moved: dict[str, int] = field(factory=dict)
    told: set[str] = field(factory=set)
    alarmed: dict[str, int] = field(factory=dict)
    alarmed_of: dict[str, Decimal] = field(factory=dict)
    adjusted: dict[str, int] = field(factory=dict)

    def pass_time(self, at: int) -> None:
        """Judge whether people heard of what the books took over from the venue."""
        if not self.adjusted:
            return
        for symbol, since in self.adjusted.items():
            if not self.books.alarm_since(since, symbol):
                self.breach(f"{symbol}: the books follow the venue, nobody was told")
        self.adjusted.clear()

    def after_position_adjusted(self, entry: Entry) -> None:
        self.adjusted[entry.record.symbol] = self.at  # type: ignore[attr-defined]

    def after_alert_raised(self, entry: Entry) -> None:
        record = entry.record
        if record.title == "Books and venue differ":  # type: ignore[attr-defined]
            symbol = record.key  # type: ignore[attr-defined]
            self.alarmed[symbol], self.alarmed_of[symbol] = self.at, self._difference(symbol)

    def _difference(self, symbol: str) -> Decimal:
        books = self.books
        known = books.ledger(symbol) + books.foreign.get(symbol, Decimal(0))
        return books.held.get(symbol, 0) - known * 1000

    def _venue_moved(self, entry: Entry) -> None:
        symbol = entry.data.get("symbol") or self.books.orders[entry["order"]].symbol
        self.moved[symbol] = self.at
        self.told.discard(symbol)

    after_fill = after_liquidated = _venue_moved

    def after_snapshot(self, entry: Entry) -> None:
        books = self.books
        for symbol, since in self.moved.items():
            difference = self._difference(symbol)
            if not difference:
                self.alarmed_of.pop(symbol, None)
                continue
            if symbol in self.told or self._is_open_ended(symbol, since):
                continue
            is_calm, begun = books.calm_since is not None, max(since, books.calm_since or 0)
            reads = [read for read in books.reads[-60:] if read["true"] and read["as_of"] > begun]
            if not is_calm and (self.alarmed.get(symbol, 0) > since or self.alarmed_of.get(symbol) == difference):
                continue
            patience = KNOWN_WITHIN if is_calm else 3 * KNOWN_WITHIN
            if len(reads) <= DIVERGENCE_READS or reads[-1].at - reads[0].at < patience:
                continue
            self.told.add(symbol)
            known = (books.held[symbol] - difference) / 1000
            self.breach(f"{symbol}: books {known}, venue {books.held[symbol]} lots since {len(reads)} complete reads")

    def _is_open_ended(self, symbol: str, since: int) -> bool:
        """Tell whether an order is still unanswered, or anything happened too lately to be known by now."""
        books, recent = self.books, self.at - KNOWN_WITHIN
        has_just_begun = books.up_since > max(since, recent - KNOWN_WITHIN)
        if has_just_begun or books.last_ended.get(symbol, 0) > recent:
            return True
        return any(i.record.symbol == symbol and i.status in UNANSWERED for i in books.live.values())


@define
class Replayed(Checker):
    """I12, I13: the journal gives back the state of the engine that wrote it, and its chain holds."""

    name: ClassVar[str] = "I12"

    def before_replayed(self, entry: Entry) -> None:
        if entry["difference"]:
            self.breach(f"the state from the journal differs: {entry['difference']}")

    def before_verified(self, entry: Entry) -> None:
        if entry["problem"]:
            self.breach(f"the journal does not hold: {entry['problem']}")


@define
class ExitsFinish(Checker):
    """I26 as a bound: a position that shall be closed is closed once the venue has been well for a while."""

    name: ClassVar[str] = "I26"

    def before_settled(self, entry: Entry) -> None:
        calm = self.books.calm_since
        for trade_id, since in self.books.closings.items():
            trade, begun = self.books.trades[trade_id], max(since, calm or 0, self.books.up_since)
            if self.at - begun > CLOSED_WITHIN:
                self.breach(f"{trade.symbol}: an exit was decided {(self.at - since) / SECOND:.0f} s ago, still open")


@define
class LeavesInTime(Checker):
    """I26: nothing holds back an order that reduces risk; it leaves within seconds once the venue is well again."""

    name: ClassVar[str] = "I26"
    waiting: dict[str, int] = field(factory=dict)

    def pass_time(self, at: int) -> None:
        """Judge what has waited for too long."""
        calm = self.books.calm_since
        if calm is None or not self.waiting or not self.books.is_up:
            return
        for name, since in list(self.waiting.items()):
            if at - max(since, calm + QUIET, self.books.up_since) > LEFT_WITHIN:
                del self.waiting[name]
                self.breach(f"{self.books.intents[name].record.role} {name} was decided and did not leave")

    def after_order_intended(self, entry: Entry) -> None:
        record = entry.record
        if record.role is not OrderRole.ENTRY:  # type: ignore[attr-defined]
            self.waiting[record.client_order_id] = self.at  # type: ignore[attr-defined]

    def before_request(self, entry: Entry) -> None:
        self.waiting.pop(entry["client_id"], None)

    def after_order_moved(self, entry: Entry) -> None:
        record: Any = entry.record
        if record.status is OrderStatus.SUBMITTED:
            return
        name = record.client_order_id
        since = self.waiting.pop(name, None)
        if since is None or record.status is not OrderStatus.REJECTED or WITHDRAWN in record.reason:
            return
        if TRIED not in record.reason or not self._is_tried(name, since):
            self.breach(f"{self.books.intents[name].record.role} {name} was not sent: {record.reason}")

    def _is_tried(self, name: str, since: int) -> bool:
        """Tell whether an order was tried for long enough, as far as a clock that was set lets anybody tell."""
        decided = min(since, self.books.intents[name].record.ts)
        was_set = self.books.clock_right_since + CLOCK_TAKEN > decided
        return was_set or self.at - decided >= TRIED_FOR

    def after_down(self, entry: Entry) -> None:
        self.waiting.clear()


@define
class TasksOwned(Checker):
    """I24, I30: a process that stopped leaves no task, and one that runs stays small."""

    name: ClassVar[str] = "I24"

    def before_left_over(self, entry: Entry) -> None:
        if entry["tasks"]:
            self.breach(f"tasks outlived their session: {entry['tasks']}")

    def before_sizes(self, entry: Entry) -> None:
        if entry["tasks"] > MOST_TASKS:
            self.breach(f"{entry['tasks']} tasks are running, at most {MOST_TASKS} are expected")

    def before_bug(self, entry: Entry) -> None:
        self.breach(f"the session ended with {entry['error']}")

    def before_deadlock(self, entry: Entry) -> None:
        self.breach(f"the loop cannot go on: {entry['text']}")


CHECKS: tuple[type[Checker], ...] = (
    *ORDER_CHECKS, TriggersTaken, PeopleObeyed, StopsWhenAsked, Protected, Converged, Bounded, Recovered,
    DivergenceTold, Replayed, ExitsFinish, LeavesInTime, TasksOwned, AlarmsDelivered,
)  # fmt: skip
