"""What trading costs: options, slippage, impact and fees."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest

from atlas_core.model.instrument import InstrumentKind
from atlas_core.model.orders import Action, Liquidity, OrderKind
from atlas_core.options import Address, structure
from atlas_core.simulation.costs import CostOptions, LimitFill
from atlas_core.simulation.pricing import taker_price, trade_fee
from tests.unit.simulation_scene import Stage, buy, costs, filled, instrument, order, sell, target


def test_costs_are_zero_unless_they_are_set() -> None:
    assert costs() == CostOptions()
    stage = Stage()
    assert stage.enter().cumulative_fee == 0
    assert stage.venue.account().cash == 1_000_000


def test_a_profile_table_becomes_costs() -> None:
    table = {"slippage_bps": 5, "limit_fill": "touch", "funding_hours_utc": [0, 12]}
    options, problems = structure(CostOptions, table, Address(table="[broker]"))
    assert problems == []
    assert options is not None
    assert (options.slippage_bps, options.limit_fill, options.funding_hours_utc) == (5, LimitFill.TOUCH, (0, 12))


@pytest.mark.parametrize("settings", [{"depth_notional": 1_000}, {"impact_bps_at_depth": 5}])
def test_depth_and_impact_are_set_together_or_not_at_all(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected depth_notional and impact_bps_at_depth to be set together"):
        costs(**settings)


def test_the_options_can_be_declared_without_loading_numpy() -> None:
    code = "import sys, atlas_core.simulation.costs; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("action", "expected"),
    [(Action.BUY, "100.06"), (Action.SELL, "99.94")],
)
def test_slippage_is_against_the_order_and_rounded_against_it_to_the_tick(action: Action, expected: str) -> None:
    price = taker_price(costs(slippage_bps=5.5), instrument(), action, Decimal(100), Decimal(1))
    assert price == Decimal(expected)


def test_impact_is_linear_in_the_notional_and_adds_to_slippage() -> None:
    options = costs(slippage_bps=10, depth_notional=10_000, impact_bps_at_depth=100)
    at_depth = taker_price(options, instrument(), Action.BUY, Decimal(100), Decimal(100))
    at_half = taker_price(options, instrument(), Action.BUY, Decimal(100), Decimal(50))
    assert (at_depth, at_half) == (Decimal("101.10"), Decimal("100.60"))


def test_a_taker_loses_half_of_the_spread_where_the_tape_has_no_quotes() -> None:
    assert taker_price(costs(spread_bps=10), instrument(), Action.BUY, Decimal(100), Decimal(1)) == Decimal("100.05")
    fill = Stage(spread_bps=10).enter()
    assert (fill.price, fill.reference_price, fill.spread, fill.impact) == (Decimal("100.05"), 100, Decimal("0.05"), 0)


def test_a_quote_tells_its_own_spread_and_the_middle_is_the_reference() -> None:
    stage = Stage(spread_bps=10, slippage_bps=10)
    stage.quote(99.9, 100.1)
    fill = filled(stage.place(buy()), "entry")
    assert (fill.price, fill.reference_price, fill.spread) == (Decimal("100.21"), 100, Decimal("0.1"))


def test_the_price_of_a_fill_is_split_into_spread_impact_and_the_rest_is_slippage() -> None:
    stage = Stage(spread_bps=20, slippage_bps=10, depth_notional=1_000, impact_bps_at_depth=30)
    fill = stage.enter(10)
    assert fill.price == Decimal("100.50")
    assert (fill.spread, fill.impact) == (Decimal("0.1"), Decimal("0.3"))


def test_what_a_limit_cuts_off_is_cut_from_slippage_first() -> None:
    stage = Stage(spread_bps=20, slippage_bps=10, depth_notional=1_000, impact_bps_at_depth=30)
    stage.flat_bar()
    stage.place(order("entry", Action.BUY, OrderKind.LIMIT, 10, limit_price="100.25"))
    fill = filled(stage.opens(100.0), "entry")
    assert (fill.price, fill.spread, fill.impact) == (Decimal("100.25"), Decimal("0.1"), Decimal("0.15"))


def test_a_sale_never_goes_below_one_tick() -> None:
    options = costs(depth_notional=1, impact_bps_at_depth=10_000)
    assert taker_price(options, instrument(), Action.SELL, Decimal(100), Decimal(1)) == Decimal("0.01")


def test_the_reference_price_is_the_price_before_slippage_and_impact() -> None:
    stage = Stage(slippage_bps=10)
    fill = stage.enter()
    assert (fill.price, fill.reference_price) == (Decimal("100.10"), Decimal(100))


def test_fees_are_a_share_of_the_notional_and_a_part_per_contract() -> None:
    contract = instrument(multiplier=Decimal("0.01"))
    options = costs(maker_fee_bps=6.5, taker_fee_bps=7, fee_per_contract=0.15)
    taker = trade_fee(options, contract, Decimal(10), Decimal(50_000), Liquidity.TAKER)
    maker = trade_fee(options, contract, Decimal(10), Decimal(50_000), Liquidity.MAKER)
    assert (taker, maker) == (Decimal("3.5") + Decimal("1.5"), Decimal("3.25") + Decimal("1.5"))


def test_a_resting_limit_pays_the_maker_fee_and_a_market_order_the_taker_fee() -> None:
    stage = Stage(maker_fee_bps=1, taker_fee_bps=10)
    entry = stage.enter()
    stage.place(target(101))
    exit_ = filled(stage.closes(102, 100, 101), "target")
    assert (entry.liquidity, entry.cumulative_fee) == (Liquidity.TAKER, Decimal("0.1"))
    assert (exit_.liquidity, exit_.cumulative_fee) == (Liquidity.MAKER, Decimal("0.0101"))


def test_cash_moves_by_the_realised_result_and_the_fees_only() -> None:
    stage = Stage(of=instrument(kind=InstrumentKind.SPOT, max_leverage=Decimal(1)), cash=1_000, taker_fee_bps=10)
    stage.enter(quantity=2)
    assert stage.venue.account().cash == Decimal("999.8")
    stage.closes(110, 100, 110)
    account = stage.venue.account()
    assert (account.equity, account.margin_used, account.exposure) == (Decimal("1019.8"), 200, 220)
    stage.place(sell("exit", 2, reduce_only=True))
    stage.opens(110)
    assert stage.venue.account().cash == Decimal("1019.8") - Decimal("0.22")
    assert stage.venue.position("X") is None


def test_a_second_buy_averages_the_entry_price() -> None:
    stage = Stage()
    stage.enter(quantity=1)
    stage.closes(106, 100, 106)
    stage.place(buy("more", 2))
    stage.opens(106)
    position = stage.venue.position("X")
    assert position is not None
    assert (position.quantity, position.entry_price) == (3, 104)
