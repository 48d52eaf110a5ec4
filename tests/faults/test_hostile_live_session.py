"""Live sessions with a hostile plugin of each kind: no exit comes later for it, and no other plugin notices."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import cache
from typing import Any

import pytest
from attrs import define, evolve, field

from atlas_core import components as offer
from atlas_core.contracts import HistoryRequest, Need
from atlas_core.errors import DataError, SessionFailed
from atlas_core.model.decisions import Approve
from atlas_core.model.events import BarClosed
from atlas_core.model.records import (
    AlertRaised,
    ComponentFailed,
    ExitDecided,
    GateAnswered,
    PositionClosed,
    PositionOpened,
    SignalDetected,
    VerdictReached,
)
from atlas_core.model.signals import signal_table
from atlas_core.runtime.bounded_calls import BackgroundCalls, BoundedCalls
from atlas_core.runtime.isolation import Isolation
from atlas_core.runtime.session import SessionPlan
from tests.faults.hostile_scene import ROUND, FastTape, HostileScene, PatientTape, TimedVenue
from tests.live_scene import Tape
from tests.memory import Doing, Mailbox, at, bar, found, made


@cache
def usual() -> list[tuple[float, str]]:
    """Return what a session sends that nobody disturbs."""
    return HostileScene().run().venue.sent


def fail() -> None:
    raise ZeroDivisionError("no range")


def leave() -> None:
    raise SystemExit(3)


def answering(value: object) -> Callable[[], object]:
    return lambda: value


GARBAGE = [answering(value) for value in (True, "yes", float("nan"), {"answer": "yes"})]


@define
class Scanning:
    """A scanner that does what a test says."""

    act: Callable[[], Any]

    def needs(self) -> list[Need]:
        return [Need("1m")]

    def scan(self, market: Any) -> Any:
        return self.act()


@define
class Levelling(Doing):
    """An exit rule whose levels do what a test says."""

    def on_market(self, *asked: object) -> None:
        return None

    def levels(self, *asked: object) -> Any:
        return self.act()


@cache
def flood() -> Any:
    count = 1_000_000
    return signal_table(
        available_at=[at(1)] * count, setup_at=at(0), symbol="X", timeframe="1m", pattern="flood", side=1
    )


def with_gate(act: Callable[[], Any]) -> HostileScene:
    return HostileScene((made(offer.gate, "hostile", Doing(act)),), gates=('use = "hostile"',))


def with_rule(act: Callable[[], Any], kind: type[Doing] = Doing) -> HostileScene:
    rule = made(offer.exit_rule, "hostile", kind(act))
    return HostileScene((rule,), exits=('use = "hostile"', 'use = "two-bars"'))


def with_scanner(act: Callable[[], Any]) -> HostileScene:
    scanner = made(offer.scanner, "hostile", Scanning(act))
    return HostileScene((scanner,), scanners=('use = "hostile"', 'use = "script"'))


def test_the_usual_session_enters_and_leaves_again_and_again() -> None:
    assert [role for _, role in usual()[:3]] == ["entry", "stop", "exit"]
    assert sum(role == "exit" for _, role in usual()) >= 8


@pytest.mark.parametrize("act", [fail, leave, *GARBAGE])
@pytest.mark.parametrize("kind", [Doing, Levelling])
def test_a_hostile_exit_rule_changes_nothing_that_is_sent(kind: type[Doing], act: Callable[[], Any]) -> None:
    scene = with_rule(act, kind).run()
    assert scene.venue.sent == usual()
    assert {failure.component for failure in found(scene.records, ComponentFailed)} == {"exit rule hostile"}
    assert {decided.rule for decided in found(scene.records, ExitDecided)} == {"two-bars"}


@pytest.mark.parametrize("act", [fail, leave, *GARBAGE, answering(None)])
def test_a_hostile_scanner_changes_nothing_that_is_sent(act: Callable[[], Any]) -> None:
    scene = with_scanner(act).run()
    assert scene.venue.sent == usual()
    assert {signal.scanner for signal in found(scene.records, SignalDetected)} == {"script"}


def test_a_scanner_that_floods_changes_nothing_that_is_sent() -> None:
    scene = with_scanner(flood)
    scene.minutes = 8
    scene.run()
    end = 8 * 60  # from then on the session waits only for the stop of what it had sent
    assert [sent for sent in scene.venue.sent if sent[0] < end] == [sent for sent in usual() if sent[0] < end]


@pytest.mark.parametrize("act", [fail, leave, *GARBAGE])
def test_a_hostile_gate_lets_nothing_in_and_keeps_nothing_open(act: Callable[[], Any]) -> None:
    state = {"sound": True}
    scene = with_gate(lambda: Approve() if state["sound"] else act())
    scene.minutes = 12

    def spoil() -> None:
        state["sound"] = False

    scene.alerters = ()
    original = scene.venue.submit

    async def submit(order: Any) -> None:
        if order.role == "entry":
            spoil()
        await original(order)

    scene.venue.submit = submit  # type: ignore[method-assign]
    scene.run()
    assert [role for _, role in scene.venue.sent] == ["entry", "stop", "exit"]
    assert scene.venue.exits() == [at for at, role in usual() if role == "exit"][:1]


@define
class Line(Mailbox):
    """An alerter that does what a test says."""

    act: Callable[[], Any] = field(kw_only=True)

    async def send(self, alert: object) -> None:
        await self.act()


async def hang() -> None:
    await asyncio.Event().wait()


async def raise_it() -> None:
    raise ConnectionError("no line")


async def leave_it() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize("act", [hang, raise_it, leave_it])
def test_a_hostile_alerter_delays_nothing_and_keeps_nothing_from_the_other(act: Callable[[], Any]) -> None:
    mailbox = Mailbox()
    scene = with_scanner(fail)  # something to tell
    scene.parts = (*scene.parts, made(offer.alerter, "rude", Line(act=act)), made(offer.alerter, "mail", mailbox))
    scene.alerters = ('use = "rude"', 'use = "mail"')
    scene.run()
    assert scene.venue.sent == usual()
    assert "scanner hostile failed" in {alert.title for alert in mailbox.alerts}


@define
class Torn(Tape):
    """A provider whose stream breaks every five minutes, and which brings garbage between its bars."""

    garbage: int = 0

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        count = 0
        async for each in super().stream(request):
            for number in range(self.garbage):
                yield bar(number, float("nan"))
            yield each
            count += 1
            if count % 5 == 0 and not self.garbage:
                raise DataError("torn")


def test_a_stream_that_breaks_again_and_again_is_taken_up_again() -> None:
    scene = HostileScene(provider=lambda venue: Torn((), venue=venue)).run()
    assert scene.venue.exits() == [at for at, role in usual() if role == "exit"]
    failures = found(scene.records, ComponentFailed)
    assert {failure.component for failure in failures} == {"task provider stream"}


def test_a_stream_full_of_garbage_delays_no_exit_and_does_not_fill_the_journal() -> None:
    scene = HostileScene(provider=lambda venue: Torn((), venue=venue, garbage=100)).run()
    assert scene.venue.exits() == [at for at, role in usual() if role == "exit"]
    failures = found(scene.records, ComponentFailed)
    assert [failure.policy for failure in failures] == [
        f"left the bar out (the {count:,}. one)" for count in (1, 10, 100, 1_000)
    ]
    assert len(found(scene.records, AlertRaised)) == 4


BRIEFLY = 0.25


@define
class Deaf(TimedVenue):
    """A venue whose stream of events is faulty."""

    async def events(self) -> AsyncIterator[Any]:
        raise KeyError("price")
        yield


def test_a_task_that_cannot_be_missed_ends_the_session_and_the_journal_says_why() -> None:
    scene = HostileScene(venue=Deaf())
    with pytest.raises(SessionFailed, match="KeyError: 'price'"):
        scene.run()
    failures = [each for each in found(scene.records, ComponentFailed) if each.component == "task broker events"]
    assert [failure.policy for failure in failures][-1] == "ended the session"
    assert len(failures) == 5


# --- in real time, with threads: outcomes only, the benchmark measures the time


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Give what a hanging plugin waits for; it is let go in the end. The venue answers at once meanwhile.

    A minute of the market passes in hundredths of a second, so the account is never read again in time.
    """
    monkeypatch.setattr("tests.live_scene.LATENCY", 0.0)
    monkeypatch.setattr("atlas_core.wiring.RECONCILE_WITHIN", 10**18)
    event = threading.Event()
    yield event
    event.set()


@contextmanager
def briefly(plan: SessionPlan) -> Iterator[SessionPlan]:
    """Harden a plan with short deadlines, though long enough for a busy machine."""
    with BoundedCalls(BRIEFLY) as calls, closing(BackgroundCalls(BRIEFLY)) as background, Isolation() as isolation:
        yield evolve(plan, calls=calls, background=background, isolation=isolation)


def fast(scene: HostileScene) -> HostileScene:
    scene.provider = lambda venue: FastTape((), venue=venue, seconds=0.01)
    return scene


def in_real_time(scene: HostileScene, exits: int = 3) -> HostileScene:
    return fast(scene).run_in_real_time(briefly, lambda: len(scene.venue.exits()) >= exits)


def decisions(scene: HostileScene, until: int) -> list[str]:
    """Return what was decided up to a minute: within one instant a scan and the venue's answers have no order."""
    kinds = (SignalDetected, GateAnswered, ExitDecided, PositionOpened, PositionClosed)
    return sorted(repr(each) for each in scene.records if isinstance(each, kinds) and each.ts <= at(until))


def test_threads_change_no_decision_where_nothing_hangs(gate: threading.Event) -> None:
    def run(calls: BoundedCalls | None, background: BackgroundCalls | None) -> list[str]:
        sound = (made(offer.gate, "sound", Doing(answering(Approve("fine")))),)
        scene = HostileScene(sound, gates=('use = "sound"',))

        def is_idle() -> bool:
            session = scene.session
            if session is None or len(session.inbox) or not scene.venue.told.empty():
                return False
            return not any(name.startswith(("scan", "submit", "cancel", "find")) for name in session.tasks.names())

        scene.provider = lambda venue: PatientTape((), venue=venue, is_idle=is_idle)
        plan = lambda usual: nullcontext(evolve(usual, calls=calls, background=background))  # noqa: E731
        scene.run_in_real_time(plan, lambda: len(scene.venue.exits()) >= 6)
        return decisions(scene, 5 * ROUND)

    with BoundedCalls(30) as calls, closing(BackgroundCalls()) as background:
        direct = run(None, None)
        assert direct == run(calls, background)
    assert len(direct) > 15


def spin() -> None:
    while True:
        pass


@pytest.mark.parametrize("kind", [Doing, Levelling])
@pytest.mark.parametrize("how", ["waits", "spins"])
def test_an_exit_rule_that_hangs_is_benched_and_the_sound_one_goes_on(
    kind: type[Doing], how: str, gate: threading.Event
) -> None:
    scene = in_real_time(with_rule(gate.wait if how == "waits" else spin, kind))
    failure = next(each for each in found(scene.records, ComponentFailed) if each.component == "exit rule hostile")
    assert "ComponentHung: no answer within" in failure.error
    assert "benched" in failure.policy
    assert {decided.rule for decided in found(scene.records, ExitDecided)} == {"two-bars"}


@pytest.mark.parametrize("how", ["waits", "spins"])
def test_a_scanner_that_hangs_keeps_no_signal_of_the_other(how: str, gate: threading.Event) -> None:
    scene = in_real_time(with_scanner(gate.wait if how == "waits" else spin))
    assert {signal.scanner for signal in found(scene.records, SignalDetected)} == {"script"}


def test_a_gate_that_hangs_refuses_and_exits_go_on(gate: threading.Event) -> None:
    asked = []

    def once() -> Any:
        asked.append(True)
        return gate.wait() if len(asked) > 2 else Approve()

    scene = with_gate(once)

    def is_seen() -> bool:
        roles = [role for _, role in scene.venue.sent]
        is_benched = scene.session is not None and scene.session.desk.engine.guard.is_benched("gate hostile")
        return is_benched and roles.count("entry") == roles.count("exit") > 0

    fast(scene).run_in_real_time(briefly, is_seen)
    assert len(asked) <= 3
    assert "gate failed" in {verdict.reason for verdict in found(scene.records, VerdictReached)}


@define
class Blocking(Mailbox):
    """An alerter that blocks the loop it lives in."""

    gate: threading.Event = field(kw_only=True)

    async def send(self, alert: object) -> None:
        self.gate.wait()


def test_an_alerter_that_blocks_its_loop_blocks_neither_exits_nor_the_other_alerter(gate: threading.Event) -> None:
    mailbox = Mailbox()
    scene = with_scanner(fail)
    blocking = made(offer.alerter, "blocking", Blocking(gate=gate))
    scene.parts = (*scene.parts, blocking, made(offer.alerter, "mail", mailbox))
    scene.alerters = ('use = "blocking"', 'use = "mail"')

    def is_seen() -> bool:
        seen = len(scene.venue.exits()) >= 3 and bool(mailbox.alerts)
        if seen:
            gate.set()  # the end of the session need not wait for the blocked one
        return seen

    fast(scene).run_in_real_time(briefly, is_seen)
    assert "scanner hostile failed" in {alert.title for alert in mailbox.alerts}
