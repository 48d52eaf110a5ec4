"""What a profile says, as the limits, the timetable and the protective orders of the engine that runs it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from atlas_core.contracts import Capability
from atlas_core.engine.guard import Ask, directly
from atlas_core.engine.native import NativeOrders
from atlas_core.engine.ports import MovingMarket, Rules
from atlas_core.marketdata.timetable import Timetable
from atlas_core.marketdata.windows import window_calendar
from atlas_core.model.instrument import Instrument
from atlas_core.model.session import usual_session
from atlas_core.model.timeframe import SECOND
from atlas_core.profile import Profile
from atlas_core.runs import Mode

if TYPE_CHECKING:
    from atlas_core.compose import System
    from atlas_core.engine.engine import Engine

RECONCILE_WITHIN = 75 * SECOND
"""The age of the last complete read of the account beyond which nothing is entered."""


def engine_of(
    system: System, instruments: Mapping[str, Instrument], market: MovingMarket, ask: Ask = directly
) -> Engine:
    """Make the engine of a system that trades these instruments, on a view of the market; nothing needs to be open."""
    from atlas_core.engine.engine import make_engine

    profile = system.profile
    capabilities = system.broker.component.capabilities
    return make_engine(
        profile=profile.name,
        namespace=f"{profile.name}/{system.mode}/{system.broker.label}",
        parts=system.parts,
        rules=rules_of(system, instruments),
        instruments=dict(instruments),
        market=market,
        quote=profile.quote,
        native=native_of(capabilities),
        stops_at_failure=system.mode is Mode.BACKTEST,
        ask=ask,
    )


def seeded(seed: int, label: str) -> Callable[[str], np.random.Generator]:
    """Return the maker of a component's random streams: one for each name, the same for the same seed and label."""

    def random(name: str) -> np.random.Generator:
        words = hashlib.sha256(f"{label}/{name}".encode()).digest()[:8]
        return np.random.Generator(np.random.PCG64([seed, int.from_bytes(words, "big")]))

    return random


def rules_of(system: System, instruments: Mapping[str, Instrument]) -> Rules:
    """Return the kernel-owned limits of a system that trades these instruments."""
    capabilities = system.broker.component.capabilities
    return _rules(
        system.profile,
        instruments,
        can_sell_short=Capability.SHORT in capabilities,
        reconcile_within=None if Capability.SIMULATED in capabilities else RECONCILE_WITHIN,
    )


def timetable_of(profile: Profile, instruments: Mapping[str, Instrument]) -> Timetable:
    """Return the sessions that the profile names, and the usual ones of the instruments that are known."""
    universe = profile.universe
    said = {symbol: universe.sessions.get(symbol, universe.session) for symbol in universe.symbols}
    usual = {symbol: usual_session(instrument) for symbol, instrument in instruments.items()}
    return Timetable({symbol: session for symbol in said if (session := said[symbol] or usual.get(symbol))})


def native_of(capabilities: Iterable[Capability]) -> NativeOrders:
    """Return which protective orders the broker takes.

    A target works beside a stop only where the venue links the two or clips what is too much: else both could fill.
    """
    offered = set(capabilities)
    return NativeOrders(
        stop=Capability.STOP in offered,
        limit={Capability.LIMIT, Capability.ONE_CANCELS_OTHER} <= offered,
        holds_quantity=Capability.HOLDS_QUANTITY in offered,
    )


def _rules(
    profile: Profile, instruments: Mapping[str, Instrument], *, can_sell_short: bool, reconcile_within: int | None
) -> Rules:
    limits = profile.limits
    groups = {symbol: group for group, symbols in profile.universe.groups.items() for symbol in symbols}
    return Rules(
        max_positions=limits.max_positions,
        counts_closing=limits.count_closing,
        max_positions_per_group=limits.max_positions_per_group,
        max_long_positions=limits.max_long_positions,
        max_short_positions=limits.max_short_positions,
        max_exposure_pct=limits.max_exposure_pct,
        max_exposure_pct_per_group=limits.max_exposure_pct_per_group,
        max_long_exposure_pct=limits.max_long_exposure_pct,
        max_short_exposure_pct=limits.max_short_exposure_pct,
        max_leverage=limits.max_leverage,
        max_daily_loss_pct=limits.max_daily_loss_pct,
        max_drawdown_pct=limits.max_drawdown_pct,
        max_orders_per_minute=limits.max_orders_per_minute,
        stale_data_seconds=limits.stale_data_seconds,
        reconcile_within=reconcile_within,
        group_of={symbol: groups.get(symbol, instrument.group) for symbol, instrument in instruments.items()},
        is_market_closed=window_calendar(profile.schedule.maintenance).contains,
        day_end=timetable_of(profile, instruments).day_end,
        can_sell_short=can_sell_short,
        waiver=profile.protection.waiver,
        flattens_without_a_rule=profile.protection.without_exit_rule == "flatten",
    )
