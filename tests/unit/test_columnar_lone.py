"""Where all signals are of one symbol, what is decided from entry to entry is what the loop over signals decides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.backtest.columnar.deciding import Decisions, decide, in_units
from atlas_core.backtest.columnar.lone import decide_alone
from atlas_core.backtest.columnar.run import Worked, work_out
from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.compose import opened
from atlas_core.engine.limits import Check
from atlas_core.loading import load
from atlas_core.wiring import rules_of
from tests.columnar_scene import SimpleScene, simple_scenes, system_of_scene
from tests.unit.test_columnar_properties import SLOW


def worked_out(scene: SimpleScene) -> Worked | None:
    found: list[Worked] = []  # asyncio writes out whatever a coroutine returns when it looks whether Ctrl-C was pressed

    async def work() -> None:
        async with opened(system_of_scene(scene)) as live:
            found.append(work_out(live, await load(live)))

    with suppress(NotSimple):
        asyncio.run(work())
    return found[0] if found else None


def verdicts(made: Decisions) -> Sequence[int | Check]:
    return [verdict if verdict < 0 else made.refusals[verdict] for verdict in made.verdict.tolist()]


@given(simple_scenes(), st.sampled_from(["", "max_orders_per_minute = 1", "max_orders_per_minute = 2"]))
@settings(max_examples=40, suppress_health_check=SLOW)
def test_entries_of_one_symbol_are_those_of_the_loop(scene: SimpleScene, limits: str) -> None:
    worked = worked_out(evolve(scene, symbols=scene.symbols[:1], limits=limits))
    if worked is None:
        return
    rules = rules_of(worked.live.system, worked.live.instruments)
    cash = in_units(worked.live.system.profile.starting_cash, worked.rules.unit)
    alone, looped = decide_alone(worked.plans[0], rules, cash), decide(worked.plans, rules, cash)
    assert alone.row.tolist() == looped.row.tolist()
    assert verdicts(alone) == verdicts(looped)


@given(simple_scenes(), st.sampled_from([1, 50, 100, 200, 400, 1_000]))
@settings(max_examples=30, suppress_health_check=SLOW)
def test_money_of_one_symbol_is_looked_at_as_the_loop_does(scene: SimpleScene, share: int) -> None:
    worked = worked_out(evolve(scene, symbols=scene.symbols[:1]))
    if worked is None:
        return
    rules = rules_of(worked.live.system, worked.live.instruments)
    cash = in_units(worked.live.system.profile.starting_cash, worked.rules.unit) // share
    found: list[Sequence[int | Check] | str] = []
    for how in (lambda: decide_alone(worked.plans[0], rules, cash), lambda: decide(worked.plans, rules, cash)):
        try:
            found.append(verdicts(how()))
        except NotSimple as reason:
            found.append(str(reason))
    assert found[0] == found[1]
