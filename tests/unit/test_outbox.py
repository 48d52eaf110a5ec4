"""The outbox in virtual time: from a committed alert to every alerter, over failures, storms and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from attrs import define, field

from atlas_core.contracts import Alerter
from atlas_core.errors import AuthFailed, JournalFull
from atlas_core.journal import Delivery, Journal
from atlas_core.model.decisions import Alert, Severity
from atlas_core.model.records import AlertRaised, OperatorActed, TradingStateChanged
from atlas_core.runtime.mailbag import MOST_WAITING, MailRules
from atlas_core.runtime.outbox import Outbox, OutboxRules
from atlas_core.runtime.supervisor import Action, Supervisor, TaskFailure
from atlas_core.testing import VirtualClock, run_virtual
from tests.memory import START, Mailbox

INFO, WARNING, CRITICAL = Severity


@define
class Line(Mailbox):
    """An alerter whose line can be cut: `broken` says how."""

    broken: Callable[[], Awaitable[None]] | None = None
    tried: int = 0

    async def send(self, alert: Alert) -> None:
        self.tried += 1
        if self.broken is not None:
            await self.broken()
        await super().send(alert)

    @property
    def titles(self) -> list[str]:
        return [alert.title for alert in self.alerts]


async def no_line() -> None:
    raise ConnectionError("no line")


async def silence() -> None:
    await asyncio.Event().wait()


async def leave() -> None:
    raise SystemExit(3)


@define
class Scene:
    """One session's outbox on a journal."""

    journal: Journal
    alerters: list[tuple[str, Alerter]]
    rules: OutboxRules = field(factory=OutboxRules)
    failures: list[TaskFailure] = field(factory=list)
    outbox: Outbox = field(init=False)

    def raise_alert(self, title: str = "trouble", severity: Severity = WARNING, key: str = "", text: str = "") -> None:
        self.commit(AlertRaised(ts=START, severity=severity, title=title, text=text, key=key))

    def commit(self, *records: AlertRaised | OperatorActed) -> None:
        self.outbox.committed(self.journal.append(records), records)

    async def session(self, body: Callable[[], Awaitable[None]], *, crashes: bool = False) -> None:
        clock = VirtualClock(asyncio.get_running_loop(), START)
        self.outbox = Outbox(self.journal, self.alerters, self.rules, clock.now, lambda: 1.0)
        async with Supervisor(lambda: 1.0, self.failures.append) as tasks:
            self.outbox.start(tasks)
            await body()
            if not crashes:
                await self.outbox.drain()

    def waiting(self) -> set[tuple[str, str]]:
        return {(row.alerter, row.title) for row in self.journal.undelivered()}


def with_journal(test: Callable[[Journal], Awaitable[None]]) -> None:
    with Journal.in_memory() as journal:
        run_virtual(test(journal))  # type: ignore[arg-type]


def now() -> float:
    return asyncio.get_running_loop().time()


def test_an_alert_reaches_every_alerter_at_once_and_nothing_waits_any_more() -> None:
    async def test(journal: Journal) -> None:
        one, two = Line(), Line()
        scene = Scene(journal, [("one", one), ("two", two)])

        async def body() -> None:
            scene.raise_alert("a")
            scene.raise_alert("b", text="why", key="k")
            assert scene.waiting() == {(label, title) for label in ("one", "two") for title in "ab"}
            await asyncio.sleep(0.001)
            assert one.titles == two.titles == ["a", "b"]
            assert one.alerts[1] == Alert(ts=START, severity=WARNING, title="b", text="why", key="k")

        await scene.session(body)
        assert scene.waiting() == set()

    with_journal(test)


@pytest.mark.parametrize("broken", [no_line, silence, leave])
def test_an_alerter_that_fails_holds_up_no_other_and_is_tried_again(broken: Callable[[], Awaitable[None]]) -> None:
    async def test(journal: Journal) -> None:
        bad, good = Line(broken=broken), Line()
        scene = Scene(journal, [("bad", bad), ("good", good)])

        async def body() -> None:
            scene.raise_alert()
            await asyncio.sleep(0.001)
            assert good.titles == ["trouble"]
            await asyncio.sleep(30)
            assert scene.waiting() == {("bad", "trouble")}
            bad.broken = None
            await asyncio.sleep(61)
            assert bad.titles == ["trouble"]
            assert bad.tried > 2

        await scene.session(body)
        assert scene.failures == []
        assert scene.waiting() == set()

    with_journal(test)


def test_posting_takes_no_time_while_an_alerter_hangs_for_ten_minutes() -> None:
    async def test(journal: Journal) -> None:
        bad = Line(broken=silence)
        scene = Scene(journal, [("bad", bad)])

        async def body() -> None:
            for number in range(600):
                before = now()
                scene.raise_alert(f"error {number % 50}")
                assert now() == before
                await asyncio.sleep(1)
            bad.broken = None
            await asyncio.sleep(120)

        await scene.session(body)
        assert len(bad.alerts) <= 60
        assert scene.waiting() == set()

    with_journal(test)


def test_an_alarm_is_delivered_within_a_minute_of_the_line_coming_back() -> None:
    async def test(journal: Journal) -> None:
        line = Line(broken=no_line)
        scene = Scene(journal, [("line", line)])

        async def body() -> None:
            scene.raise_alert("alarm", CRITICAL)
            await asyncio.sleep(3_600)
            line.broken = None
            await asyncio.sleep(60)
            assert line.titles == ["alarm"]

        await scene.session(body)

    with_journal(test)


def test_what_an_earlier_process_could_not_tell_is_told_by_the_next(tmp_path: Path) -> None:
    line = Line(broken=no_line)
    with Journal.create(tmp_path / "journal.db") as journal:
        scene = Scene(journal, [("line", line)])

        async def dying() -> None:
            scene.raise_alert("alarm", CRITICAL)
            scene.raise_alert("trouble")
            await asyncio.sleep(10)

        run_virtual(scene.session(dying, crashes=True))
    assert line.alerts == []
    line.broken = None
    with Journal.open(tmp_path / "journal.db") as journal:
        scene = Scene(journal, [("line", line)])
        run_virtual(scene.session(lambda: asyncio.sleep(1)))
        assert line.titles == ["alarm", "trouble"]
        assert scene.waiting() == {("line", "alarm")}  # nobody has acknowledged it


def test_a_crash_between_sending_and_noting_costs_one_more_copy_and_no_alert(tmp_path: Path) -> None:
    line = Line()

    class Dying(Journal):
        def settle_deliveries(self, deliveries: object) -> None:
            raise JournalFull("the power went")

    for _ in range(3):
        kind = Dying
        path = tmp_path / "journal.db"
        with kind.open(path) if path.exists() else kind.create(path) as journal:
            scene = Scene(journal, [("line", line)])

            async def body(scene: Scene = scene) -> None:
                if not line.alerts:
                    scene.raise_alert()
                await asyncio.sleep(1)

            run_virtual(scene.session(body, crashes=True))
    assert line.titles == ["trouble"] * 3


def test_an_alarm_that_nobody_acknowledged_is_told_again_after_a_restart(tmp_path: Path) -> None:
    line = Line()
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        scene = Scene(journal, [("line", line)])

        async def body() -> None:
            scene.raise_alert("alarm", CRITICAL, text="no stop")
            await asyncio.sleep(1)

        run_virtual(scene.session(body))
    with Journal.open(path) as journal:
        scene = Scene(journal, [("line", line)])
        run_virtual(scene.session(lambda: asyncio.sleep(890)))
        assert line.titles == ["alarm"]
        run_virtual(scene.session(lambda: asyncio.sleep(910)))
    assert [alert.text for alert in line.alerts] == ["no stop", "no stop (told before, nobody has acknowledged it)"]


def test_a_persons_acknowledgement_ends_the_repeats() -> None:
    async def test(journal: Journal) -> None:
        line = Line()
        scene = Scene(journal, [("line", line)])

        async def body() -> None:
            scene.raise_alert("alarm", CRITICAL, key="BTC")
            await asyncio.sleep(1_000)
            assert line.titles == ["alarm"] * 2
            acted = OperatorActed(ts=START, name="acknowledge", actor="ops", arguments={"key": "BTC"})
            scene.commit(acted)
            await asyncio.sleep(10_000)
            assert line.titles == ["alarm"] * 2

        await scene.session(body)
        assert scene.waiting() == set()

    with_journal(test)


def test_nobody_is_reminded_of_stopped_entries_once_they_are_allowed_again() -> None:
    async def test(journal: Journal) -> None:
        line = Line()
        scene = Scene(journal, [("line", line)])

        async def body() -> None:
            scene.raise_alert("Entries stopped", CRITICAL, key="trading-state")
            scene.raise_alert("alarm", CRITICAL, key="BTC")
            await asyncio.sleep(100)
            scene.commit(TradingStateChanged(ts=START, state="active", by="ops", reason="checked"))
            await asyncio.sleep(1_000)
            assert line.titles == ["Entries stopped", "alarm", "alarm"]

        await scene.session(body)

    with_journal(test)


def test_ten_thousand_errors_in_a_minute_are_at_most_ten_messages() -> None:
    async def test(journal: Journal) -> None:
        line = Line()
        scene = Scene(journal, [("line", line)])

        async def body() -> None:
            for number in range(100):
                records = [
                    AlertRaised(ts=START, severity=WARNING, title=f"error {number * 100 + n}", text="", key="")
                    for n in range(100)
                ]
                scene.commit(*records)
                if number == 50:
                    scene.raise_alert("alarm", CRITICAL)
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                    assert "alarm" in line.titles
                await asyncio.sleep(0.59)
            assert len(line.alerts) <= 10
            assert len(scene.outbox._postmen["line"].bag) <= MOST_WAITING
            await asyncio.sleep(3_600)

        await scene.session(body)
        assert scene.waiting() <= {("line", "alarm")}

    with_journal(test)


def test_less_severe_alerts_than_an_alerter_wants_stay_in_the_journal() -> None:
    async def test(journal: Journal) -> None:
        loud, all_ = Line(), Line()
        rules = OutboxRules(lowest_by_alerter={"loud": CRITICAL}, pace=MailRules(repeat_critical=0))
        scene = Scene(journal, [("loud", loud), ("all", all_)], rules)

        async def body() -> None:
            for severity in Severity:
                scene.raise_alert(str(severity), severity)
            await asyncio.sleep(1)

        await scene.session(body)
        assert loud.titles == ["critical"]
        assert all_.titles == ["critical", "info", "warning"]
        assert scene.waiting() == set()
        assert len(journal.alerts()) == 3

    with_journal(test)


def test_an_alerter_that_stands_in_is_told_only_what_another_could_not_deliver() -> None:
    async def test(journal: Journal) -> None:
        first, second = Line(), Line()
        scene = Scene(journal, [("first", first), ("second", second)], OutboxRules(fallback=("second",)))

        async def body() -> None:
            scene.raise_alert("fine")
            await asyncio.sleep(1)
            first.broken = no_line
            scene.raise_alert("alarm", CRITICAL)
            await asyncio.sleep(60)
            assert second.titles == ["alarm"]
            first.broken = None
            await asyncio.sleep(60)
            assert first.titles == ["fine", "alarm"]

        await scene.session(body)

    with_journal(test)


@pytest.mark.parametrize("fault", [ConnectionError("no line"), AuthFailed("the token was revoked")], ids=repr)
def test_one_that_stands_in_tells_what_comes_while_another_cannot_be_opened(fault: Exception) -> None:
    class Shut(Line):
        async def open(self) -> None:
            raise fault

    async def test(journal: Journal) -> None:
        first, second = Shut(), Line()
        scene = Scene(journal, [("first", first), ("second", second)], OutboxRules(fallback=("second",)))

        async def body() -> None:
            scene.raise_alert("waits for it", CRITICAL)
            await asyncio.sleep(1)
            scene.raise_alert("comes later", CRITICAL)
            await asyncio.sleep(1)
            assert second.titles == ["waits for it", "comes later"]

        await scene.session(body)
        assert scene.waiting() >= {("first", "waits for it"), ("first", "comes later")}

    with_journal(test)


def test_a_full_disk_keeps_no_alert_from_being_told() -> None:
    class Full(Journal):
        def settle_deliveries(self, deliveries: object) -> None:
            raise JournalFull("no space")

    async def test(journal: Journal) -> None:
        line = Line()
        scene = Scene(journal, [("line", line)])

        async def body() -> None:
            for number in range(3):
                scene.raise_alert(f"error {number}")
                await asyncio.sleep(1)

        await scene.session(body)
        assert line.titles == ["error 0", "error 1", "error 2"]

    with Full.in_memory() as journal:
        run_virtual(test(journal))


def test_the_end_of_a_session_tells_what_is_new_within_its_time() -> None:
    async def test(journal: Journal) -> None:
        good, bad = Line(), Line(broken=silence)
        scene = Scene(journal, [("good", good), ("bad", bad)])

        async def body() -> None:
            for number in range(40):
                scene.raise_alert(f"error {number}")

        begun = now()
        await scene.session(body)
        assert now() - begun <= 10
        assert good.titles[-1] == "31 alerts"
        assert len(good.alerts) == 10
        assert {alerter for alerter, _ in scene.waiting()} == {"bad"}

    with_journal(test)


def test_an_alerter_that_raises_what_ends_tasks_is_benched_and_comes_back() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    async def test(journal: Journal) -> None:
        line = Line(broken=cancelled)
        scene = Scene(journal, [("line", line)])

        async def body() -> None:
            scene.raise_alert()
            await asyncio.sleep(20)
            assert [failure.action for failure in scene.failures] == [Action.RESTART] * 4 + [Action.BENCH]
            line.broken = None
            await asyncio.sleep(60)
            assert line.titles == ["trouble"]

        await scene.session(body)

    with_journal(test)


def test_notes_are_written_in_few_transactions() -> None:
    class Counting(Journal):
        commits = 0

        def settle_deliveries(self, deliveries: list[Delivery]) -> None:  # type: ignore[override]
            type(self).commits += 1
            super().settle_deliveries(deliveries)

    async def test(journal: Journal) -> None:
        scene = Scene(journal, [("line", Line())], OutboxRules(lowest=CRITICAL))

        async def body() -> None:
            for _ in range(1_000):
                scene.raise_alert()
            await asyncio.sleep(1)

        await scene.session(body)
        assert scene.waiting() == set()
        assert Counting.commits <= 3

    with Counting.in_memory() as journal:
        run_virtual(test(journal))
