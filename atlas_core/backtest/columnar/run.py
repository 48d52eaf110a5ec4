"""A back-test worked out in columns."""

from __future__ import annotations

from functools import partial

from attrs import frozen

from atlas_core.backtest.columnar.candidates import candidates_of
from atlas_core.backtest.columnar.deciding import Decisions, Plan, decide, in_units
from atlas_core.backtest.columnar.endings import endings_of
from atlas_core.backtest.columnar.lone import decide_alone
from atlas_core.backtest.columnar.simple import SimpleRules, asked, simple_rules
from atlas_core.backtest.columnar.tape import SymbolTape
from atlas_core.compose import OpenSystem
from atlas_core.contracts import MaskingGate
from atlas_core.engine.signals import whole_mask
from atlas_core.loading import LoadedMarket, find_signals
from atlas_core.model.decisions import GateMask
from atlas_core.model.signals import SignalTable
from atlas_core.wiring import rules_of


@frozen(eq=False, kw_only=True)
class Worked:
    """Everything that was worked out: signals, gates' answers, candidates with their ends, and the decisions."""

    live: OpenSystem
    market: LoadedMarket
    rules: SimpleRules
    tapes: tuple[SymbolTape, ...]
    tables: tuple[tuple[str, SignalTable], ...]
    masks: tuple[tuple[GateMask, ...], ...]
    plans: tuple[Plan, ...]
    decisions: Decisions


def work_out(live: OpenSystem, market: LoadedMarket) -> Worked:
    """Work a back-test out in columns; raises NotSimple where it is not proved to come to what the engine would."""
    rules = simple_rules(live, market)
    tables = tuple(find_signals(live, market))
    symbols = live.system.profile.universe.symbols
    tapes = tuple(SymbolTape(market, live.instruments[symbol], rules, place) for place, symbol in enumerate(symbols))
    masks = tuple(_masks(rules, table) for _, table in tables)
    plans = tuple(
        Plan(candidates, endings_of(candidates, market.end))
        for scanner, (_, table) in enumerate(tables)
        for candidates in candidates_of(rules, market, tapes, scanner, table, masks[scanner])
    )
    limits, cash = rules_of(live.system, live.instruments), in_units(live.system.profile.starting_cash, rules.unit)
    decisions = decide_alone(plans[0], limits, cash) if len(plans) == 1 else decide(plans, limits, cash)
    return Worked(
        live=live, market=market, rules=rules, tapes=tapes, tables=tables, masks=masks, plans=plans, decisions=decisions
    )


def _masks(rules: SimpleRules, table: SignalTable) -> tuple[GateMask, ...]:
    """Return what each gate answers to the signals of a scanner."""

    def mask_of(gate: MaskingGate) -> GateMask:
        return whole_mask(gate.mask(table), table)

    return tuple(asked(f"gate {label}", partial(mask_of, gate)) for label, gate in rules.gates)
