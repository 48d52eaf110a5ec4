"""Asks the venue about orders whose state is not known, and decides what its answers prove.

Nothing is sent again. An order that was never answered counts as not accepted only when the venue did not know it at
least three times, over at least two minutes after the request's own time was over, and a complete read of the account
in between had no such order.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define

from atlas_core.engine.guard import raise_alert
from atlas_core.engine.ports import Recorder
from atlas_core.engine.state import OrderTrack, State
from atlas_core.model.decisions import Severity
from atlas_core.model.events import BrokerEvent, Cancel, OrderCancelled, OrderRejected, Query
from atlas_core.model.orders import OrderStatus
from atlas_core.model.records import OrderQueried
from atlas_core.model.timeframe import SECOND
from atlas_core.model.venue import VenueSnapshot

REQUEST_ENDS_AFTER = 10 * SECOND
"""When a request has certainly left or failed: the deadline of a call, and a little."""

CONFIRMED_WITHIN = 9 * SECOND
"""How long a withdrawal may go unconfirmed before people are told."""

ANSWERS_LAG = 10 * SECOND
"""How far what a venue answers may lag behind what it did: only an order's end is final."""

FOR_EVER = 2**63 - 1
FIRST_QUESTION_AFTER = 5 * SECOND
LONGEST_BETWEEN_QUESTIONS = 30 * SECOND
PROOF_ANSWERS = 3
PROOF_SPAN = 120 * SECOND
COUNTED_BETWEEN = LONGEST_BETWEEN_QUESTIONS
"""As much of the time between two answers counts at most: a clock that is set forward must not make a proof."""

UNANSWERED = (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)


@define
class InquiryDesk:
    """Follows up the orders that wait for an answer."""

    state: State
    recorder: Recorder

    def tick(self) -> None:
        """Ask about every order that waits for an answer, or that the last read did not have, when it is time."""
        for track in self.state.orders.values():
            if track.status.is_terminal:
                continue
            if self._is_due(track):
                self.ask(track)
            if track.is_withdrawn and not track.is_overdue:
                self._expect_end(track)

    def ask(self, track: OrderTrack) -> None:
        """Ask the venue about one order now."""
        track.asked_at = self.recorder.now
        track.times_asked += 1
        self.recorder.command(Query(track.intent.client_order_id))

    def _expect_end(self, track: OrderTrack) -> None:
        """Tell people once of an order whose withdrawal the venue does not confirm: it may still fill."""
        seconds = (self.recorder.now - track.withdrawn_since) // SECOND
        if seconds <= CONFIRMED_WITHIN // SECOND:
            return
        track.is_overdue = True
        intent = track.intent
        text = f"{intent.role} of {intent.symbol}, {intent.client_order_id}: asked for {seconds} s ago, not confirmed"
        raise_alert(self.recorder, Severity.CRITICAL, "Order not withdrawn", text, intent.client_order_id)

    def answered(self, track: OrderTrack, *, is_final: bool = False) -> None:
        """Note that the venue knows the order, and its end if `is_final`.

        The end is asked for again where that was asked for and is not confirmed. What reads of the account did not have
        is not there because one answer says so: answers about orders lag too.
        """
        track.is_missing = False
        track.answered_at = max(track.answered_at, FOR_EVER if is_final else self.recorder.now - ANSWERS_LAG)
        if track.not_found:
            self._count(track, 0, self.recorder.now)
        if track.is_withdrawn and track.is_working and self.recorder.now - track.withdrawn_at >= FIRST_QUESTION_AFTER:
            track.withdrawn_at = self.recorder.now
            self.recorder.command(Cancel(track.intent.client_order_id))

    def listed(self, track: OrderTrack) -> None:
        """Note that a complete read of the account has the order."""
        track.reads_without = 0
        self.answered(track)

    def not_found(self, client_order_id: str) -> BrokerEvent | None:
        """Take the answer that the venue does not know an order; return its end once that is proven."""
        track, now = self.state.find_order(client_order_id), self.recorder.now
        if track is not None:
            track.answered_at = max(track.answered_at, now - ANSWERS_LAG)
        if track is None or not track.is_working or now < track.intent.ts + REQUEST_ENDS_AFTER:
            return None
        since = _since(track, now)
        self._count(track, track.not_found + 1, since)
        if track.not_found < PROOF_ANSWERS or now - since < PROOF_SPAN or not track.is_missing:
            return None
        reason = f"the venue does not know it: {track.not_found} answers in {(now - since) // SECOND} s"
        if track.status in UNANSWERED:
            return OrderRejected(ts=now, client_order_id=client_order_id, reason=reason)
        return OrderCancelled(ts=now, client_order_id=client_order_id, reason=reason)

    def _count(self, track: OrderTrack, count: int, since: int) -> None:
        """Record how many answers in a row did not find an order; one that finds it ends the row."""
        name = track.intent.client_order_id
        self.recorder.write(OrderQueried(ts=self.recorder.now, client_order_id=name, count=count, since=since))

    def missing_in(self, snapshot: VenueSnapshot, asked_at: int) -> Iterator[OrderTrack]:
        """Yield the working orders that a complete read should have had and did not."""
        listed = {report.client_order_id for report in snapshot.orders}
        for track in self.state.orders.values():
            if not track.is_working or track.intent.client_order_id in listed or track.moved_at >= asked_at:
                continue
            track.reads_without += 1
            track.is_missing = 0 < track.not_found_since < asked_at
            yield track

    def _is_due(self, track: OrderTrack) -> bool:
        now, since = self.recorder.now, track.moved_at
        if track.is_withdrawn:
            since = track.withdrawn_at
        elif track.status not in UNANSWERED and not track.reads_without:
            return False
        pause = min(FIRST_QUESTION_AFTER << min(track.times_asked, 4), LONGEST_BETWEEN_QUESTIONS)
        return now - max(since, track.asked_at) >= (pause if track.times_asked else FIRST_QUESTION_AFTER)


def _since(track: OrderTrack, now: int) -> int:
    """Return since when the venue does not know an order; a clock that is set between two answers proves nothing."""
    if not track.not_found:
        return now
    proven = track.not_found_at - track.not_found_since
    return now - proven - max(0, min(now - track.not_found_at, COUNTED_BETWEEN))
