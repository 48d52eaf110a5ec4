"""Hard cases of the engine: each of them was once wrong, or nearly was."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from attrs import evolve

from atlas_core.engine.money import booked_cost
from atlas_core.engine.native import NativeOrders
from atlas_core.engine.ports import Rules
from atlas_core.journal import Journal
from atlas_core.model.decisions import Approve, Exit, Levels, OrderPlan, Severity
from atlas_core.model.events import (
    BarClosed,
    BarOpened,
    FundingDue,
    OperatorCommand,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PositionLiquidated,
    Quote,
    Submit,
)
from atlas_core.model.orders import OrderRole
from atlas_core.model.records import (
    AlertRaised,
    EquityMarked,
    FundingBooked,
    OrderIntended,
    PositionClosed,
    PositionOpened,
    VerdictReached,
)
from atlas_core.model.timeframe import DAY, MINUTE
from atlas_core.simulation.costs import CostOptions
from tests.engine_bench import FREE, PERP, START, AnswerGate, Bench, FixedSize, SignalLevels

D = Decimal
Y = evolve(PERP, symbol="Y")


def verdicts(bench: Bench) -> list[tuple[str, str]]:
    return [(str(v.outcome), v.by) for v in bench.of(VerdictReached)]


def to_midnight(bench: Bench, price: float, minutes_before: int) -> None:
    """Move the bench to some minutes before 00:00 UTC without feeding every minute."""
    midnight = bench.now - bench.now % DAY + DAY
    bench.now = midnight - minutes_before * MINUTE
    bench.flat(price) if minutes_before > 1 else None


class Looking:
    def __init__(self) -> None:
        self.seen: list[Decimal] = []

    def review(self, signal, portfolio, market):
        self.seen.append(market.last_price(signal.symbol))
        return Approve()


def test_a_gate_asked_about_a_touch_inside_a_bar_does_not_know_how_the_bar_closes() -> None:
    looking = Looking()
    bench = Bench(gates=[("look", looking)])
    bench.flat(100.0)
    bench.signal(entry="stop", trigger=101.0, stop=98.0)
    bench.bar(100.0, 105.0, 100.0, 104.0)  # touched at 101.1 on the way up; the close of 104 comes later
    assert bench.one(PositionOpened).price == D("101.1")
    assert looking.seen == [D("101.1")]


def test_a_gate_asked_about_a_touch_inside_a_bar_does_not_see_that_bar() -> None:
    from atlas_core.marketdata.history import MarketData, PastMarket
    from atlas_core.model.bars import bars_of_rows
    from atlas_core.model.timeframe import parse_timeframe

    seen: list[int] = []

    class BarsSeen:
        def review(self, signal, portfolio, market):
            seen.append(len(market.bars("X", "1m")))
            return Approve()

    bench = Bench(gates=[("look", BarsSeen())])
    rows = [(START, 100.0, 100.0, 100.0, 100.0, 1.0), (START + MINUTE, 100.0, 105.0, 100.0, 104.0, 1.0)]
    bars = bars_of_rows("X", parse_timeframe("1m"), rows, D("0.1"))
    market = PastMarket(MarketData({"X": bars}, bench.instruments), START)
    engine = bench.engine
    engine.market = market
    for desk in (engine, getattr(engine, "entries", None), getattr(engine, "signals", None), engine.exits):
        if desk is not None and hasattr(desk, "market"):
            desk.market = market
    if hasattr(engine, "signals"):
        engine.signals.entries.market = market
    bench.flat(100.0)
    bench.signal(entry="stop", trigger=101.0, stop=98.0)
    bench.bar(100.0, 105.0, 100.0, 104.0)
    assert seen == [1]  # the entry was inside the second bar, which had not closed


def test_a_market_entry_with_its_stop_on_the_wrong_side_is_refused() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="market", stop=110.0)
    bench.flat(100.0)
    assert verdicts(bench) == [("refused", "limit geometry")]


def test_an_entry_that_gapped_past_its_target_is_refused() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="stop", trigger=101.0, stop=99.0, target=103.0)
    bench.bar(110.0, 110.0, 110.0, 110.0)
    assert not bench.of(PositionOpened)


def test_a_limit_entry_that_gapped_past_its_stop_is_refused() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="limit", trigger=99.0, stop=95.0, target=103.0)
    bench.bar(90.0, 90.0, 90.0, 90.0)
    assert not bench.of(PositionOpened)


class OffTick(SignalLevels):
    def levels(self, position):
        return Levels(stop=D("97.03"))


def test_a_stop_between_two_ticks_still_protects() -> None:
    bench = Bench(exits=[("odd", OffTick())])
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    bench.flat(100.0)
    assert bench.engine.state.positions["X"].is_protected


def without_stop() -> Bench:
    """Return a bench with a long from 100 whose stop at 97 the venue refuses."""
    bench = Bench()
    bench.lost = lambda command: isinstance(command, Submit) and command.order.role is OrderRole.STOP
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    bench.flat(100.0)
    return bench


def refused_stop(bench: Bench) -> str:
    return [o for o in bench.of(OrderIntended) if o.role is OrderRole.STOP][-1].client_order_id


def test_a_position_whose_stop_is_refused_is_closed_when_the_price_is_beyond_it() -> None:
    bench = without_stop()
    bench.feed(OrderRejected(ts=bench.now, client_order_id=refused_stop(bench), reason="no"))
    assert not bench.engine.state.positions["X"].is_protected
    bench.bar(100.0, 100.0, 90.0, 90.0)
    assert OrderRole.EXIT in {o.role for o in bench.of(OrderIntended)}


def test_a_stop_of_unknown_outcome_does_not_count_as_protection() -> None:
    bench = without_stop()
    bench.feed(OrderUnknown(ts=bench.now, client_order_id=refused_stop(bench), reason="timeout"))
    bench.flat(100.0)
    assert not bench.engine.state.positions["X"].is_protected


def test_a_venue_that_cancels_every_stop_at_once_does_not_hang_the_engine() -> None:
    bench = Bench()
    asked = []
    execute = bench._execute

    def cancelling(command):
        if isinstance(command, Submit) and command.order.role is OrderRole.STOP:
            asked.append(command)
            assert len(asked) < 50, "asked for the same stop without end, inside one event"
            return [OrderCancelled(ts=bench.now, client_order_id=command.order.client_order_id, reason="no")]
        return execute(command)

    bench._execute = cancelling
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    bench.flat(100.0)


def test_an_emulated_stop_sees_the_opening_price() -> None:
    bench = Bench(native=NativeOrders(stop=False))
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    bench.flat(100.0)
    bench.feed(BarOpened(bench.now, "X", 90.0))
    assert [o.role for o in bench.of(OrderIntended)][-1] is OrderRole.EXIT


def test_an_emulated_stop_sees_the_close_of_the_entry_bar() -> None:
    bench = Bench(native=NativeOrders(stop=False))
    bench.flat(100.0)
    bench.signal(entry="stop", trigger=101.0, stop=99.0)
    bench.bar(100.0, 102.0, 95.0, 95.0)  # in at 101.1, closes far below the stop
    assert bench.of(PositionOpened)
    assert [o.role for o in bench.of(OrderIntended)][-1] is OrderRole.EXIT


def test_a_loss_of_this_instant_counts_before_an_entry_of_this_instant() -> None:
    bench = Bench(rules=Rules(max_positions=5, max_daily_loss_pct=D(5)), sizer=FixedSize("50"))
    bench.flat(100.0)
    bench.signal(entry="market", stop=95.0, setup_at=START - 5 * MINUTE)
    bench.flat(100.0)
    bench.signal(side=-1, entry="stop", trigger=99.0, stop=103.0, setup_at=START - 4 * MINUTE)
    bench.bar(80.0, 80.0, 80.0, 80.0)  # the stop fills at 80: 10 % are lost before the short is asked for
    assert bench.engine.state.cash == D(9000)
    assert verdicts(bench)[-1] == ("refused", "limit daily_loss")


def test_the_bar_that_ends_at_midnight_belongs_to_the_day_that_ends() -> None:
    bench = Bench(rules=Rules(max_positions=5))
    to_midnight(bench, 100.0, 4)
    bench.signal(entry="market", stop=50.0)
    bench.flat(100.0)
    bench.flat(100.0)
    bench.bar(100.0, 100.0, 60.0, 60.0)  # closes at 00:00
    bench.flat(60.0)
    mark = bench.of(EquityMarked)[-1]
    assert mark.ts % DAY == 0
    assert mark.equity == D(9960)


def restored(bench: Bench, **options) -> Bench:
    again = Bench(**options)
    again.engine.restore(bench.records)
    again.venue = bench.venue
    again.now = bench.now
    again.records = list(bench.records)
    return again


def test_a_restored_engine_is_not_earlier_than_any_of_its_records() -> None:
    bench = Bench()
    bench.flat(100.0)
    told = AlertRaised(ts=bench.now - DAY, severity=Severity.INFO, title="told late", text="", key="")
    again = Bench()
    again.engine.restore([*bench.records, evolve(told, ts=bench.now), told])
    assert again.engine.recorder.now == bench.now


def test_a_restored_engine_remembers_that_the_daily_loss_was_reached() -> None:
    options = {"rules": Rules(max_positions=5, max_daily_loss_pct=D(5)), "sizer": FixedSize("50")}
    bench = Bench(**options)
    bench.flat(100.0)
    bench.signal(entry="market", stop=85.0)
    bench.flat(100.0)
    bench.bar(100.0, 100.0, 90.0, 90.0)  # down 5 % at the close: the limit is reached
    bench.flat(99.0)  # up again: the limit stays reached until tomorrow
    assert bench.engine.state.trading_state == "daily_loss"
    assert restored(bench, **options).engine.state.trading_state == "daily_loss"


def test_the_daily_loss_counts_from_the_start_of_the_day_also_after_a_restart() -> None:
    options = {"rules": Rules(max_positions=5, max_daily_loss_pct=D(5)), "sizer": FixedSize("50")}
    bench = Bench(**options)
    bench.flat(100.0)
    bench.signal(entry="market", stop=92.0)
    bench.flat(100.0)
    bench.bar(100.0, 100.0, 90.0, 90.0)  # stopped at 92: 4 % lost
    bench.engine.finish(bench.now, "stopped by a person")
    bench.records += bench.engine.take_records()
    assert restored(bench, **options).engine.state.day_equity == D(10000)


def test_a_halt_withdraws_entry_orders_that_have_not_filled() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    bench.feed(OperatorCommand(bench.now, "halt"))
    bench.flat(100.0)
    assert not bench.of(PositionOpened)


def test_a_resume_after_a_drawdown_lasts() -> None:
    bench = Bench(rules=Rules(max_positions=5, max_drawdown_pct=D(5)), sizer=FixedSize("50"))
    bench.flat(100.0)
    bench.signal(entry="market", stop=89.0)
    bench.flat(100.0)
    bench.bar(100.0, 100.0, 88.0, 88.0)
    assert bench.engine.state.trading_state == "halted"
    bench.feed(OperatorCommand(bench.now, "resume"))
    bench.flat(88.0)
    assert bench.engine.state.trading_state == "active"


def test_a_late_fill_does_not_bring_a_cancelled_order_back_to_life() -> None:
    bench = Bench()
    bench.lost = lambda command: True
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    entry = bench.one(OrderIntended).client_order_id
    fill = {"client_order_id": entry, "price": D(100), "cumulative_fee": D(0)}
    bench.feed(OrderFilled(ts=bench.now, cumulative_quantity=D("0.3"), **fill))
    bench.feed(OrderCancelled(ts=bench.now, client_order_id=entry))
    bench.feed(OrderFilled(ts=bench.now, cumulative_quantity=D("0.5"), **fill))
    assert not bench.engine.state.orders[entry].is_working


def test_a_fill_of_more_than_is_open_books_only_what_was_open_and_says_so() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    bench.flat(100.0)
    stop = next(o for o in bench.of(OrderIntended) if o.role is OrderRole.STOP)
    bench.feed(
        OrderFilled(
            ts=bench.now,
            client_order_id=stop.client_order_id,
            cumulative_quantity=D(2),
            price=D(97),
            cumulative_fee=D(0),
        )
    )
    assert bench.one(PositionClosed).gross == D(-3)


class Gives(SignalLevels):
    def __init__(self, levels: Levels) -> None:
        self.given = levels

    def levels(self, position):
        return self.given


@pytest.mark.parametrize("stop", [97.0, D("NaN"), D(0), D(-5)])
def test_a_session_survives_a_level_that_is_no_price(stop: object) -> None:
    bench = Bench(exits=[("bad", Gives(Levels(stop=stop))), ("levels", SignalLevels())])
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    bench.flat(100.0)
    bench.flat(100.0)
    assert bench.engine.state.positions["X"].is_protected
    assert bench.engine.state.positions["X"].stop == D(97)


def journalled(bench: Bench, tmp_path) -> None:
    with Journal.create(tmp_path / "journal.db") as journal:
        journal.append(bench.records)


@pytest.mark.parametrize("answer", [Approve("", float("nan")), Approve("", float("inf")), Approve("", D(1))])
def test_a_gates_odd_number_does_not_stop_the_journal(answer: Approve, tmp_path) -> None:
    bench = Bench(gates=[("odd", AnswerGate(answer))])
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    journalled(bench, tmp_path)


@pytest.mark.parametrize("value", [np.int64(3), np.bool_(True), {1, 2}])
def test_a_sizers_odd_inputs_do_not_stop_the_journal(value: object, tmp_path) -> None:
    sizer = FixedSize()
    sizer.plan = evolve(sizer.plan, inputs={"n": value})
    bench = Bench(sizer=sizer)
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    journalled(bench, tmp_path)


class OddExit(SignalLevels):
    def on_market(self, position, market):
        return Exit("now", D(1), float("inf"))


def test_an_exit_rules_odd_number_does_not_stop_the_journal(tmp_path) -> None:
    bench = Bench(exits=[("levels", SignalLevels()), ("odd", OddExit())])
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    bench.flat(100.0)
    bench.flat(100.0)
    journalled(bench, tmp_path)


def test_a_refusal_of_a_bankrupt_account_can_be_journalled(tmp_path) -> None:
    bench = Bench(
        rules=Rules(max_positions=5, max_exposure_pct=D(1000), max_leverage=D(10)), sizer=FixedSize("900", "10")
    )
    bench.flat(100.0)
    bench.signal(entry="market", stop=95.0)
    bench.flat(100.0)
    bench.bar(50.0, 50.0, 50.0, 50.0)
    assert bench.engine.state.account().equity < 0
    bench.signal(entry="market", stop=45.0)
    assert verdicts(bench)[-1][0] == "refused"
    journalled(bench, tmp_path)


def test_of_two_triggers_on_the_way_up_the_nearer_is_taken_first() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="stop", trigger=105.0, stop=98.0, setup_at=START - 5 * MINUTE)
    bench.signal(entry="stop", trigger=101.0, stop=98.0, setup_at=START - 4 * MINUTE)
    bench.bar(100.0, 110.0, 100.0, 110.0)
    assert bench.one(PositionOpened).price == D("101.1")


def test_a_symbol_is_not_free_before_its_position_was_closed_inside_the_bar() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="market", stop=95.0, setup_at=START - 5 * MINUTE)
    bench.flat(100.0)
    bench.signal(entry="limit", trigger=98.0, stop=90.0, setup_at=START - 4 * MINUTE)
    bench.bar(100.0, 100.0, 94.0, 99.0)  # 98 lies before 95 on the only way down: the position was still open
    assert [p.price for p in bench.of(PositionOpened)] == [D(100)]


def test_the_extremes_of_a_closed_trade_hold_the_price_at_which_it_was_closed() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="market", stop=95.0)
    bench.flat(100.0)
    bench.bar(100.0, 100.0, 90.0, 92.0)
    closed = bench.one(PositionClosed)
    assert closed.lowest <= closed.exit_price <= closed.highest


def test_a_quote_without_a_last_trade_is_not_a_price_of_zero() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="market", stop=95.0)
    bench.flat(100.0)
    bench.feed(Quote(bench.now + 1, "X", 99.9, 100.1, 0.0))
    assert bench.engine.state.account().equity == D(10000)


def test_a_plan_in_another_instrument_is_not_priced_with_the_signals_price() -> None:
    class Other:
        def size(self, signal, account, market):
            return OrderPlan(symbol="Y", quantity=D(1))

    bench = Bench(sizer=Other(), instruments=(PERP, Y))
    bench.flat(10.0, "Y")
    bench.now -= MINUTE
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    assert all(o.reference_price != D(100) for o in bench.of(OrderIntended) if o.symbol == "Y")


def test_buying_power_counts_the_entries_that_are_on_their_way() -> None:
    bench = Bench(instruments=(PERP, Y), sizer=FixedSize("60"), rules=Rules(max_positions=5, max_exposure_pct=D(1000)))
    bench.flat(100.0, "Y")
    bench.now -= MINUTE
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0)
    bench.signal(entry="market", stop=97.0, symbol="Y")
    assert verdicts(bench) == [("refused", "limit buying_power")]


def test_a_size_of_the_whole_equity_leaves_room_for_its_fee() -> None:
    from atlas_basics.options import RiskPerTradeOptions
    from atlas_basics.sizers import RiskPerTradeSizer

    bench = Bench(sizer=RiskPerTradeSizer(RiskPerTradeOptions()), costs=CostOptions(taker_fee_bps=D(5)))
    bench.flat(100.0)
    bench.signal(entry="stop", trigger=100.5, stop=100.0, target=102.0)  # 0.5 %: the size is capped at the equity
    bench.bar(100.0, 101.0, 100.0, 101.0)
    assert bench.of(PositionOpened), verdicts(bench)


class Trails(SignalLevels):
    def levels(self, position):
        return Levels(stop=position.highest - 5)


def test_orders_that_are_done_do_not_pile_up_while_a_position_is_open() -> None:
    bench = Bench(exits=[("trail", Trails())])
    bench.flat(100.0)
    bench.signal(entry="market", stop=90.0)
    for step in range(400):
        bench.flat(100.0 + step / 10)
    assert len(bench.engine.state.orders) < 20


def test_funding_that_is_paid_is_never_booked_too_small() -> None:
    bench = Bench()
    bench.flat(40.0)
    bench.signal(entry="market", stop=38.0)
    bench.flat(40.0)
    bench.feed(FundingDue(bench.now, "X", D("0.0001")))  # 0.004 of 40
    assert bench.one(FundingBooked).amount >= D("0.004")


def test_a_rebate_is_never_booked_too_large() -> None:
    assert booked_cost(D("-0.001"), D("0.01")) >= D("-0.001")


def test_a_bar_of_a_stranger_does_not_end_the_session() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.feed(BarClosed(bench.now, "Z", bench.now - MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0))


def test_a_market_signal_whose_time_is_over_is_not_entered() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0, valid_until=bench.now - MINUTE)
    assert verdicts(bench)[0][0] == "expired"


def test_a_market_signal_beyond_its_void_level_is_not_entered() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="market", stop=97.0, target=99.0, void_beyond=99.0)
    assert verdicts(bench)
    assert verdicts(bench)[0][0] in ("void_gap", "refused")


def test_a_command_that_nobody_knows_is_not_recorded_as_done() -> None:
    from atlas_core.model.records import OperatorActed

    bench = Bench()
    bench.feed(OperatorCommand(bench.now, "finish"))  # the docstring's own name
    assert not bench.of(OperatorActed)


def ended(bench: Bench, minutes: int = 1, mode: str = "backtest") -> Bench:
    """Let the real TradingDesk end the run of a bench; a bar lasts some minutes."""
    from types import SimpleNamespace

    from atlas_core.clock import SimClock
    from atlas_core.runs import Mode
    from atlas_core.trading import TradingDesk

    class Taking:
        def take(self, records):
            bench.records += records

        def summary(self, open_positions, equity, reason):
            return open_positions

    system = SimpleNamespace(
        clock=SimClock(),
        mode=Mode(mode),
        is_real_time=False,
        base_timeframe=SimpleNamespace(duration=minutes * MINUTE),
    )
    desk = TradingDesk(SimpleNamespace(system=system, simulated=lambda: bench.venue), bench.engine, Taking())
    desk.finish(bench.now, "end of data")
    return bench


def test_a_back_test_ends_flat_also_where_volume_is_thin() -> None:
    bench = Bench(sizer=FixedSize("3"), costs=evolve(FREE, max_volume_participation_pct=D(10)))
    bench.bar(100.0, 100.0, 100.0, 100.0, volume=40)
    bench.signal(entry="market", stop=90.0)
    bench.bar(100.0, 100.0, 100.0, 100.0, volume=10)
    ended(bench)
    assert not bench.engine.state.positions
    assert len(bench.of(VerdictReached)) == 1


def test_a_back_test_ends_flat_also_where_orders_take_longer_than_a_bar() -> None:
    bench = Bench(costs=evolve(FREE, latency_ms=90_000))
    bench.flat(100.0)
    bench.signal(entry="market", stop=90.0)
    for _ in range(4):
        bench.flat(100.0)
    assert bench.engine.state.positions
    ended(bench)
    assert not bench.engine.state.positions


def test_nothing_is_charged_for_the_time_after_the_data() -> None:
    bench = Bench(costs=evolve(FREE, funding_rate_bps=D(10)), sizer=FixedSize("10"))
    bench.now += DAY - bench.now % DAY
    bench.flat(100.0)
    bench.signal(entry="market", stop=50.0)
    bench.flat(100.0)
    ended(bench, minutes=24 * 60)  # daily bars: the closing is shown a whole day after the end
    assert not bench.of(FundingBooked)


def test_the_exit_price_of_a_liquidated_trade_is_the_average_of_all_that_was_closed() -> None:
    bench = Bench(sizer=FixedSize("4"))
    bench.flat(100.0)
    bench.signal(entry="market", stop=80.0, target=110.0)
    bench.flat(100.0)
    target = next(o for o in bench.of(OrderIntended) if o.role is OrderRole.TARGET)
    bench.feed(
        OrderFilled(
            ts=bench.now,
            client_order_id=target.client_order_id,
            cumulative_quantity=D(2),
            price=D(110),
            cumulative_fee=D(0),
        )
    )
    bench.feed(PositionLiquidated(ts=bench.now, symbol="X", quantity=D(2), price=D(90)))
    assert bench.one(PositionClosed).exit_price == D(100)


def test_a_scan_does_not_show_a_signal_whose_trigger_was_taken_long_ago() -> None:
    from atlas_core.loading import LoadedMarket
    from atlas_core.marketdata.history import MarketData
    from atlas_core.model.bars import bars_of_rows
    from atlas_core.model.signals import signal_table
    from atlas_core.model.timeframe import parse_timeframe
    from atlas_core.runtime.scan import _still_valid

    rows = [
        (START + n * MINUTE, 100.0, 105.0 if n == 2 else 100.0, 90.0 if n == 4 else 100.0, 100.0, 1.0) for n in range(6)
    ]
    bars = bars_of_rows("X", parse_timeframe("1m"), rows, D("0.1"))
    market = LoadedMarket(data=MarketData({"X": bars}, {"X": PERP}), funding=(), start=START, end=START + 6 * MINUTE)
    table = signal_table(
        available_at=[START + MINUTE],
        setup_at=START,
        symbol="X",
        timeframe="15m",
        pattern="p",
        side=1,
        entry="stop",
        trigger=101.0,
        stop=99.0,
        valid_until=START + 15 * MINUTE,
    )
    assert not len(_still_valid(table, market))
