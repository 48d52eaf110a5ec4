"""Shipped profiles, and that of the example plugin: no future is seen, all is warm in time, every mode agrees."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module

import pytest
from attrs import frozen

import atlas_basics.plugin
import atlas_sim.plugin
import atlas_strat.plugin
from atlas_core.checking.lookahead import LookaheadPlan, check_lookahead
from atlas_core.checking.market import RecordedMarket, record_market
from atlas_core.checking.parity import check_parity
from atlas_core.checking.warmup import OK, UNKNOWN, WarmupPlan, check_warmup
from atlas_core.profile import Profile, load_profile
from atlas_core.testing import registry_of
from tests.shared import shared_file
from tests.systems import CONFIGS

EXAMPLE = CONFIGS.parent / "examples" / "atlas-plugin-example"
Span = tuple[str, str] | None


@frozen
class Shipped:
    """A shipped profile, a short span of its market that holds trades, and the files that it reads."""

    name: str
    span: tuple[str, str]
    files: tuple[str, ...] = ()

    def load(self, span: Span) -> Profile:
        for name in self.files:
            shared_file(name)
        overrides = [] if span is None else [("universe.start", f'"{span[0]}"'), ("universe.end", f'"{span[1]}"')]
        path = EXAMPLE / "profiles" / f"{self.name}.toml" if self.name == "channel-breakout" else None
        return load_profile(str(path or CONFIGS / f"{self.name}.toml"), _registry(), overrides=overrides)


SHARES = tuple(f"data/equity/{share}_1d_yahoo.csv.gz" for share in ("SPY", "AAPL", "GOOG"))
SHIPPED = (
    Shipped("demo", ("2026-04-06", "2026-04-06T15:00")),
    Shipped("crypto-strat", ("2026-03-02", "2026-03-02T10:00")),
    Shipped("strat-files", ("2022-01-10", "2022-01-10T14:00"), ("data/crypto/BTC-PERP_1m_20211231-20220201.csv.gz",)),
    Shipped(
        "crypto-strat-files", ("2017-12-01", "2017-12-07"), ("data/crypto/BTC-USD_coinbase_1h_201707-201910.csv.gz",)
    ),
    Shipped("strat-equities", ("2009-01-05", "2009-04-15"), SHARES),
    Shipped("channel-breakout", ("2026-01-08", "2026-01-10T06:00")),
)


@pytest.fixture(scope="module", autouse=True)
def example() -> Iterator[None]:
    """Let the example plugin be imported from where it stands."""
    sys.path.insert(0, str(EXAMPLE / "src"))
    yield
    sys.path.remove(str(EXAMPLE / "src"))


def _registry() -> object:
    return registry_of(atlas_sim.plugin, atlas_basics.plugin, atlas_strat.plugin, import_module("atlas_example.plugin"))


def recorded(shipped: Shipped, span: Span) -> tuple[Profile, RecordedMarket]:
    profile = shipped.load(span)
    return profile, record_market(profile)


def holds(shipped: Shipped, span: Span, plan: LookaheadPlan, warmup: WarmupPlan) -> None:
    profile, market = recorded(shipped, span)
    seen = check_lookahead(profile, market, plan)
    assert seen.findings == ()
    assert seen.warnings == ()
    warm = check_warmup(profile, market, warmup)
    assert [need for need in warm.needs if need.verdict not in (OK, UNKNOWN)] == []
    assert warm.findings == ()
    parity = check_parity(profile, market)
    assert parity.departures == ()
    counts = {count.kind: count.same for count in parity.counts}
    assert counts["signal"] > 5
    assert counts["closed"] >= 1


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: shipped.name)
def test_a_short_span_of_a_shipped_profile_holds(shipped: Shipped) -> None:
    holds(shipped, shipped.span, LookaheadPlan(scan_cuts=2, run_cuts=1), WarmupPlan(starts=2, windows=4, runs=0))


@pytest.mark.campaign
@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: shipped.name)
def test_the_whole_market_of_a_shipped_profile_holds(shipped: Shipped) -> None:
    holds(shipped, None, LookaheadPlan(), WarmupPlan())
