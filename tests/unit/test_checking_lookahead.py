"""Every planted cheat is caught and blamed; what is honest is left in peace."""

from __future__ import annotations

import numpy as np
import pytest
from attrs import evolve

from atlas_core.checking.findings import LookaheadReport
from atlas_core.checking.lookahead import LookaheadPlan, check_lookahead
from atlas_core.checking.market import record_market
from atlas_core.checking.parity import check_parity
from atlas_core.checking.running import decided
from atlas_core.errors import DataError
from atlas_core.model.orders import FillBasis
from atlas_core.model.records import FillBooked
from atlas_core.profile import open_profile
from tests.cheats import CHEATS, HONEST, Cheat, Rows
from tests.determinism.test_no_look_ahead import CONTINUITY, TABLES, random_bars
from tests.memory import MemoryProvider, memory, profile_of, registry


def checked(cheat: Cheat) -> LookaheadReport:
    """Check a cheat: scanners are tried alone on many cuts, the others in runs."""
    profile, is_scanner = cheat.profile(), cheat.blamed.startswith("scanner")
    plan = LookaheadPlan(scan_cuts=6 if is_scanner else 2, run_cuts=1 if is_scanner else 4)
    return check_lookahead(profile, record_market(profile), plan)


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.name)
def test_every_planted_cheat_is_caught_and_blamed(cheat: Cheat) -> None:
    report = checked(cheat)
    assert {found.component for found in report.findings} == {cheat.blamed}
    for found in report.findings:
        assert found.with_future != found.without
        assert found.advice
        assert found.unknown


@pytest.mark.parametrize("honest", HONEST, ids=lambda honest: honest.name)
def test_honest_components_are_left_in_peace(honest: Cheat) -> None:
    report = checked(honest)
    assert report.is_clean
    assert [component.verdict for component in report.components] == ["ok"] * 4
    assert all(component.compared > 10 for component in report.components)


def test_exits_of_a_lively_market_are_not_taken_for_entries_that_knew_their_close() -> None:
    parts = registry(memory(MemoryProvider(random_bars(1))))
    gates = [CONTINUITY, 'use = "cooldown"\nminutes = 5']
    profile = profile_of(parts, **TABLES | {"gates": gates})
    report = check_lookahead(profile, record_market(profile), LookaheadPlan(scan_cuts=1, run_cuts=3))
    assert report.findings == ()
    assert report.runs > 9  # some of them changed the close of an entry's bar


def test_a_target_that_fills_by_the_close_of_a_bar_is_no_peek_of_the_gate_that_learns_of_it() -> None:
    steps = "[{ at_r = 0.5, close_pct = 40 }, { at_r = 1.0, close_pct = 30 }]"
    tables = TABLES | {
        "gates": [CONTINUITY, 'use = "cooldown"\nminutes = 5'],
        "exits": [
            'use = "stop"',
            f'use = "scale-out"\nsteps = {steps}',
            'use = "target"',
            'use = "strat.opposite-reversal"',
        ],
        "broker": 'use = "paper"\ntaker_fee_bps = 5\nmaker_fee_bps = 2\nlatency_ms = 2000\nslippage_bps = 2',
    }
    profile = profile_of(registry(memory(MemoryProvider(random_bars(4)))), **tables)
    report = check_lookahead(profile, record_market(profile), LookaheadPlan(scan_cuts=1, run_cuts=3))
    assert report.findings == ()


def test_a_market_without_signals_proves_nothing_and_says_so() -> None:
    silent = evolve(HONEST[0], scanner=lambda _context: Rows(keep=lambda bars: np.zeros(len(bars), dtype=bool)))
    report = checked(silent)
    assert report.is_clean
    assert {component.verdict for component in report.components} == {"said nothing"}
    assert "opens no position" in report.notes[0]


def test_a_market_of_one_bar_is_refused_in_words() -> None:
    profile = HONEST[0].profile(universe="end = 2026-04-05T00:01:00Z")
    with pytest.raises(DataError, match="expected a history of several bars to cut, was 1"):
        check_lookahead(profile, record_market(profile))


def test_finer_bars_are_cut_with_the_others_and_left_out_where_a_session_has_none() -> None:
    spans = [("universe.base_timeframe", '"5m"'), ("universe.detail_timeframe", '"1m"'),
             ("universe.end", '"2026-04-06T09:00"'), ("universe.symbols", '["BTC-PERP"]')]  # fmt: skip
    profile, _ = open_profile("demo", overrides=spans)
    market = record_market(profile)
    cut = int(market.closes()[40])
    assert int(market.until(cut).finer["BTC-PERP"].available_at[-1]) == cut
    bases = {fill.basis for fill in decided(profile, market) if isinstance(fill, FillBooked)}
    assert FillBasis.DETAIL in bases
    assert check_lookahead(profile, market, LookaheadPlan(scan_cuts=2, run_cuts=2)).is_clean
    assert check_parity(profile, market).is_equal
