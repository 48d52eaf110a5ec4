from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from atlas_core.cli import report_market
from atlas_core.cli.main import run_command_line
from atlas_core.cli.manifests import read_made_of
from atlas_core.cli.report_market import benchmark_of, read_market
from atlas_core.errors import DataError
from atlas_core.model.bars import Bars
from atlas_core.model.costs import TradingCosts
from atlas_core.model.instrument import Instrument
from atlas_core.model.timeframe import DAY, parse_timeframe
from atlas_core.report.benchmark import BENCHMARK_NAME, benchmark_results, buy_and_hold, read_benchmark
from atlas_core.report.catalogue import metric_rows, metric_values
from atlas_core.report.equity import EquityPoint
from atlas_core.report.export import equity_csv, summary_of
from atlas_core.report.provenance import bars_digest
from atlas_core.report.summary import report_of
from atlas_core.runstore import RunStore
from atlas_core.watching import TradedMarket
from tests.csv_run import write_waves
from tests.sample_run import START, sample_run

D = Decimal
CURVE = tuple(EquityPoint(START + day * DAY, D(10_000)) for day in range(5))


def _bars(symbol: str, opens: list[float], closes: list[float], *, from_day: int = 0) -> Bars:
    opened_at = START + (from_day + np.arange(len(opens), dtype=np.int64)) * DAY
    high, low = np.maximum(opens, closes), np.minimum(opens, closes)
    return Bars(
        symbol=symbol, timeframe=parse_timeframe("1d"), tick_size=D("0.01"), opened_at=opened_at,
        available_at=opened_at + DAY, open=np.array(opens), high=high, low=low, close=np.array(closes),
        volume=np.ones(len(opens)),
    )  # fmt: skip


def _market(*bars: Bars, costs: TradingCosts | None = None) -> TradedMarket:
    instruments = {of_symbol.symbol: Instrument(symbol=of_symbol.symbol) for of_symbol in bars}
    return TradedMarket(
        bars={of_symbol.symbol: of_symbol for of_symbol in bars}, instruments=instruments, costs=costs or TradingCosts()
    )


def test_equal_parts_are_bought_once_and_marked_at_every_day_end() -> None:
    market = _market(_bars("A", [100, 110, 120], [110, 120, 130]), _bars("B", [50, 40, 30, 20], [40, 30, 20, 10]))
    points = buy_and_hold(market, CURVE)
    assert [point.ts for point in points] == [point.ts for point in CURVE]
    assert [point.equity for point in points] == [D(10_000), D(9500), D(9000), D(8500), D(7500)]


def test_a_part_rests_as_cash_until_its_symbol_trades() -> None:
    points = buy_and_hold(_market(_bars("A", [100, 100], [200, 300], from_day=2)), CURVE)
    assert [point.equity for point in points] == [D(10_000), D(10_000), D(10_000), D(20_000), D(30_000)]


def test_the_costs_of_the_purchase_are_paid_once() -> None:
    flat = _bars("A", [100] * 4, [100] * 4)
    points = buy_and_hold(_market(flat, costs=TradingCosts(taker_fee_bps=D(100), slippage_bps=D(100))), CURVE)
    assert [float(point.equity) for point in points[1:]] == [pytest.approx(10_000 / 1.01 / 1.01, abs=0.01)] * 4


def test_a_price_that_is_none_is_said() -> None:
    with pytest.raises(DataError, match="expected a first price above 0"):
        buy_and_hold(_market(_bars("A", [0.0], [1.0])), CURVE)


def test_without_a_market_or_a_day_there_is_nothing_to_hold() -> None:
    assert buy_and_hold(_market(), CURVE) == ()
    assert buy_and_hold(_market(_bars("A", [1], [1])), CURVE[:1]) == ()


def test_buy_and_hold_has_the_metrics_of_an_account(tmp_path: Path) -> None:
    points = buy_and_hold(_market(_bars("A", [100, 110, 80, 90], [110, 80, 90, 120])), CURVE)
    values = metric_values(benchmark_results(points, 365))
    assert values["total_return"] == pytest.approx(0.2)
    assert values["max_drawdown"] == pytest.approx(30 / 110)
    assert values["win_rate"] is None


def test_what_a_run_left_is_read_again_and_damage_is_none(tmp_path: Path) -> None:
    points = buy_and_hold(_market(_bars("A", [100, 110], [110, 80])), CURVE)
    path = tmp_path / BENCHMARK_NAME
    assert read_benchmark(tmp_path) == ()
    path.write_text(equity_csv(points), encoding="utf-8")
    assert read_benchmark(tmp_path) == points
    path.write_text("ts,equity\nnow,1\n", encoding="utf-8")
    assert read_benchmark(tmp_path) == ()


def test_what_needs_trades_does_not_exist_for_what_was_only_held() -> None:
    report = report_of(sample_run())
    held = summary_of(report.beside(report.curve))["benchmark"]
    assert held["total_return"] == pytest.approx(0.013521)
    assert {"turnover", "time_in_market", "closed_trade_drawdown", "win_rate"} & set(held) == set()
    rows = {row.name: row for row in metric_rows(report.results, report.beside(report.curve).benchmark)}
    assert rows["turnover"].buy_and_hold is None
    assert rows["max_drawdown"].buy_and_hold == 0.0


def test_a_session_is_shown_beside_what_holding_its_bars_would_have_made(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {}
    for mode in ("paper", "backtest"):
        profile = write_waves(tmp_path / mode, mode=mode)
        assert run_command_line(["-q", "run" if mode == "paper" else mode, str(profile)]) == 0
        (folders[mode],) = (own_home / "runs" / "waves" / mode).iterdir()
    session, past = (read_benchmark(folders[mode]) for mode in ("paper", "backtest"))
    assert session[-1].equity == past[-1].equity != session[0].equity
    run = RunStore(own_home).find("1")
    again, _ = read_market(run, read_made_of(run))
    with monkeypatch.context() as patch:
        patch.setattr(report_market, "_system", lambda *_: SimpleNamespace(is_real_time=True))
        taped, note = read_market(run, read_made_of(run))  # as that of a market that goes on
    assert (note, {symbol: bars_digest(bars) for symbol, bars in taped.items()}) == (
        "", {symbol: bars_digest(bars) for symbol, bars in again.items()}
    )  # fmt: skip
    (folders["paper"] / "benchmark.csv").unlink()  # as a session that goes on has none
    assert benchmark_of(run, session) == session
    for tape in folders["paper"].glob("tape-*"):
        tape.unlink()
    assert benchmark_of(run, session) == ()
