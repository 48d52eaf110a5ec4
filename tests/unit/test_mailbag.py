"""The pace of alerts: folding, digests, the critical first, and repeats until somebody acknowledges."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as some

from atlas_core.journal import DeliveryState
from atlas_core.model.decisions import Alert, Severity
from atlas_core.runtime.mailbag import MOST_WAITING, Mailbag, MailRules, Message, Note

INFO, WARNING, CRITICAL = Severity
DELIVERED, DIGESTED, WAITING, ABANDONED = (
    DeliveryState.DELIVERED, DeliveryState.DIGESTED, DeliveryState.WAITING, DeliveryState.ABANDONED,
)  # fmt: skip


def alert(title: str = "trouble", severity: Severity = WARNING, key: str = "", text: str = "") -> Alert:
    return Alert(ts=1, severity=severity, title=title, text=text, key=key)


@define
class Scene:
    """A bag, a time, and what left it."""

    bag: Mailbag = field(factory=lambda: Mailbag(MailRules()))
    now: float = 1_000.0
    sent: list[tuple[float, Message]] = field(factory=list)
    notes: list[Note] = field(factory=list)
    seq: int = 0

    def put(self, *alerts: Alert) -> None:
        for each in alerts:
            self.seq += 1
            self.notes += self.bag.put(each, self.seq, self.now)

    def deliver(self, *, closing: bool = False) -> list[str]:
        """Send everything that may leave now; return the titles."""
        titles = []
        while (message := self.bag.take(self.now, closing=closing)) is not None:
            self.sent.append((self.now, message))
            titles.append(message.alert.title)
            self.notes += self.bag.delivered(message, self.now)
        return titles

    def run(self, seconds: float) -> list[str]:
        """Let time pass, going from one time that the bag names to the next."""
        end, titles = self.now + seconds, self.deliver()
        while (at := self.bag.next_time(self.now)) is not None and at <= end:
            assert at > self.now
            self.now = at
            titles += self.deliver()
        self.now = end
        return titles

    def states(self) -> dict[int, DeliveryState]:
        return {seq: note.state for note in self.notes for seq in note.seqs}


def storm(count: int, severity: Severity = WARNING) -> list[Alert]:
    return [alert(f"error {number}", severity) for number in range(count)]


def test_a_few_alerts_leave_one_by_one_in_their_order() -> None:
    scene = Scene()
    scene.put(alert("a"), alert("b"), alert("c", INFO))
    assert scene.deliver() == ["a", "b", "c"]
    assert scene.states() == {1: DELIVERED, 2: DELIVERED, 3: DELIVERED}
    assert len(scene.bag) == 0


def test_what_is_critical_leaves_first() -> None:
    scene = Scene()
    scene.put(*storm(2), alert("alarm", CRITICAL))
    assert scene.deliver() == ["alarm", "error 0", "error 1"]


def test_repeats_that_wait_are_one_message() -> None:
    scene = Scene()
    scene.put(*[alert("gate failed", key="gate", text=str(number)) for number in range(7)])
    assert scene.deliver() == ["gate failed"]
    assert scene.sent[0][1].alert.text == "6 (7 times)"
    assert scene.states() == dict.fromkeys(range(1, 7), DIGESTED) | {7: DELIVERED}


def test_repeats_of_what_was_told_a_moment_ago_are_told_together_later() -> None:
    scene = Scene()
    scene.put(alert("gate failed", key="gate"))
    scene.deliver()
    for _ in range(20):
        scene.now += 10
        scene.put(alert("gate failed", key="gate"))
        assert scene.deliver() == []
    assert scene.run(300) == ["gate failed"]
    assert scene.sent[1][0] - scene.sent[0][0] == 300
    assert scene.sent[1][1].alert.text == "(20 times)"


def test_alerts_about_other_things_are_not_folded() -> None:
    scene = Scene()
    scene.put(alert("gate failed", key="a"), alert("gate failed", key="b"), alert("gate failed", CRITICAL, key="a"))
    assert len(scene.deliver()) == 3


@pytest.mark.parametrize("rate", [3, 60])
def test_ten_thousand_errors_in_a_minute_are_at_most_so_many_messages_with_the_critical_first(rate: int) -> None:
    scene = Scene(Mailbag(MailRules(most_per_minute=rate)))
    for number, error in enumerate(storm(10_000)):
        scene.now += 60 / 10_000
        scene.put(error)
        if number == 5_000:
            scene.put(alert("alarm", CRITICAL))
        titles = scene.deliver() if number % 10 == 0 else []
        if number == 5_000:
            assert titles[0] == "alarm"
    assert len(scene.sent) <= rate
    assert any(title.endswith("alerts") for title in scene.run(120))


def test_a_storm_of_critical_alerts_ends_in_a_digest_that_counts_them() -> None:
    scene = Scene()
    scene.put(*storm(500, CRITICAL))
    titles = scene.deliver()
    assert len(titles) == 10
    assert titles[:9] == [f"error {number}" for number in range(9)]
    assert titles[9] == "491 alerts"
    text = scene.sent[-1][1].alert.text.splitlines()
    assert text[0] == "critical: error 9"
    assert text[-1] == "and 481 more, all of them in the journal"
    assert scene.sent[-1][1].alert.severity is CRITICAL


def test_a_digest_tells_what_each_of_its_alerts_is_about() -> None:
    scene = Scene()
    scene.put(*storm(9, CRITICAL), alert("no stop", CRITICAL, "BBB"), alert("gate sma failed", CRITICAL, "gate sma"))
    scene.deliver()
    assert scene.sent[-1][1].alert.text.splitlines() == ["critical: no stop (BBB)", "critical: gate sma failed"]


def test_the_rest_of_a_storm_follows_as_digests_at_their_pace() -> None:
    scene = Scene()
    for number in range(600):
        scene.now += 1
        scene.put(alert(f"error {number}"))
        scene.deliver()
    scene.run(120)
    digests = [at for at, message in scene.sent if message.alert.title.endswith("alerts")]
    assert all(later - earlier >= 60 for earlier, later in pairwise(digests))
    told = sum(sum(max(1, count) for count in message.counts) for _, message in scene.sent)
    assert told == 600
    assert set(scene.states()) == set(range(1, 601))


@given(
    some.lists(
        some.tuples(some.floats(0, 20), some.integers(0, 30), some.sampled_from(Severity), some.booleans()),
        max_size=80,
    ),
    some.integers(3, 12),
)
def test_no_minute_holds_more_messages_than_allowed_and_every_alert_is_told_or_noted(
    steps: list[tuple[float, int, Severity, bool]], rate: int
) -> None:
    scene = Scene(Mailbag(MailRules(most_per_minute=rate, repeat_critical=0)))
    random = np.random.default_rng(1).random
    attempts: list[float] = []
    for pause, number, severity, fails in steps:
        scene.now += pause
        scene.put(alert(f"error {number}", severity, key=str(number % 3)))
        message = scene.bag.take(scene.now)
        if message is None:
            continue
        attempts.append(scene.now)
        if fails:
            scene.notes += scene.bag.failed(message, scene.now, random(), "no line", is_unclear=False)
        else:
            scene.notes += scene.bag.delivered(message, scene.now)
    for at in attempts:
        assert sum(at <= other < at + 60 for other in attempts) <= rate
    scene.run(24 * 3_600)
    assert len(scene.bag) == 0
    final = scene.states()
    assert set(final) == set(range(1, len(steps) + 1))
    assert set(final.values()) <= {DELIVERED, DIGESTED}


def test_a_critical_alert_is_told_again_until_somebody_acknowledges_it() -> None:
    scene = Scene()
    scene.put(alert("alarm", CRITICAL, key="BTC", text="no stop"))
    assert scene.deliver() == ["alarm"]
    assert scene.states() == {1: WAITING}
    assert scene.run(900 + 1_800 + 3_600) == ["alarm"] * 3
    assert [at - 1_000 for at, _ in scene.sent] == [0, 900, 2_700, 6_300]
    assert scene.sent[1][1].alert.text == "no stop (told before, nobody has acknowledged it)"
    scene.notes += scene.bag.acknowledge("ETH")
    assert len(scene.bag) == 1
    scene.notes += scene.bag.acknowledge("BTC")
    assert scene.states() == {1: DELIVERED}
    assert scene.run(24 * 3_600) == []


def test_a_reminder_keeps_a_new_alarm_of_its_like_from_nobody() -> None:
    scene = Scene()
    scene.put(alert("alarm", CRITICAL))
    assert scene.run(901) == ["alarm", "alarm"]
    scene.now += 30
    scene.put(alert("alarm", CRITICAL, text="new"))
    assert scene.deliver() == ["alarm"]


def test_news_that_all_is_well_again_ends_the_repeats() -> None:
    scene = Scene()
    scene.put(alert("alarm", CRITICAL, key="BTC"), alert("another", CRITICAL, key="ETH"))
    scene.deliver()
    scene.put(alert("works again", INFO, key="BTC"))
    assert scene.states()[1] is DELIVERED
    assert len(scene.bag) == 2


@pytest.mark.parametrize("failures", [0, 1, 6])
def test_what_may_have_arrived_before_all_was_well_again_is_told_once(failures: int) -> None:
    scene = Scene()
    scene.put(alert("alarm", CRITICAL, key="BTC"))
    for _ in range(failures):
        fail(scene, is_unclear=True)
    scene.put(alert("works again", INFO, key="BTC"))
    assert scene.run(24 * 3_600) == ["alarm", "works again"]
    assert scene.states() == {1: DELIVERED, 2: DELIVERED}
    assert len(scene.bag) == 0


def test_what_breaks_anew_before_its_end_was_told_is_repeated() -> None:
    scene = Scene()
    scene.put(alert("alarm", CRITICAL, key="BTC"), alert("works again", INFO, key="BTC"))
    scene.put(alert("alarm", CRITICAL, key="BTC"))
    assert scene.run(1_000) == ["alarm", "works again", "alarm"]


def test_copies_of_a_critical_alert_are_bounded() -> None:
    scene = Scene()
    scene.put(alert("alarm", CRITICAL))
    scene.run(30 * 24 * 3_600)
    assert len(scene.sent) == 10
    assert scene.states() == {1: DELIVERED}
    assert len(scene.bag) == 0


def test_acknowledging_does_not_touch_what_nobody_was_told() -> None:
    scene = Scene()
    scene.put(alert("alarm", CRITICAL))
    assert scene.bag.acknowledge() == []
    assert scene.deliver() == ["alarm"]


def fail(scene: Scene, share: float = 1.0, *, is_unclear: bool = False) -> float:
    """Let the next message fail; return how long the bag is silent then."""
    message = scene.bag.take(scene.now)
    assert message is not None
    scene.notes += scene.bag.failed(message, scene.now, share, "no line", is_unclear=is_unclear)
    at = scene.bag.next_time(scene.now)
    assert at is not None
    wait, scene.now = at - scene.now, at
    return wait


def test_waits_after_failures_double_from_a_second_to_a_minute() -> None:
    scene = Scene()
    scene.put(alert())
    assert [fail(scene) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert scene.deliver() == ["trouble"]
    scene.put(alert("other"))
    assert fail(scene, share=0.5) == 0.5


def test_a_failure_is_noted_with_its_error_and_the_alert_stays() -> None:
    scene = Scene()
    scene.put(alert())
    fail(scene)
    [note] = scene.notes
    assert (note.state, note.attempts, note.error) == (WAITING, 1, "no line")


def test_a_message_of_which_five_copies_may_have_arrived_is_not_sent_again() -> None:
    scene = Scene()
    scene.put(alert())
    for _ in range(4):
        fail(scene, is_unclear=True)
    message = scene.bag.take(scene.now)
    assert message is not None
    scene.notes += scene.bag.failed(message, scene.now, 1.0, "no answer", is_unclear=True)
    assert scene.states() == {1: ABANDONED}
    assert len(scene.bag) == 0


def test_a_critical_message_is_sent_until_it_has_certainly_arrived() -> None:
    scene = Scene()
    scene.put(alert(severity=CRITICAL))
    for _ in range(40):
        fail(scene, is_unclear=True)
    assert scene.deliver() == ["trouble"]
    assert ABANDONED not in scene.states().values()


def test_who_acknowledges_a_critical_message_that_may_have_arrived_often_gets_no_more_of_it() -> None:
    scene = Scene()
    scene.put(alert(severity=CRITICAL))
    for _ in range(5):
        fail(scene, is_unclear=True)
    scene.notes += scene.bag.acknowledge()
    assert scene.states() == {1: DELIVERED}
    assert len(scene.bag) == 0


def test_an_outage_of_ten_minutes_loses_nothing_and_ends_in_few_messages() -> None:
    scene = Scene()
    outage = scene.now + 600
    for number in range(600):
        scene.put(alert(f"error {number % 200}"))
        message = scene.bag.take(scene.now)
        if message is not None:
            scene.notes += scene.bag.failed(message, scene.now, 1.0, "no line", is_unclear=False)
        scene.now += 1
    assert scene.now == outage
    scene.run(300)
    assert len(scene.sent) <= 12
    assert set(scene.states()) == set(range(1, 601))
    assert WAITING not in scene.states().values()


def test_what_is_folded_in_while_its_message_is_on_its_way_is_told_later() -> None:
    scene = Scene()
    scene.put(alert(text="one"))
    message = scene.bag.take(scene.now)
    assert message is not None
    scene.put(alert(text="two"))
    scene.notes += scene.bag.delivered(message, scene.now)
    assert scene.states() == {1: DIGESTED}
    assert scene.bag.has_news
    scene.run(301)
    assert [sent.alert.text for _, sent in scene.sent] == ["two"]
    assert scene.states() == {1: DIGESTED, 2: DELIVERED}


def test_closing_tells_everything_that_is_news_at_once() -> None:
    scene = Scene()
    scene.put(*storm(40), alert("alarm", CRITICAL))
    scene.deliver()
    scene.put(*storm(40), alert("error 39"))
    assert scene.deliver(closing=True)[-1].endswith("alerts")
    assert sum(sum(message.counts) for _, message in scene.sent) == scene.seq == 82
    assert scene.deliver(closing=True) == []
    assert not scene.bag.has_news


def test_the_bag_holds_so_much_and_leaves_the_rest_to_the_journal() -> None:
    scene = Scene()
    scene.put(*storm(MOST_WAITING + 500))
    assert len(scene.bag) == MOST_WAITING
    assert scene.bag.has_overflowed
    scene.put(alert("alarm", CRITICAL))
    assert len(scene.bag) == MOST_WAITING
    assert scene.deliver()[0] == "alarm"


def test_an_alarm_finds_room_where_all_that_waits_was_told_and_waits_to_be_acknowledged() -> None:
    scene = Scene()
    scene.put(*(alert("outcome unknown", CRITICAL, f"order {number}") for number in range(MOST_WAITING)))
    scene.run(120)
    assert len(scene.bag) == MOST_WAITING
    assert not scene.bag.has_news
    scene.put(alert("no stop", CRITICAL, "X"))
    assert "no stop" in scene.run(60)
    assert len(scene.bag) == MOST_WAITING
    assert scene.bag.has_overflowed


def test_events_of_folded_repeats_do_not_pile_up() -> None:
    scene = Scene()
    scene.put(*[alert() for _ in range(50_000)])
    assert len(scene.bag.seqs()) <= 1_000
    scene.deliver()
    assert scene.sent[0][1].alert.text == "(50000 times)"
    assert set(scene.states()) == set(range(1, 50_001))


def test_a_bag_without_alerts_needs_no_time() -> None:
    assert Scene().bag.next_time(5.0) is None
