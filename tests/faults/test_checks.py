"""Every checker sees the fault that it is there for, in a trace made by hand, and passes over a good one."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from atlas_core.model import records as r
from atlas_core.model.decisions import Outcome
from atlas_core.model.orders import OrderRole, OrderStatus
from tests.faults.checking import SECOND
from tests.faults.story import Story

ACCEPTED, REJECTED, UNKNOWN = OrderStatus.ACKNOWLEDGED, OrderStatus.REJECTED, OrderStatus.UNKNOWN


def test_a_good_story_breaches_nothing() -> None:
    story = Story().entered().wait(30).read(held=100).wait(40).read(held=100).settle()
    assert story.breaches() == []


Told = Callable[[Story], object]
EXIT = OrderRole.EXIT
VERDICT = r.VerdictReached(ts=0, key="k", outcome=Outcome.CLOSED, by="b", reason="")


def _proof(story: Story) -> Story:
    for count in (1, 2, 3):
        story.venue("queried", client_id="e", status=None)
        story.journal(r.OrderQueried(ts=0, client_order_id="e", count=count, since=0))
    return story


def _unproven(story: Story) -> None:
    story.signal().intend("e").request("e").move("e", UNKNOWN).wait(200).move("e", REJECTED)


def _proven_too_soon(story: Story) -> None:
    _proof(story.signal().intend("e").request("e").wait(10)).read().wait(60).move("e", REJECTED)


def _proven_without_a_read(story: Story) -> None:
    _proof(story.signal().intend("e").request("e").wait(10)).wait(130).move("e", REJECTED)


def _proven_by_nothing(story: Story) -> None:
    rows = [r.OrderQueried(ts=0, client_order_id="e", count=count, since=0) for count in (1, 2, 3)]
    story.signal().intend("e").request("e").wait(10).journal(*rows).wait(60).read().wait(130).move("e", REJECTED)


def _never_closed(story: Story) -> None:
    story.entered().process("calm").journal(r.ExitRequested(ts=0, trade_id=1, rule="r", reason="")).wait(300).settle()


def _left_over(story: Story) -> None:
    story.intend("s", OrderRole.STOP).request("s", sign=-1, type="stop", reduce=True)
    story.accept("s", sign=-1, type="stop").move("s", ACCEPTED).settle()


def _too_many(story: Story) -> None:
    story.process("limits", max_orders_per_minute=1)
    for name in ("e", "f"):
        story.signal(name).intend(name, key=name).request(name)


ADJUSTED = r.PositionAdjusted(
    ts=0, trade_id=1, symbol="X", ledger_quantity=Decimal("0.1"), venue_quantity=Decimal(0), reason=""
)


STRANGE = r.ForeignFound(ts=0, what="position", symbol="X", quantity=Decimal(1), reference="")


def _adjusted_on_one_read(story: Story) -> None:
    story.entered().wait(30).read(held=100).wait(30).read(held=0, true=False).journal(ADJUSTED)


def _held_on(story: Story) -> None:
    for _ in range(3):
        story.wait(30).read(held=100)


def _throttled(story: Story) -> Story:
    return story.venue("throttled", client_id="e", wait=5.0)


def _refused(story: Story) -> Story:
    return story.venue("refused", client_id="e", code="422", symbol="X")


def _halt(story: Story) -> Story:
    return story.journal(r.TradingStateChanged(ts=0, state="halted", by="b", reason="r"))


def _late_entry(story: Story) -> None:
    story.signal(seconds=5).wait(60).bars().read().intend("e").request("e")


def _told_to_nobody(story: Story, how: str = "delivered") -> None:
    story.process("alert", title="Broken", key="X", severity="critical").wait(1)
    story.process("alarm", seq=1, title="Broken", key="X").wait(1).process("delivery", seq=1, how=how)


def _third_position(story: Story) -> None:
    story.entered()
    for name, symbol in (("e2", "Y"), ("e3", "Z")):
        story.signal(name, symbol).intend(name, key=name, symbol=symbol).request(name, symbol=symbol)
        story.accept(name, symbol=symbol)


def _manual_trade(story: Story) -> None:
    story.accept("", sign=1).fill(1, "")
    for _ in range(12):
        story.wait(30).read(held=100)


def _wild_bar(story: Story) -> Story:
    return story.venue("bars", bars=[("X", story.trace.now(), 100_000, 100_100)])


BAD: list[tuple[str, str, Told]] = [
    ("I1", "accepted twice", lambda s: s.signal().intend("e").request("e").accept("e").accept("e")),
    ("I1", "two entry orders", lambda s: s.signal().intend("e").accept("e").intend("f", attempt=2).accept("f")),
    ("I2", "before its intent", lambda s: s.request("e").intend("e")),
    ("I2", "differs from its intent", lambda s: s.signal().intend("e").request("e", lots=99)),
    ("I2", "sent again", lambda s: s.signal().intend("e").request("e").wait(9).request("e")),
    ("I2", "although the order is", lambda s: s.signal().intend("e").move("e", REJECTED).request("e")),
    ("I2", "is not ours", lambda s: s.venue("cancel_request", client_id="web-1", namespace="n")),
    ("I3", "attempt before is", lambda s: s.entered().intend("x", EXIT).intend("y", EXIT, attempt=2)),
    ("I3", "written twice", lambda s: s.signal().intend("e").intend("e")),
    ("I4", "without proof", _unproven),
    ("I4", "without proof", _proven_too_soon),
    ("I4", "without proof", _proven_without_a_read),
    ("I4", "without proof", _proven_by_nothing),
    ("I4", "works at the venue", lambda s: s.entered().move("s", OrderStatus.CANCELLED)),
    ("I4", "works at the venue", lambda s: _refused(s.signal().intend("e").accept("e")).move("e", REJECTED)),
    ("I4", "filled at the venue", lambda s: s.signal().intend("e").accept("e").fill(1, "e").move("e", REJECTED)),
    ("I5", "adds 0.1 to 0.1", lambda s: s.entered().fill(1, "e", lots=150, total=250).book("e", 100, total=250)),
    ("I5", "without an intent", lambda s: s.book("ghost")),
    ("I5", "does not grow", lambda s: s.entered().book("e")),
    ("I5", "the venue has", lambda s: s.signal().intend("e").request("e").accept("e").book("e")),
    ("I5", "went from", lambda s: s.entered().move("e", ACCEPTED)),
    ("I6", "at the venue", lambda s: _held_on(s.entered().venue("canceled", order=2))),
    ("I6", "at the venue", lambda s: _held_on(s.entered().venue("canceled", order=2).alarm("exit rule failed", "X"))),
    ("I6", "in the books", lambda s: _held_on(s.signal().intend("e").accept("e").fill(1, "e").book("e").opened())),
    ("I6", "in the books", lambda s: _held_on(s.entered().intend("s2", OrderRole.STOP).move("s2", ACCEPTED))),
    ("I7", "venue 0 lots", lambda s: s.signal().intend("e").opened().settle()),
    ("I7", "open orders differ", lambda s: s.signal().intend("e").settle()),
    ("I7", "works without a position", _left_over),
    ("I7", "filled 110 lots", lambda s: s.entered().fill(1, "e", lots=10, total=110).wait(1).settle()),
    ("I7", "money differs", lambda s: s.entered().wait(1).settle(profit=10**6)),
    ("I8", "are open there", lambda s: s.entered().signal("sig2").intend("e2", key="sig2").request("e2").accept("e2")),
    ("I8", "another one works", lambda s: s.signal().intend("e").accept("e").intend("e2", key="g").accept("e2")),
    ("I8", "in a minute", _too_many),
    ("I8", "3 positions", _third_position),
    ("I8", "is worth", lambda s: s.process("limits", equity=1000).signal().intend("e").accept("e")),
    ("I9", "trading state", lambda s: _halt(s).signal().intend("e").request("e")),
    ("I9", "kill file", lambda s: s.process("kill_file", present=True).signal().intend("e").request("e")),
    ("I9", "after the last read", lambda s: s.wait(100).bars().signal().intend("e").request("e")),
    ("I9", "on market data that", lambda s: s.wait(300).read().signal().intend("e", ts=round(s.at * SECOND))),
    ("I19", "no price beyond", lambda s: s.armed().quoted(100.0).triggered()),
    ("I19", "no price beyond", lambda s: s.armed().wait(60).quoted(100.02, age=20).triggered()),
    ("I19", "no price beyond", lambda s: s.armed().quoted(100.0).quoted(100.02, age=3).triggered()),
    ("I19", "no price beyond", lambda s: s.armed().quoted(1000.2).triggered()),
    ("I19", "no price beyond", lambda s: _wild_bar(s.armed()).quoted(1000.2).quoted(1000.3).triggered()),
    ("I19", "no price beyond", lambda s: _wild_bar(s.armed().quoted(100.0)).wait(1).triggered()),
    ("I19", "still waits", lambda s: s.armed().quoted(100.01).wait(11).read()),
    ("I19", "still waits", lambda s: s.armed().quoted(1000.2).quoted(1000.3).quoted(1000.1).wait(11).read()),
    ("I9", "outcome of", lambda s: s.intend("u", key="q").move("u", UNKNOWN).signal().intend("e").request("e")),
    ("I9", "since the start", lambda s: s.process("down").process("up").bars().signal().intend("e").request("e")),
    ("I9", "is not there", lambda s: s.process("begun").process("command", name="kill").wait(6).read()),
    ("I9", "the journal says active", lambda s: s.process("begun").process("kill_file", present=True).wait(11).read()),
    ("I9", "the journal says halted", lambda s: _halt(s.process("begun")).process("released").wait(11).read()),
    ("I10", "took the position", lambda s: s.entered().fill(2, "s", sign=-1, lots=150)),
    ("I10", "without reduce-only", lambda s: s.intend("x", EXIT, reduce_only=False).request("x", sign=-1)),
    ("I12", "differs", lambda s: s.process("replayed", difference="cash")),
    ("I12", "does not hold", lambda s: s.process("verified", problem="row 3")),
    ("I15", "not held against", lambda s: s.process("down").process("up").read().wait(30).read()),
    ("I15", "has not reconciled", lambda s: s.process("down").process("up").wait(200).settle()),
    ("I15", "was not read for 76 s", lambda s: s.wait(76).settle()),
    ("I17", "complete reads", _manual_trade),
    ("I17", "nobody was told", lambda s: s.entered().wait(30).journal(ADJUSTED).wait(5).read()),
    ("I18", "has quantity NaN", lambda s: s.venue("bad_number", client_id="e", name="quantity", value="NaN")),
    ("I18", "refused for its band", lambda s: s.venue("refused", client_id="e", code="band", symbol="X")),
    ("I18", "the market is", lambda s: s.signal().intend("e", price=10.0)),
    ("I19", "after its time", _late_entry),
    ("I19", "detected twice", lambda s: s.signal().signal()),
    ("I19", "two verdicts", lambda s: s.journal(VERDICT, VERDICT)),
    ("I23", "before the venue's wait", lambda s: _throttled(s.signal().intend("e").request("e")).request("e")),
    ("I23", "requests in a minute", lambda s: [s.venue("ask", what="query") for _ in range(301)]),
    ("I24", "outlived", lambda s: s.process("left_over", tasks=["reader"])),
    ("I24", "was to stop", lambda s: s.process("fault", what="stop-and-start").wait(61).read()),
    ("I24", "was to stop", lambda s: s.journal(r.SessionPaused(ts=0, reason="asked")).wait(61).read()),
    ("I24", "are running", lambda s: s.process("sizes", tasks=500)),
    ("I24", "ended with", lambda s: s.process("bug", error="KeyError: 'x'")),
    ("I24", "cannot go on", lambda s: s.process("deadlock", text="all wait")),
    ("I26", "still open", _never_closed),
    ("I26", "was not sent", lambda s: s.entered().intend("x", EXIT).move("x", REJECTED)),
    ("I26", "did not leave", lambda s: s.process("calm").wait(80).entered().intend("x", EXIT).wait(11).read()),
    ("I27", "nobody was told within", lambda s: s.process("alarm", seq=1, title="Broken", key="X").wait(150).settle()),
    ("I27", "delivered in the journal", _told_to_nobody),
    ("I27", "abandoned in the journal", lambda s: _told_to_nobody(s, "abandoned")),
    ("I34", "without two agreeing", _adjusted_on_one_read),
    ("I34", "only we have traded", lambda s: s.journal(STRANGE)),
    ("I34", "closed in the books", lambda s: s.entered().wait(9).closed()),
]  # fmt: skip


@pytest.mark.parametrize(("invariant", "words", "tell"), BAD, ids=[f"{name} {words}" for name, words, _ in BAD])
def test_a_bad_story_is_a_breach(invariant: str, words: str, tell: Told) -> None:
    story = Story()
    tell(story)
    assert any(text.startswith(f"{invariant}:") and words in text for text in story.breaches()), story.breaches()


def test_a_price_beyond_its_trigger_takes_a_signal_in_time() -> None:
    story = Story().armed().wait(1).quoted(100.0).wait(8).quoted(100.01).wait(1).triggered().wait(30).read()
    assert story.breaches() == []


def test_a_wild_quote_need_not_be_believed_because_a_wild_bar_came_before() -> None:
    assert _wild_bar(Story().armed()).wait(1).quoted(1000.2).wait(11).read().breaches() == []


def test_after_a_wild_first_bar_good_quotes_need_to_be_confirmed() -> None:
    story = Story().venue("prices", by_symbol={"W": 10_000}).wait(1)
    story.venue("bars", bars=[("W", story.trace.now(), 100_000, 100_100)]).armed("W")
    story.quoted(100.01, symbol="W").wait(1).quoted(100.01, symbol="W")
    assert story.wait(11).read().breaches() == []
    assert story.quoted(100.01, symbol="W").wait(11).read().breaches() != []


def test_a_session_that_was_asked_to_stop_takes_no_trigger_until_it_is_up_again() -> None:
    story = Story().armed().quoted(100.01).wait(5).process("fault", what="stop-and-start").quoted(100.01).wait(11)
    assert story.read().breaches() == []
    assert story.process("down").process("up").quoted(100.01).wait(11).read().breaches() != []


def test_a_session_that_stops_when_it_was_asked_to_or_goes_on_frozen_is_in_time() -> None:
    story = Story().process("fault", what="stop-and-start").wait(50).process("frozen").wait(100)
    story.process("resumed", after=100 * SECOND).wait(59).read().process("down").wait(100).process("up").wait(100)
    assert not any("was to stop" in text for text in story.read().breaches())


def test_a_clock_that_is_right_again_is_judged_by_from_the_next_start_on() -> None:
    story = Story().clock(60).wait(10).clock(0).armed().quoted(100.01).wait(11).read()
    assert story.process("down").wait(30).process("up").quoted(100.01).wait(11).read().breaches() == []
    right = story.process("down").wait(30).process("up").quoted(100.01).wait(11).read()
    assert any("still waits" in text for text in right.breaches())


def test_a_kill_before_a_frozen_process_goes_on_is_written_in_time_after_it_does() -> None:
    story = Story().process("begun").process("kill_file", present=True).process("frozen").wait(20).bars()
    assert story.process("resumed", after=20 * SECOND).wait(1).breaches() == []
    assert story.wait(11).read().breaches() != []


def _killed_and_released(reason: str) -> Story:
    """Tell of a kill whose file nobody has seen until its release was told; the journal has a halt for `reason`."""
    story = Story().process("begun").process("command", name="kill").wait(0.1).process("command", name="resume")
    story.journal(r.OperatorActed(ts=0, name="halt", actor="anna", arguments={"reason": reason}))
    return story.wait(1).process("released").wait(6).read()


def test_a_kill_and_its_release_that_one_look_finds_are_in_the_journal_and_leave_no_file() -> None:
    assert not any("is not there" in text for text in _killed_and_released("kill switch: by inbox").breaches())
    assert any("is not there" in text for text in _killed_and_released("paused by a person").breaches())


def test_who_pauses_before_a_release_is_heard_of_finds_entries_stopped() -> None:
    story = _halt(Story().process("begun")).process("command", name="resume").wait(0.2)
    story.process("command", name="pause").wait(0.3).process("released")
    assert story.wait(11).read().breaches() == []
    story.process("command", name="resume").wait(0.2).process("released")
    assert any("the journal says halted" in text for text in story.wait(11).read().breaches())


def _released() -> Story:
    """Tell of a release that the journal does not have."""
    return _halt(Story().process("begun")).process("command", name="resume").process("released").wait(1)


def test_a_release_stands_after_a_death_and_until_somebody_stops_entries_again() -> None:
    again = _released().process("down").process("up").process("begun").wait(11).read()
    assert any("the journal says halted" in text for text in again.breaches())
    closed = _released().process("command", name="close").wait(11).read()
    assert any("the journal says halted" in text for text in closed.breaches())
    paused = _released().process("command", name="pause").process("down").process("up").process("begun").wait(11).read()
    assert not any("the journal says halted" in text for text in paused.breaches())


def test_a_repeat_of_an_alarm_that_a_digest_told_is_folded_for_as_long_as_any_other() -> None:
    story = Story().process("alarm", seq=1, title="Broken", key="X").wait(1)
    story.process("alert", severity="critical", title="3 alerts", key="digest").process("delivery", seq=1, how="told")
    story.wait(100).process("alarm", seq=2, title="Broken", key="X").process("calm").wait(150).read().settle()
    assert story.breaches() == []
    assert story.wait(200).read().settle().breaches() != []


def test_who_learns_late_that_a_stop_is_gone_has_as_long_for_another_as_after_a_fill() -> None:
    story = Story().entered().venue("canceled", order=2).wait(30).read(held=100).wait(40).read(held=100)
    assert story.wait(20).bars().breaches() == []
    assert story.wait(3).bars().breaches() != []


def test_a_journal_that_took_nothing_has_until_the_next_tick_to_tell_of_a_missing_stop() -> None:
    story = Story().signal().intend("e").accept("e").fill(1, "e").book("e").opened().wait(20)
    story.process("fault", what="journal-full").wait(5.9).bars()
    assert story.breaches() == []
    assert any("in the books" in text for text in story.wait(0.2).bars().breaches())


def test_a_session_that_has_ended_its_journal_holds_no_read_against_its_books() -> None:
    story = Story().process("down").process("up").journal(r.SessionPaused(ts=0, reason="asked"))
    assert story.read().wait(8).bars().breaches() == []
    late = Story().process("down").process("up").read().wait(8).journal(r.SessionPaused(ts=0, reason="asked"))
    assert late.breaches() != []


def test_another_trade_of_a_signal_does_not_wait_for_the_exit_of_the_one_before() -> None:
    story = Story().entered().intend("x", EXIT).move("x", UNKNOWN).closed().opened().intend("y", EXIT, attempt=2)
    assert not any("attempt before is" in text for text in story.breaches())
    again = Story().entered().intend("x", EXIT).move("x", UNKNOWN).closed().intend("y", EXIT, attempt=2)
    assert any("attempt before is" in text for text in again.breaches())


@pytest.mark.parametrize(("behind", "is_breach"), [(300, False), (11, False), (9, True)])
def test_a_session_takes_a_quote_for_good_that_is_as_old_as_its_clock_is_behind(behind: float, is_breach: bool) -> None:
    story = Story().armed().clock(-behind).wait(60).quoted(100.02, age=20).triggered()
    assert any("no price beyond" in text for text in story.breaches()) is is_breach


def _exit_given_up(story: Story, seconds: float) -> Story:
    """Tell of an exit that the session tried to send for so long."""
    story.entered().intend("x", EXIT, ts=round(story.at * SECOND)).wait(seconds).read(held=100)
    return story.move("x", REJECTED, f"not sent: it could not be sent for {seconds:.0f} s")


def test_an_exit_is_tried_for_a_minute_unless_the_clock_was_set() -> None:
    assert any("was not sent" in text for text in _exit_given_up(Story(), 59).breaches())
    assert not any("was not sent" in text for text in _exit_given_up(Story(), 61).breaches())
    assert not any("was not sent" in text for text in _exit_given_up(Story().clock(300), 9).breaches())
    assert any("was not sent" in text for text in _exit_given_up(Story().clock(-60).clock(0).wait(7), 9).breaches())


def test_an_order_that_the_venue_has_answered_for_is_in_doubt_no_more_but_while_it_shall_end() -> None:
    unknown, overdue = "Order outcome unknown", "Order not withdrawn"
    for title, status, is_breach in ((unknown, ACCEPTED, True), (unknown, UNKNOWN, False), (overdue, ACCEPTED, False)):
        story = Story().entered().move("s", status).venue("canceled", order=2).alarm(title, "s")
        _held_on(story)
        assert any("at the venue" in text for text in story.breaches()) is is_breach


def test_an_alarm_makes_a_missing_stop_known() -> None:
    story = Story().entered().venue("canceled", order=2).alarm()
    _held_on(story)
    assert story.breaches() == []


def test_a_difference_that_cannot_be_believed_yet_is_known_by_its_alarm() -> None:
    story = Story().accept("", sign=1).fill(1, "")
    for _ in range(3):
        story.wait(30).read(held=100)
    story.alarm("Books and venue differ", "X")
    for _ in range(9):
        story.wait(30).read(held=100)
    story.process("calm").wait(5).read(held=100)
    assert story.breaches() == []
    for _ in range(12):
        story.wait(10).read(held=100)
    assert story.breaches() != []


def _told_of_a_difference() -> Story:
    story = Story().entered().accept("", sign=1).fill(3, "")
    for _ in range(3):
        story.wait(30).read(held=200)
    return story.alarm("Books and venue differ", "X")


def test_people_know_of_a_difference_that_a_fill_of_ours_does_not_change() -> None:
    story = _told_of_a_difference().fill(2, "s", sign=-1).book("s").closed()
    for _ in range(12):
        story.wait(30).read(held=100)
    assert not any("complete reads" in text for text in story.breaches())


def test_people_do_not_know_of_a_difference_that_has_changed_since_they_were_told() -> None:
    story = _told_of_a_difference().wait(1).accept("", sign=1).fill(4, "")
    for _ in range(12):
        story.wait(30).read(held=300)
    assert any("complete reads" in text for text in story.breaches())


def test_a_proof_ends_an_order_that_the_venue_never_had() -> None:
    story = _proof(Story().signal().intend("e").request("e").wait(10)).wait(60).read().wait(70)
    assert story.move("e", REJECTED).breaches() == []


@pytest.mark.parametrize(("offset", "seconds", "is_breach"), [(0, 119, True), (0, 120, False), (60, 91, False)])
def test_a_proof_takes_two_minutes_by_a_clock_that_was_not_set(offset: int, seconds: int, is_breach: bool) -> None:
    story = _proof(Story().signal().intend("e").request("e").wait(10)).wait(60).read()
    story = (story.clock(offset) if offset else story).wait(seconds - 60).move("e", REJECTED)
    assert any("without proof" in text for text in story.breaches()) is is_breach


def test_an_order_that_comes_while_the_last_answer_of_its_proof_lags_is_not_known_yet() -> None:
    story = _proof(Story().signal().intend("e").request("e").wait(10)).wait(60).read().wait(65).accept("e").wait(5)
    assert story.move("e", REJECTED).breaches() == []
    _proof(late := Story().signal().intend("e").request("e").wait(10)).wait(60).read().wait(65).accept("e").wait(15)
    assert late.move("e", REJECTED).breaches() != []


def test_an_order_that_comes_after_its_proof_is_known_at_the_next_read() -> None:
    story = _proof(Story().signal().intend("e").request("e").wait(10)).wait(60).read().wait(70).move("e", REJECTED)
    story.accept("e").fill(1, "e").bars().read().signal("g").intend("f", key="g").request("f").accept("f")
    assert story.breaches() == []


def test_only_the_symbol_of_a_fill_is_not_judged_in_the_second_after_it() -> None:
    story = Story().entered().wait(1).fill(1, "e", lots=10, total=110)
    assert story.settle().breaches() == []
    assert any("open orders differ" in t for t in story.intend("y", key="g", symbol="Y").settle().breaches())


@pytest.mark.parametrize(("later", "is_breach"), [(30, False), (61, True)])
def test_an_order_that_comes_after_its_proof_and_still_works_is_not_known_at_once(later: int, is_breach: bool) -> None:
    story = _proof(Story().signal().intend("e").request("e").wait(10)).wait(60).read().wait(70).move("e", REJECTED)
    story.accept("e").fill(1, "e", lots=50, total=50).wait(later).signal("g").intend("f", key="g").request("f")
    assert any("another one works" in text for text in story.accept("f").breaches()) is is_breach


def test_an_entry_that_has_left_cannot_know_of_an_order_that_comes_after_its_proof() -> None:
    story = _proof(Story().signal().intend("e").request("e").wait(10)).wait(60).read().wait(70).move("e", REJECTED)
    story.bars().read().signal("g").intend("f", key="g").request("f").wait(20).accept("e").fill(1, "e").book("e")
    assert story.wait(70).accept("f").breaches() == []
    story.signal("h").intend("i", key="h").request("i").accept("i")
    assert any("are open there" in text for text in story.breaches())


def test_a_refusal_ends_an_order_whose_second_copy_is_accepted_later() -> None:
    story = _refused(Story().signal().intend("e").request("e")).accept("e")
    assert story.move("e", REJECTED).breaches() == []


def test_a_request_that_was_throttled_may_be_sent_again_after_the_wait() -> None:
    story = _throttled(Story().signal().intend("e").request("e"))
    assert story.wait(6).request("e").breaches() == []
