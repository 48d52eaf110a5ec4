"""Sessions with hostile components: each failure is recorded, the others go on, and less risk is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from attrs import define, field

from atlas_core import components as offer
from atlas_core.contracts import MarketHistory, Need
from atlas_core.errors import DataError
from atlas_core.journal import Journal
from atlas_core.model.decisions import Approve, Exit, Levels, OrderPlan, Scale
from atlas_core.model.events import BarClosed
from atlas_core.model.records import (
    AlertRaised,
    ComponentFailed,
    GateAnswered,
    LevelsSet,
    PositionClosed,
    PositionOpened,
    Record,
    RunFinished,
    SignalDetected,
    VerdictReached,
)
from atlas_core.runs import RunSummary
from atlas_core.runtime.session import run_session
from atlas_core.testing import run_virtual
from tests.memory import (
    Doing,
    Mailbox,
    MemoryProvider,
    at,
    bar,
    flat,
    found,
    made,
    memory,
    records_of,
    script,
    system_of,
)
from tests.systems import by_pump

STOP = 'use = "stop"\npct = 5'
GARBAGE = [None, True, "yes", 1.5, {"answer": "yes"}]


@define
class HostileTable(Doing):
    """A gate that is asked about tables."""

    def mask(self, *asked: object) -> Any:
        return self.act()


@define
class HostileLevels(Doing):
    """An exit rule with levels."""

    def on_market(self, *asked: object) -> Any:
        return None

    def levels(self, *asked: object) -> Any:
        return self.act()


class Spoiler:
    """A scanner that writes into the bars that everybody reads."""

    def needs(self) -> list[Need]:
        return [Need("1m")]

    def scan(self, market: MarketHistory) -> None:
        market.bars("X", "1m").close[:] = 0.0


def fail() -> None:
    raise ZeroDivisionError("no range")


def answering(value: object) -> Callable[[], object]:
    return lambda: value


HOSTILE = [fail, *(answering(value) for value in GARBAGE)]
NOT_NONE = [fail, *(answering(value) for value in GARBAGE if value is not None)]


def session(*parts: Any, **tables: Any) -> list[Record]:
    """Run twenty flat minutes with one long signal after the fifth."""
    return records_of(
        by_pump, system_of(memory(MemoryProvider(flat(range(20)))), script((5, "X", 1)), *parts, **tables)
    )


def failures(records: list[Record]) -> set[tuple[str, str]]:
    assert isinstance(records[-1], RunFinished)
    return {(record.component, record.policy) for record in found(records, ComponentFailed)}


@pytest.mark.parametrize("hostile", [Doing, HostileTable])
@pytest.mark.parametrize("act", HOSTILE)
def test_a_gate_that_fails_refuses_the_signal(hostile: type[Doing], act: Callable[[], Any]) -> None:
    records = session(made(offer.gate, "hostile", hostile(act)), gates=['use = "hostile"'])
    [verdict] = found(records, VerdictReached)
    assert (verdict.outcome, verdict.by, verdict.reason) == ("refused", "hostile", "gate failed")
    assert not found(records, PositionOpened)
    assert {component for component, _ in failures(records)} == {"gate hostile"}
    assert len(found(records, AlertRaised)) == 1


def test_the_gates_before_a_failing_one_are_heard() -> None:
    kind = made(offer.gate, "kind", Doing(answering(Approve())))
    records = session(kind, made(offer.gate, "hostile", Doing(fail)), gates=['use = "kind"', 'use = "hostile"'])
    assert [record.gate for record in found(records, GateAnswered)] == ["kind"]


@pytest.mark.parametrize("factor", ["0", "-1", "1.01", "Infinity"])
def test_a_gate_that_scales_outside_the_contract_refuses(factor: str) -> None:
    scale = made(offer.gate, "hostile", Doing(answering(Scale(Decimal(factor), "more"))))
    records = session(scale, gates=['use = "hostile"'])
    [verdict] = found(records, VerdictReached)
    assert (verdict.outcome, verdict.by) == ("refused", "hostile")
    assert not found(records, PositionOpened)
    assert failures(records) == {("gate hostile", "refused the signal")}


@pytest.mark.parametrize("act", HOSTILE)
def test_a_sizer_that_fails_skips_the_signal(act: Callable[[], Any]) -> None:
    records = session(made(offer.sizer, "hostile", Doing(act)), sizer='use = "hostile"')
    [verdict] = found(records, VerdictReached)
    assert (verdict.outcome, verdict.by) == ("skipped", "hostile")
    assert failures(records) == {("sizer hostile", "skipped the signal")}


@pytest.mark.parametrize(
    "plan",
    [
        OrderPlan(symbol="GOLD", quantity=Decimal(1)),
        OrderPlan(symbol="X", quantity=Decimal("NaN")),
        OrderPlan(symbol="X", quantity=Decimal("Infinity")),
        OrderPlan(symbol="X", quantity=Decimal(-1)),
        OrderPlan(symbol="X", quantity=Decimal(1), leverage=Decimal(0)),
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_traded_skips_the_signal(plan: OrderPlan) -> None:
    records = session(made(offer.sizer, "hostile", Doing(answering(plan))), sizer='use = "hostile"')
    [verdict] = found(records, VerdictReached)
    assert (verdict.outcome, verdict.by) == ("skipped", "hostile")
    assert isinstance(records[-1], RunFinished)


@pytest.mark.parametrize("act", NOT_NONE)
def test_an_exit_rule_that_fails_leaves_the_position_to_the_others(act: Callable[[], Any]) -> None:
    rules = [made(offer.exit_rule, "hostile", Doing(act)), made(offer.exit_rule, "calm", Doing(Exits(3)))]
    records = session(*rules, exits=['use = "hostile"', STOP, 'use = "calm"'])
    [closed] = found(records, PositionClosed)
    assert closed.rule == "calm"
    assert failures(records) == {("exit rule hostile", "asked the other rules")}


@define
class Exits:
    """Answers None some times, then an exit."""

    times: int

    def __call__(self) -> Exit | None:
        self.times -= 1
        return Exit("enough") if self.times < 0 else None


@pytest.mark.parametrize("act", HOSTILE)
def test_a_rule_with_levels_that_fails_leaves_the_levels_of_the_others(act: Callable[[], Any]) -> None:
    rule = made(offer.exit_rule, "hostile", HostileLevels(act))
    records = session(rule, exits=['use = "hostile"', STOP])
    assert found(records, PositionOpened)
    assert found(records, LevelsSet)[-1].stop_rule == "stop"
    assert ("exit rule hostile", "kept the levels of the other rules") in failures(records)


@pytest.mark.parametrize("act", HOSTILE)
def test_without_a_sound_stop_nothing_is_entered(act: Callable[[], Any]) -> None:
    records = session(made(offer.exit_rule, "hostile", HostileLevels(act)), exits=['use = "hostile"'])
    [verdict] = found(records, VerdictReached)
    assert (verdict.outcome, verdict.by) == ("refused", "limit protection")
    assert not found(records, PositionOpened)


def test_a_rule_that_loses_its_levels_keeps_the_stop_that_works() -> None:
    answers = [Levels(Decimal(95))] * 4
    rule = HostileLevels(lambda: answers.pop() if answers else None)
    records = session(made(offer.exit_rule, "hostile", rule), exits=['use = "hostile"'])
    assert found(records, PositionOpened)
    assert {record.stop for record in found(records, LevelsSet)} == {Decimal("95.00")}
    assert failures(records)


def test_a_hostile_scanner_leaves_the_signals_of_another_alone() -> None:
    spoiler = made(offer.scanner, "spoiler", Spoiler())
    records = session(spoiler, scanners=['use = "spoiler"', 'use = "script"'])
    assert [record.scanner for record in found(records, SignalDetected)] == ["script"]
    assert {component for component, _ in failures(records)} == {"scanner spoiler"}


@define
class Rude(Mailbox):
    """An alerter that fails in one of its calls."""

    fails_in: str = ""
    hangs: bool = False
    calls: list[str] = field(factory=list)

    async def open(self) -> None:
        await self._call("open")

    async def send(self, alert: object) -> None:
        await self._call("send")

    async def close(self) -> None:
        await self._call("close")

    async def _call(self, name: str) -> None:
        self.calls.append(name)
        if name != self.fails_in:
            return
        if self.hangs:
            await asyncio.Event().wait()
        raise ConnectionError("no line")


def alerted(rude: Rude, mailbox: Mailbox) -> RunSummary:
    parts = (memory(MemoryProvider(flat(range(20)))), script((5, "X", 1)), made(offer.gate, "hostile", Doing(fail)))
    alerters = [made(offer.alerter, "rude", rude), made(offer.alerter, "mail", mailbox)]
    tables: dict[str, Any] = {"gates": ['use = "hostile"'], "alerters": ['use = "rude"', 'use = "mail"']}
    with Journal.in_memory() as journal:
        return run_virtual(run_session(system_of(*parts, *alerters, **tables), journal))


@pytest.mark.parametrize(
    ("fails_in", "hangs"),
    [("open", False), ("open", True), ("send", False), ("send", True), ("close", False), ("close", True)],
)
def test_a_hostile_alerter_changes_nothing_of_a_session(fails_in: str, hangs: bool) -> None:
    mailbox = Mailbox()
    summary = alerted(Rude(fails_in=fails_in, hangs=hangs), mailbox)
    assert [alert.title for alert in mailbox.alerts] == ["gate hostile failed"]
    assert summary == alerted(Rude(), Mailbox())


def streaming(*bars: BarClosed, symbols: tuple[str, ...] = ("X", "Y"), universe: str = "") -> MemoryProvider:
    provider = MemoryProvider([], streamed=bars)
    records_of(by_pump, system_of(memory(provider), script(), symbols=symbols, universe=universe))
    return provider


def test_symbols_of_one_instant_may_come_in_any_order() -> None:
    provider = streaming(bar(0, symbol="Y"), bar(0), bar(1), bar(1, symbol="Y"))
    assert provider.diary[-1] == "provider closed"


@pytest.mark.parametrize(
    ("bars", "culprit"),
    [
        ([bar(0), bar(1), bar(1)], "X that ends at 2026-04-05 00:02Z"),
        ([bar(0), bar(1), bar(2), bar(0)], "X that ends at 2026-04-05 00:01Z"),
        ([bar(0), bar(5), bar(3, symbol="Y")], "Y that ends at 2026-04-05 00:04Z"),
        ([bar(0), bar(1), bar(0, symbol="Y"), bar(2)], "Y that ends at 2026-04-05 00:01Z"),
        ([bar(0, symbol="Y"), bar(0), bar(0, symbol="Y")], "Y that ends at 2026-04-05 00:01Z"),
    ],
)
def test_a_bar_that_comes_twice_or_too_late_is_a_data_error(bars: list[BarClosed], culprit: str) -> None:
    with pytest.raises(DataError, match=f"once and in the order of time, the bar of {culprit} came too late"):
        streaming(*bars)


def test_a_bar_from_before_the_start_is_a_data_error() -> None:
    with pytest.raises(DataError, match="X that ends at 2026-04-05 00:10Z came too late"):
        streaming(*flat(range(9, 12)), universe='start = "2026-04-05T00:10:00Z"')


def test_a_bar_of_a_symbol_that_was_not_asked_for_is_a_data_error() -> None:
    with pytest.raises(DataError, match="expected bars of X, Y, was GOLD"):
        streaming(bar(0), bar(0, symbol="GOLD"))


@pytest.mark.parametrize("price", [float("nan"), float("inf")])
def test_a_bar_without_a_price_is_a_data_error(price: float) -> None:
    with pytest.raises(DataError, match="expected finite prices, the bar of X that ends at 2026-04-05 00:02Z"):
        streaming(bar(0), bar(1, price))


def test_what_was_sound_before_a_faulty_bar_is_in_the_journal() -> None:
    provider = MemoryProvider([], streamed=[*flat(range(8)), bar(3)])
    with Journal.in_memory() as journal:
        with pytest.raises(DataError):
            by_pump(system_of(memory(provider), script((5, "X", 1))), journal)
        [opened] = found(journal.records(), PositionOpened)
    assert opened.ts == at(5)
