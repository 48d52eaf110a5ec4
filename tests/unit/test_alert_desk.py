"""Alerts reach the alerters or are lost, but never hold anybody up."""

from __future__ import annotations

import asyncio

import pytest
from attrs import define, field

from atlas_core.contracts import Alerter
from atlas_core.model.decisions import Alert, Severity
from atlas_core.runtime import alerts as desk_module
from atlas_core.runtime.alerts import QUEUE_LENGTH, AlertDesk
from tests.memory import Mailbox


def alert(number: int) -> Alert:
    return Alert(ts=number, severity=Severity.INFO, title=f"alert {number}")


@define
class Hanging(Alerter):
    """Takes an alert and never comes back."""

    begun: list[int] = field(factory=list)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def send(self, alert: Alert) -> None:
        self.begun.append(alert.ts)
        await asyncio.Event().wait()


@define
class Failing(Mailbox):
    """Fails for the alerts that a test names."""

    fails_at: frozenset[int] = frozenset()

    async def send(self, alert: Alert) -> None:
        if alert.ts in self.fails_at:
            raise ConnectionError("no line")
        await super().send(alert)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the desk wait for hundredths of seconds where it waits for seconds."""
    monkeypatch.setattr(desk_module, "SEND_SECONDS", 0.02)
    monkeypatch.setattr(desk_module, "DRAIN_SECONDS", 0.05)


def deliver(count: int, *alerters: Alerter, pause: bool = False) -> AlertDesk:
    async def run() -> AlertDesk:
        desk = AlertDesk([(f"alerter-{place}", alerter) for place, alerter in enumerate(alerters)])
        async with desk:
            for number in range(count):
                desk.post(alert(number))
                if pause:
                    await asyncio.sleep(0)
        return desk

    return asyncio.run(asyncio.wait_for(run(), 5))


def received(mailbox: Mailbox) -> list[int]:
    return [each.ts for each in mailbox.alerts]


def test_closing_drains_what_is_queued_to_every_alerter() -> None:
    one, two = Mailbox(), Mailbox()
    desk = deliver(20, one, two)
    assert received(one) == received(two) == list(range(20))
    assert desk.dropped == 0


def test_a_desk_without_alerters_loses_nothing_it_could_deliver() -> None:
    assert deliver(QUEUE_LENGTH * 2).dropped == 0


def test_a_full_queue_drops_its_oldest_alerts_and_counts_them() -> None:
    mailbox = Mailbox()
    desk = deliver(QUEUE_LENGTH + 10, mailbox)
    # The mark that ends the queue needs a place of its own.
    assert desk.dropped == 11
    assert received(mailbox) == list(range(11, QUEUE_LENGTH + 10))


def test_an_alert_that_fails_is_lost_alone() -> None:
    mailbox = Failing(fails_at=frozenset({1, 3}))
    deliver(5, mailbox)
    assert received(mailbox) == [0, 2, 4]


def test_an_alert_that_hangs_is_given_up_after_its_time_and_the_next_is_tried() -> None:
    hanging = Hanging()
    deliver(30, hanging)
    assert hanging.begun[:2] == [0, 1]
    assert len(hanging.begun) < 30  # closing does not wait for every one of them


def test_an_alerter_that_hangs_holds_up_neither_posting_nor_the_other_alerters() -> None:
    hanging, mailbox = Hanging(), Mailbox()
    desk = deliver(QUEUE_LENGTH * 4, hanging, mailbox, pause=True)
    assert received(mailbox) == list(range(QUEUE_LENGTH * 4))
    assert desk.dropped > 0


def test_closing_leaves_no_task_behind() -> None:
    async def run() -> set[str]:
        async with AlertDesk([("slow", Hanging())]) as desk:
            desk.post(alert(0))
        return {task.get_name() for task in asyncio.all_tasks()} - {asyncio.current_task().get_name()}  # type: ignore[union-attr]

    assert asyncio.run(run()) == set()
