"""Holds complete reads of the account against the books.

Our orders are followed up, never guessed. What is not ours is noted and left alone. A position that differs is believed
only when two reads some time apart agree, nothing of ours is on its way in the symbol, and the orders that could
explain it have been asked about; then the books follow the venue, and people are told. What is sent after two reads
agreed does not explain it and is not waited for. People are told before, when a difference lasts and the venue does not
answer. The end of an entry may be told before its last fill, or without it: until the venue was heard on that, the
entry counts as one that may still fill. That a difference is over is believed of two reads too: an answer of the venue
may leave out a position once.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from decimal import Decimal

from attrs import define, evolve, field, frozen

from atlas_core.engine.bookkeeping import Bookkeeper
from atlas_core.engine.guard import raise_alert
from atlas_core.engine.inquiry import ANSWERS_LAG, FIRST_QUESTION_AFTER, UNANSWERED, InquiryDesk
from atlas_core.engine.orders import OrderDesk
from atlas_core.engine.ports import Recorder
from atlas_core.engine.reports import events_of
from atlas_core.engine.state import OrderTrack, State
from atlas_core.model.decisions import Severity
from atlas_core.model.events import AccountRead, BrokerEvent, Cancel
from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import OrderRole, OrderStatus, is_order_of
from atlas_core.model.records import AccountReconciled, ForeignFound, PositionAdjusted
from atlas_core.model.timeframe import SECOND
from atlas_core.model.venue import OrderReport, VenuePosition

AGREEMENT_SPAN = ANSWERS_LAG
"""How far apart two reads must lie that are believed together: longer than a venue's reads lag behind its writes."""

TOLD_AFTER = 45 * SECOND
"""How long a difference may stand before people are told, although it is not believed yet."""

MAY_EXPLAIN = 900 * SECOND
"""How long before a difference an order may have ended that is asked about: its last fill may have been lost.

The time without complete reads does not count, be it that no session ran: nobody could see the difference.
"""

READS_FAIL_AFTER = 75 * SECOND
"""After how long without a complete read the time counts as not seen."""

TOO_OLD = "the account was not read completely for too long"

RECORDED_EVERY = 300 * SECOND
"""How far complete reads are apart that are recorded although they say nothing new: a restart must know of them."""

ENDED_LATELY = 75 * SECOND
"""How long before a restart an entry may have ended whose fills are asked about again."""

MOST_QUESTIONS = 20
"""How many orders one read asks about at most that may explain differences: reads follow each other quickly then."""

ORDER, POSITION = "order", "position"


@frozen
class _Doubt:
    """A difference that reads showed: what the books and the venue held, and when the first of these was answered.

    A read may show what was at its end, and lasts as long as the machine sleeps meanwhile. `suspects` are the orders
    that may explain it. Once two reads agree they stay the same: what is sent later explains nothing that was there
    before.
    """

    ledger: Decimal
    venue: Decimal
    since: int
    suspects: tuple[OrderTrack, ...] = ()
    is_agreed: bool = False


@define
class _Difference:
    """Since when a position differs, how much, since when so much, what people were told, since when reads agree."""

    since: int
    quantity: Decimal = ZERO
    stands_since: int = 0
    told: Decimal | None = None
    agrees_since: int | None = None

    def shown(self, quantity: Decimal, asked_at: int) -> None:
        """Note what a read shows."""
        self.agrees_since = None
        if quantity != self.quantity:
            self.quantity, self.stands_since = quantity, asked_at

    def is_news(self, asked_at: int) -> bool:
        """Tell whether people have to hear of it: it lasts, or it has become another one and stands."""
        since = self.since if self.told is None else self.stands_since
        return self.told != self.quantity and asked_at - since >= TOLD_AFTER


@define
class ReconcileDesk:
    """Decides what a complete read of the account means."""

    state: State
    recorder: Recorder
    orders: OrderDesk
    books: Bookkeeper
    inquiry: InquiryDesk
    stale_after: int | None = None
    _read_at: int = 0
    _read_before: int = 0
    _ends: dict[str, OrderTrack] = field(factory=dict)
    _doubts: dict[str, _Doubt] = field(factory=dict)
    _differences: dict[str, _Difference] = field(factory=dict)
    _strays: set[str] = field(factory=set)
    _silent: list[OrderTrack] = field(factory=list)
    _unseen: list[tuple[int, int]] = field(factory=list)

    def recorded(self, record: AccountReconciled) -> None:
        """Take over a read of an earlier session, before the state does."""
        self._seen_again(self.state.reconciled_at, record.asked_at, RECORDED_EVERY + READS_FAIL_AFTER)

    def is_fresh(self) -> bool:
        """Tell whether a complete read of this session is young enough to enter on."""
        return self.stale_after is None or (self._read_at > 0 and self.recorder.now - self._read_at <= self.stale_after)

    def refusal(self) -> str:
        """Say why an entry that was held back must not leave any more, "" where it may."""
        return "" if self.is_fresh() else TOO_OLD

    @property
    def read_at(self) -> int:
        """Return when the last complete read of this session was asked for, 0 where there was none."""
        return self._read_at

    def age_seconds(self) -> float:
        """Return the age of the last complete read, infinite when there was none in this session."""
        return (self.recorder.now - self._read_at) / SECOND if self._read_at else float("inf")

    @property
    def is_in_doubt(self) -> bool:
        """Tell whether another read would settle a difference."""
        return bool(self._differences)

    def is_doubtful(self, symbol: str) -> bool:
        """Tell whether complete reads showed another position than the books have, which is not settled yet."""
        return symbol in self._differences

    @property
    def doubtful(self) -> Set[str]:
        """Return the symbols in which books and venue differ."""
        return self._differences.keys()

    def entry_ended(self, track: OrderTrack) -> None:
        """Ask what an entry filled whose end was told by itself: its last fill may have been lost, or come later."""
        if self.stale_after is not None and track.answered_at < track.moved_at:
            self._ends[track.intent.client_order_id] = track
            self.inquiry.ask(track)

    def entry_filled(self, track: OrderTrack) -> None:
        """Withdraw an entry that was given up and fills all the same; its rest counts until the venue was heard."""
        is_rest_open = not track.is_working and track.cumulative_quantity < track.intent.quantity
        if self.stale_after is not None and track.intent.role is OrderRole.ENTRY and is_rest_open:
            self.recorder.command(Cancel(track.intent.client_order_id))
            self.entry_ended(track)

    def open_ends(self) -> list[OrderTrack]:
        """Return the entries that have ended and of which it is not known what they filled.

        The venue's report of the end tells it, or two complete reads after it: what they show is in the books, or
        differs from them.
        """
        known = self._read_before - ANSWERS_LAG
        return [t for t in self._ends.values() if t.answered_at < t.moved_at and t.moved_at > known]

    def resume(self) -> None:
        """Take up the entries that ended shortly before a restart."""
        begun = self.recorder.now - ENDED_LATELY
        for track in (*self.state.orders.values(), *self.state.ended_orders.values()):
            is_cut = track.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED) or _filled_after_all(track)
            if is_cut and track.moved_at >= begun and track.intent.role is OrderRole.ENTRY:
                self.entry_ended(track)

    def tick(self) -> None:
        """Ask again what ended entries filled."""
        if not self._ends:
            return
        for track in self.open_ends():
            if self.recorder.now - track.asked_at >= FIRST_QUESTION_AFTER:
                self.inquiry.ask(track)

    def reported(self, read: AccountRead) -> Iterator[BrokerEvent]:
        """Yield what the working orders of a read tell of ours; note those that are not."""
        for report in read.snapshot.orders:
            track = self.orders.find(report.client_order_id)
            if track is not None:
                self.inquiry.listed(track)
                yield from events_of(report, read.ts)
                if not track.is_working and track.moved_at < read.asked_at - AGREEMENT_SPAN:
                    self._stray(report, "an order that had ended works at the venue", is_known=True)
            elif is_order_of(self.orders.namespace, report.client_order_id):
                self._stray(report, "an order of ours that the journal does not know works at the venue")
            else:
                self._foreign(ORDER, report.symbol, report.quantity, report.venue_order_id or report.client_order_id)

    def compare(self, read: AccountRead) -> None:
        """Hold positions and missing orders of a read against the books; call it after `reported`."""
        was_fresh = self.is_fresh() and self._read_at > 0
        self._seen_again(self._read_at or self.state.reconciled_at, read.asked_at, READS_FAIL_AFTER)
        for track in self.inquiry.missing_in(read.snapshot, read.asked_at):
            if track.status not in UNANSWERED:
                self.inquiry.ask(track)
        self._forget_foreign_orders(read)
        differences = self._positions(read)
        self._ask_the_silent()
        self._read_before, self._read_at = self._read_at, read.asked_at
        self._ends = {track.intent.client_order_id: track for track in self.open_ends()}
        if differences or not was_fresh or read.asked_at - self.state.reconciled_at >= RECORDED_EVERY:
            self.recorder.write(
                AccountReconciled(
                    ts=self.recorder.now,
                    asked_at=read.asked_at,
                    orders=len(read.snapshot.orders),
                    positions=len(read.snapshot.positions),
                    differences=tuple(differences),
                )
            )

    def _seen_again(self, since: int, until: int, at_most: int) -> None:
        """Note the time without complete reads before this one; forget what no difference reaches back to any more."""
        if until - since <= at_most:
            return
        if self._unseen and self._unseen[-1][1] == since:
            since, _ = self._unseen.pop()
        self._unseen.append((since, until))
        begun = self._reaches_back_to(min([until, *(difference.since for difference in self._differences.values())]))
        self._unseen = [span for span in self._unseen if span[1] > begun]

    def _reaches_back_to(self, since: int) -> int:
        """Return from when on the end of an order may explain a difference that was first seen at a time."""
        begun = since - MAY_EXPLAIN
        for unseen_since, until in reversed(self._unseen):
            begun -= until - unseen_since if until > begun else 0
        return begun

    def _ask_the_silent(self) -> None:
        """Ask about the orders that may explain differences, those first that were asked about longest ago."""
        self._silent.sort(key=lambda track: track.asked_at)
        for track in self._silent[:MOST_QUESTIONS]:
            self.inquiry.ask(track)
        self._silent.clear()

    def _positions(self, read: AccountRead) -> list[str]:
        held = {position.symbol: position for position in read.snapshot.positions}
        differences = []
        for symbol in sorted(held.keys() | self.state.positions.keys() | self._differences.keys() | self._strange()):
            venue = _signed(held.get(symbol))
            ledger = self.state.signed_quantity(symbol)
            unexplained = venue - ledger - self._foreign_position(symbol)
            if not unexplained:
                self._agree(symbol, read)
            elif self._is_believed(symbol, ledger, venue, read):
                differences.append(f"{symbol}: books {ledger}, venue {venue}")
                self._follow(symbol, ledger, venue)
            else:
                self._tell_if_it_lasts(symbol, ledger, venue, read.asked_at)
        return differences

    def _agree(self, symbol: str, read: AccountRead) -> None:
        """Begin anew to believe what differed; settle it once reads some time apart agree with the books."""
        self._doubts.pop(symbol, None)
        difference = self._differences.get(symbol)
        if difference is None:
            return
        if difference.agrees_since is None:
            difference.agrees_since = read.ts
        if read.asked_at - difference.agrees_since >= AGREEMENT_SPAN:
            self._settled(symbol)

    def _settled(self, symbol: str) -> None:
        self._doubts.pop(symbol, None)
        self._differences.pop(symbol, None)

    def _tell_if_it_lasts(self, symbol: str, ledger: Decimal, venue: Decimal, asked_at: int) -> None:
        """Tell people of a difference that stands for long and is not believed yet, and again when it has changed."""
        foreign = self._foreign_position(symbol)
        difference = self._differences.setdefault(symbol, _Difference(asked_at))
        difference.shown(venue - ledger - foreign, asked_at)
        if not difference.is_news(asked_at):
            return
        difference.told = difference.quantity
        known = f"the books have {ledger}" + (f", {foreign} beside is not ours" if foreign else "")
        text = f"{symbol}: {known}, the venue has {venue}; the orders that may explain it are asked about"
        raise_alert(self.recorder, Severity.CRITICAL, "Books and venue differ", text, symbol)

    def _foreign_position(self, symbol: str) -> Decimal:
        return self.state.foreign.get((POSITION, symbol, ""), ZERO)

    def _strange(self) -> set[str]:
        return {symbol for what, symbol, _ in self.state.foreign if what == POSITION}

    def _is_believed(self, symbol: str, ledger: Decimal, venue: Decimal, read: AccountRead) -> bool:
        """Tell whether two reads agree on a difference, and the venue was heard on what could explain it."""
        doubt = self._doubt(symbol, ledger, venue, read)
        silent = [track for track in doubt.suspects if track.answered_at < doubt.since]
        self._silent += silent
        return doubt.is_agreed and not silent

    def _doubt(self, symbol: str, ledger: Decimal, venue: Decimal, read: AccountRead) -> _Doubt:
        """Return what reads have shown of a difference up to this one.

        A read that follows closely on something of ours may lag behind it: it says nothing.
        """
        doubt = self._doubts.pop(symbol, None)
        if doubt is None or (doubt.ledger, doubt.venue) != (ledger, venue):
            doubt = _Doubt(ledger, venue, read.ts)
        suspects = doubt.suspects if doubt.is_agreed else self._related(symbol)
        if any(_is_moving(track, read.asked_at - AGREEMENT_SPAN) for track in suspects):
            return _Doubt(ledger, venue, read.ts, self._related(symbol))
        doubt = evolve(doubt, suspects=suspects, is_agreed=read.asked_at - doubt.since >= AGREEMENT_SPAN)
        self._doubts[symbol] = doubt
        return doubt

    def _related(self, symbol: str) -> tuple[OrderTrack, ...]:
        """Return the orders of a symbol that may have filled without our knowing: working, or ended a while ago."""
        difference = self._differences.get(symbol)
        begun = self._reaches_back_to(self.recorder.now if difference is None else difference.since)
        tracks = (*self.state.orders.values(), *self.state.ended_orders.values())
        return tuple(t for t in tracks if t.intent.symbol == symbol and (t.is_working or t.moved_at >= begun))

    def _follow(self, symbol: str, ledger: Decimal, venue: Decimal) -> None:
        """Let the books follow the venue: less than we have is booked as closed there, more is somebody else's."""
        self._settled(symbol)
        position = self.state.positions.get(symbol)
        self.recorder.write(
            PositionAdjusted(
                ts=self.recorder.now,
                trade_id=0 if position is None else position.trade_id,
                symbol=symbol,
                ledger_quantity=ledger,
                venue_quantity=venue,
                reason="two complete reads of the account agree, and no order of ours explains it",
            )
        )
        text = f"{symbol}: the books had {ledger}, the venue has {venue}; no order of ours explains it"
        raise_alert(self.recorder, Severity.CRITICAL, "Position changed outside of Atlas", text, symbol)
        kept = min(abs(venue), abs(ledger)) if venue * ledger > 0 else ZERO
        if position is not None and kept < position.quantity:
            self.books.close_outside(position, position.quantity - kept)
        self._foreign(POSITION, symbol, venue - kept if ledger > 0 else venue + kept, "")

    def _foreign(self, what: str, symbol: str, quantity: Decimal, reference: str) -> None:
        if self.state.foreign.get((what, symbol, reference), ZERO) == quantity:
            return
        self.recorder.write(
            ForeignFound(ts=self.recorder.now, what=what, symbol=symbol, quantity=quantity, reference=reference)
        )
        if quantity:
            text = (
                f"{symbol}: {what} of {quantity} {reference}".rstrip() + "; it is left alone, nothing is entered there"
            )
            raise_alert(
                self.recorder, Severity.WARNING, f"Foreign {what} in the account", text, f"{symbol} {reference}"
            )

    def _forget_foreign_orders(self, read: AccountRead) -> None:
        listed = {report.venue_order_id or report.client_order_id for report in read.snapshot.orders}
        for what, symbol, reference in list(self.state.foreign):
            if what == ORDER and reference not in listed:
                self._foreign(ORDER, symbol, ZERO, reference)

    def _stray(self, report: OrderReport, text: str, *, is_known: bool = False) -> None:
        """Tell of an order that should not be, and withdraw it unless it may protect what we do not know."""
        name = report.client_order_id
        if name not in self._strays:
            self._strays.add(name)
            raise_alert(self.recorder, Severity.CRITICAL, "Order without an owner", f"{text}: {name}", name)
        if is_known or not report.reduce_only:
            self.recorder.command(Cancel(name))


def _signed(held: VenuePosition | None) -> Decimal:
    return ZERO if held is None else held.quantity * held.side.sign


def _filled_after_all(track: OrderTrack) -> bool:
    """Tell whether an order that counted as never accepted filled all the same, and not as a whole."""
    return track.status is OrderStatus.REJECTED and ZERO < track.cumulative_quantity < track.intent.quantity


def _is_moving(track: OrderTrack, since: int) -> bool:
    """Tell whether an order may have changed a position lately; one that was refused has not."""
    was_refused = track.status is OrderStatus.REJECTED and not track.cumulative_quantity
    return track.status in UNANSWERED or (track.moved_at >= since and not was_refused)
