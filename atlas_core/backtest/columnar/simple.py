"""Which systems can be worked out in columns: everything that decides offers columns, and nothing needs every bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TypeVar

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from atlas_core.backtest.markets import has_bars_in_order
from atlas_core.columnar import ColumnarLevels, ColumnarSizer, SteppedExit
from atlas_core.compose import OpenSystem, System
from atlas_core.contracts import LevelRule, MaskingGate
from atlas_core.engine.money import minor_unit
from atlas_core.engine.native import NativeOrders
from atlas_core.engine.ports import EngineParts, has_levels_alone
from atlas_core.errors import ContractError
from atlas_core.loading import LoadedMarket
from atlas_core.model.instrument import InstrumentKind
from atlas_core.profile import Profile
from atlas_core.simulation.costs import ColumnarBroker, CostOptions
from atlas_core.simulation.scenarios import FillScenario
from atlas_core.wiring import native_of

T = TypeVar("T")

_KINDS = (InstrumentKind.SPOT, InstrumentKind.PERP, InstrumentKind.STOCK)


class NotSimple(Exception):
    """A back-test that cannot be worked out in columns, with the reason in words."""


@frozen(kw_only=True)
class SimpleRules:
    """What the columns are worked out from, of a system that is simple."""

    gates: tuple[tuple[str, MaskingGate], ...]
    sizer: tuple[str, ColumnarSizer]
    stepped: tuple[tuple[str, SteppedExit], ...]
    levels: tuple[tuple[str, ColumnarLevels], ...]
    costs: CostOptions
    unit: Decimal
    is_waived: bool


def simple_rules(live: OpenSystem, market: LoadedMarket) -> SimpleRules:
    """Return the rules of a system that is simple; raises NotSimple with the first reason why one is not."""
    reason = next(_reasons(live, market), None)
    if reason is not None:
        raise NotSimple(reason)
    parts, broker = live.system.parts, live.broker
    label, sizer = parts.sizer
    assert isinstance(broker, ColumnarBroker)
    assert isinstance(sizer, ColumnarSizer)
    return SimpleRules(
        gates=parts.masking_gates,
        sizer=(label, sizer),
        stepped=tuple((name, rule) for name, rule in parts.exits if isinstance(rule, SteppedExit)),
        levels=tuple((name, rule) for name, rule in parts.exits if isinstance(rule, ColumnarLevels)),
        costs=broker.venue_costs(),
        unit=minor_unit(live.system.profile.quote),
        is_waived=bool(live.system.profile.protection.waiver),
    )


def asked(component: str, answer: Callable[[], T]) -> T:
    """Return what a component answers; raises NotSimple when it fails: the engine then asks it and tells the fault."""
    try:
        return answer()
    except Exception as error:
        raise NotSimple(f"{component} failed: {error}") from error


def whole_column(column: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return a column of a component if it has `count` whole numbers; raises ContractError."""
    if not isinstance(column, np.ndarray) or column.dtype != np.int64 or column.shape != (count,):
        raise ContractError(f"expected whole numbers (int64), {count} of them, was {column!r}")
    return column


def expect_simple_parts(system: System) -> None:
    """Raise NotSimple where that can be told before anything is opened."""
    reason = next(_of_parts(system), None)
    if reason is not None:
        raise NotSimple(reason)


def _reasons(live: OpenSystem, market: LoadedMarket) -> Iterator[str]:
    yield from _of_parts(live.system)
    yield from _venue(live, market)


def _of_parts(system: System) -> Iterator[str]:
    yield from _deciders(system.parts)
    yield from _limits(system.profile)


def _deciders(parts: EngineParts) -> Iterator[str]:
    yield from (f"gate {label} judges at the moment of entry" for label, _ in parts.entry_gates)
    label, sizer = parts.sizer
    if not isinstance(sizer, ColumnarSizer):
        yield f"sizer {label} depends on more than the price"
    for label, rule in parts.exits:
        if isinstance(rule, SteppedExit) == isinstance(rule, ColumnarLevels):
            yield f"exit {label} offers no columns"
        if isinstance(rule, LevelRule) and not isinstance(rule, ColumnarLevels):
            yield f"exit {label} moves its levels"
        if isinstance(rule, ColumnarLevels) and not has_levels_alone(rule):
            yield f"exit {label} closes at the market beside its levels"


_LIMITS_OF_RECORDS = (
    "max_daily_loss_pct", "max_drawdown_pct", "max_positions_per_group", "max_exposure_pct_per_group",
    "max_long_positions", "max_short_positions", "max_long_exposure_pct", "max_short_exposure_pct",
    "stale_data_seconds",
)  # fmt: skip
"""The limits that only the engine knows how to check."""


def _limits(profile: Profile) -> Iterator[str]:
    limits, schedule = profile.limits, profile.schedule
    for name in _LIMITS_OF_RECORDS:
        if getattr(limits, name) is not None:
            yield f"limit {name} is set"
    if schedule.maintenance or schedule.close_at:
        yield "the schedule has maintenance windows or closings"


def _venue(live: OpenSystem, market: LoadedMarket) -> Iterator[str]:
    broker = live.broker
    if not isinstance(broker, ColumnarBroker):
        yield f"broker {live.system.broker.label} does not say that it follows the simulated venue"
        return
    if native_of(live.system.broker.component.capabilities) != NativeOrders():
        yield "the broker does not take stops and targets by itself"
    if not has_bars_in_order(market, live.system.profile.universe.symbols):
        yield "bars open before those before them have closed"
    if market.detail:
        yield "finer bars tell what happened inside the bars"
    costs = broker.venue_costs()
    if costs.latency_ms or costs.depth_notional is not None or costs.max_volume_participation_pct is not None:
        yield "the broker has latency, impact or a share of the volume"
    if costs.spread_bps or costs.fills is not FillScenario.BASE:
        yield "the broker assumes a spread, or kinder or unkinder fills"
    if costs.allow_spot_shorts:
        yield "the broker sells spot short"
    kinds = {live.instruments[symbol].kind for symbol in live.system.profile.universe.symbols}
    yield from (f"instruments of kind {kind}" for kind in sorted(kinds.difference(_KINDS)))
    if market.funding or (costs.funding_rate_bps and InstrumentKind.PERP in kinds):
        yield "positions pay funding"
