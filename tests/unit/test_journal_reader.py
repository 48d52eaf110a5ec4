from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, localcontext

import pytest
from attrs import evolve

from atlas_core.errors import JournalCorrupt, NotFound
from atlas_core.journal import AlertRow, EquityRow, ExitCount, Journal, VerdictCount
from atlas_core.journal.tables import ORDER, TABLES
from atlas_core.model.decisions import Outcome, Severity
from atlas_core.model.orders import Liquidity, OrderRole, OrderStatus
from atlas_core.model.records import AlertRaised, PositionClosed, SignalArmed
from atlas_core.model.signals import EntryKind, Side
from tests.journal_samples import MINUTE, REFUSED_KEY, START, TRADED_KEY, short_run, signal, verdict


@pytest.fixture
def journal() -> Iterator[Journal]:
    with Journal.in_memory() as journal:
        journal.append(short_run())
        yield journal


def test_records_are_found_by_kind_and_by_subject(journal: Journal) -> None:
    every = short_run()
    assert list(journal.records(kinds=["alert_raised"])) == [r for r in every if isinstance(r, AlertRaised)]
    assert list(journal.records(subject=REFUSED_KEY)) == every[1:3]
    assert list(journal.records(kinds={"signal_armed", "alert_raised"}, subject=TRADED_KEY)) == [
        SignalArmed(ts=START + MINUTE, key=TRADED_KEY)
    ]
    kinds = ("position_opened", "verdict_reached")
    assert tuple(record.kind for record in journal.records(kinds, (TRADED_KEY, "1"))) == kinds
    assert list(journal.records(kinds=[])) == []


def test_the_run_tells_what_it_was_made_of_and_how_it_ended(journal: Journal) -> None:
    run = journal.run()
    assert (run.started_at, run.finished_at, run.finish_reason) == (START, START + 2 * MINUTE, "end of data")
    assert (run.profile, run.mode, run.synthetic, run.seed, run.quote) == ("demo", "backtest", True, 7, "USD")
    assert run.symbols == ("BTC-PERP", "ETH-PERP")
    assert run.components == ("scanner strat", "gate quality")
    assert (run.starting_cash, run.cash, run.equity) == (Decimal("10000.00"), Decimal("10058.33"), Decimal("10058.33"))


def test_a_run_that_broke_off_has_no_end() -> None:
    with Journal.in_memory() as journal:
        with pytest.raises(NotFound, match="holds no run yet"):
            journal.run()
        journal.append(short_run()[:1])
        assert journal.run().finished_at is None
        assert journal.run().cash is None


def test_a_refused_signal_tells_gate_value_and_threshold(journal: Journal) -> None:
    row = journal.signal(REFUSED_KEY)
    assert (row.state, row.outcome, row.verdict_by, row.value, row.threshold) == (
        "refused", Outcome.REFUSED, "quality", 1.2, 1.5,
    )  # fmt: skip
    assert (row.side, row.entry, row.trigger, row.trade_id) == (Side.LONG, EntryKind.STOP, Decimal("42000.50"), None)
    assert (row.seq, row.ts, row.verdict_ts, row.score) == (2, START, START, 0.75)
    assert row.context == {"volume_ratio": 1.5, "bars": 2, "label": "2u"}


def test_a_signal_shows_the_last_thing_that_happened_to_it() -> None:
    with Journal.in_memory() as journal:
        states = []
        for record in short_run()[3:]:
            journal.append([record])
            states.append(journal.signal(TRADED_KEY).state)
    assert list(dict.fromkeys(states)) == ["detected", "armed", "triggered", "sized", "submitted", "open", "closed"]


def test_signals_are_selected_by_outcome_decider_and_symbol(journal: Journal) -> None:
    assert [row.key for row in journal.signals()] == [REFUSED_KEY, TRADED_KEY]
    assert [row.key for row in journal.signals(outcome=Outcome.CLOSED)] == [TRADED_KEY]
    assert [row.key for row in journal.signals(by="quality", symbol="BTC-PERP")] == [REFUSED_KEY]
    assert journal.signals(symbol="DOGE") == ()
    assert journal.signal_count() == 2


def test_a_signal_is_found_by_the_beginning_of_its_key(journal: Journal) -> None:
    journal.append([signal("sig-abc"), signal("sig-abcd")])
    assert journal.signal("sig-abcd").key == "sig-abcd"
    assert journal.signal("sig-abc").key == "sig-abc"
    assert journal.signal(REFUSED_KEY[:-1] + "1").key == REFUSED_KEY
    with pytest.raises(NotFound, match="with which several begin: sig-abc, sig-abcd"):
        journal.signal("sig-a")
    with pytest.raises(NotFound, match="there is no signal 'sig-x' among the 4"):
        journal.signal("sig-x")


def test_verdict_counts_add_up_to_the_decided_signals(journal: Journal) -> None:
    journal.append([signal("a"), verdict("a"), signal("undecided")])
    assert journal.verdict_counts() == (
        VerdictCount(Outcome.REFUSED, "quality", 2),
        VerdictCount(Outcome.CLOSED, "target", 1),
    )


def test_a_trade_tells_how_it_went(journal: Journal) -> None:
    row = journal.trade(1)
    assert (row.state, row.side, row.quantity, row.leverage) == ("closed", Side.LONG, Decimal("0.03"), Decimal(2))
    assert (row.opened_at, row.closed_at) == (START + MINUTE, START + 2 * MINUTE)
    assert (row.gross, row.fees, row.funding, row.net) == tuple(map(Decimal, ("59.955", "1.5", "0.125", "58.330")))
    assert (row.stop, row.stop_rule, row.target, row.target_rule) == (
        Decimal("41000.50"), "stop", Decimal("44000.50"), "target",
    )  # fmt: skip
    assert (row.rule, row.reason, row.r_multiple, row.initial_risk) == ("target", "target reached", 1.94, Decimal(30))
    assert journal.trades(state="closed", symbol="BTC-PERP") == (row,) == journal.trades()
    assert journal.trades(state="open") == ()
    with pytest.raises(NotFound, match="there is no trade 2 among the 1"):
        journal.trade(2)


def test_an_open_trade_has_its_present_size_levels_and_funding() -> None:
    with Journal.in_memory() as journal:
        journal.append(short_run()[:-4])
        (row,) = journal.trades(state="open")
    assert (row.timeframe, row.pattern) == ("15m", "2-1-2")
    assert (row.quantity, row.entry_price) == (Decimal("0.03"), Decimal("42002.00"))
    assert (row.funding, row.net, row.closed_at, row.rule) == (Decimal("0.125"), None, None, None)


def test_the_orders_of_a_trade_are_those_of_its_signal(journal: Journal) -> None:
    entry, exit_order = journal.orders_of(1)
    assert (entry, exit_order) == journal.orders_of(TRADED_KEY)
    assert (entry.role, entry.status, entry.cumulative_quantity, entry.fee, entry.trade_id) == (
        OrderRole.ENTRY, OrderStatus.FILLED, Decimal("0.03"), Decimal("1.0"), 1,
    )  # fmt: skip
    assert entry.average_price == Decimal(42002)
    assert (exit_order.role, exit_order.average_price) == (OrderRole.TARGET, Decimal("44000.50"))
    assert journal.orders_of(REFUSED_KEY) == ()


def test_an_order_without_a_fill_has_no_price_and_keeps_its_reason() -> None:
    with Journal.in_memory() as journal:
        journal.append(short_run()[:9])
        (row,) = journal.orders_of(TRADED_KEY)
    assert (row.status, row.average_price, row.trade_id, row.reason) == (
        OrderStatus.ACKNOWLEDGED, None, None, "entry order",
    )  # fmt: skip


def test_projections_do_not_depend_on_the_callers_arithmetic() -> None:
    with Journal.in_memory() as one, Journal.in_memory() as other:
        one.append(short_run())
        with localcontext(prec=3):
            other.append(short_run())
        assert one.projection_dump() == other.projection_dump()


def test_the_fills_of_an_order(journal: Journal) -> None:
    fills = journal.fills_of("entry-1")
    assert [(row.quantity, row.price) for row in fills] == [
        (Decimal("0.01"), Decimal("42000.00")), (Decimal("0.02"), Decimal("42003.00")),
    ]  # fmt: skip
    assert (fills[0].liquidity, fills[0].ambiguous, fills[0].slippage) == (Liquidity.TAKER, False, Decimal("0.1"))
    assert journal.fills_of("nobody") == ()


def test_exits_are_counted_by_rule_and_reason_with_their_net(journal: Journal) -> None:
    (closed,) = [record for record in short_run() if isinstance(record, PositionClosed)]
    journal.append(
        [
            evolve(closed, trade_id=2, net=Decimal("-8.33")),
            evolve(closed, trade_id=3, rule="stop", reason="stop taken", net=Decimal(-20)),
        ]
    )
    assert journal.exit_counts() == (
        ExitCount("target", "target reached", 2, Decimal("50.000")),
        ExitCount("stop", "stop taken", 1, Decimal(-20)),
    )


def test_equity_and_alerts(journal: Journal) -> None:
    ts = START + MINUTE
    assert journal.equity() == (EquityRow(ts, "9999.0", "10001.0", "1260.06"),)
    assert journal.alerts() == (AlertRow(16, ts, Severity.INFO, "opened", "BTC-PERP", "trade 1"),)


def test_a_record_about_something_that_never_began_is_kept_and_changes_nothing() -> None:
    with Journal.in_memory() as journal:
        journal.append([verdict("unknown"), SignalArmed(ts=1, key="unknown")])
        assert (journal.count(), journal.projection_dump()) == (2, b"")
        journal.verify(projections=True)


def test_a_row_that_was_damaged_is_corrupt(journal: Journal) -> None:
    journal._connection.execute("UPDATE trade SET net = 'much'")
    with pytest.raises(JournalCorrupt, match="expected rows of TradeRow"):
        journal.trades()


def test_every_table_has_the_columns_of_its_row(journal: Journal) -> None:
    for table in TABLES:
        columns = [row[1] for row in journal._connection.execute(f'PRAGMA table_info("{table.name}")')]
        assert tuple(columns) == table.columns
    assert ORDER.key == "client_order_id"
