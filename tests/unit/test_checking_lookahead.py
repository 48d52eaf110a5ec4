"""Every planted cheat is caught and blamed; what is honest is left in peace."""

from __future__ import annotations

import pytest

from atlas_core.checking.findings import LookaheadReport
from atlas_core.checking.lookahead import LookaheadPlan, check_lookahead
from atlas_core.checking.market import record_market
from tests.cheats import CHEATS, HONEST, Cheat


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
