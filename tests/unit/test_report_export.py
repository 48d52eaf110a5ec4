from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from types import SimpleNamespace

import attrs
import pytest

from atlas_core.journal import Journal
from atlas_core.model.signals import Side
from atlas_core.model.timeframe import DAY
from atlas_core.report import export
from atlas_core.report.legs import ExitLeg
from atlas_core.report.orders import OrderRow, order_rows
from atlas_core.report.signals import SignalRow
from atlas_core.report.summary import report_of
from atlas_core.report.trades import TradeRow
from tests.sample_run import START, sample_run


def _files() -> dict[str, str]:
    records = sample_run()
    report = report_of(records)
    manifest = export.manifest_of(report, "demo-paper-0001", "ab12", "0.1.0")
    return {
        name: "".join(pieces) for name, pieces in export.export_files(report, order_rows(records), manifest).items()
    }


@pytest.mark.parametrize(
    ("columns", "row", "left_out"),
    [
        (export.TRADE_COLUMNS, TradeRow, {"gate_values", "context", "legs"}),
        (export.EXIT_COLUMNS, ExitLeg, set()),
        (export.SIGNAL_COLUMNS, SignalRow, set()),
        (export.ORDER_COLUMNS, OrderRow, {"paid"}),
    ],
)
def test_every_field_of_a_row_has_its_column(columns: tuple[str, ...], row: type, left_out: set[str]) -> None:
    assert {attribute.name for attribute in attrs.fields(row)} - left_out <= set(columns)


def test_two_equal_runs_give_the_same_bytes() -> None:
    assert _files() == _files()


def test_a_run_read_back_from_its_journal_gives_the_same_trades_signals_and_orders() -> None:
    with Journal.in_memory() as journal:
        journal.append(sample_run())
        stored = list(journal.records())
    report, again = report_of(sample_run()), report_of(stored)
    assert export.trades_csv(again.trades) == export.trades_csv(report.trades)
    assert export.signals_csv(again.signals) == export.signals_csv(report.signals)
    assert export.orders_csv(order_rows(stored)) == export.orders_csv(order_rows(sample_run()))
    assert export.summary_of(again) == export.summary_of(report)


def test_trades_are_written_with_utc_times_and_plain_decimals() -> None:
    rows = list(csv.DictReader(io.StringIO(_files()["trades.csv"])))
    assert rows[0]["opened_at"] == "2026-04-05T01:45:00Z"
    assert rows[0]["net"] == "135.21"
    assert rows[0]["ambiguous"] == "false"
    assert sum(Decimal(row["net"]) for row in rows) == Decimal("67.93")


def test_what_does_not_exist_is_empty_in_csv_and_null_in_json() -> None:
    files = _files()
    orders = list(csv.DictReader(io.StringIO(files["orders.csv"])))
    assert orders[0]["limit_price"] == ""
    assert json.loads(files["summary.json"])["figures"]["cagr"] is None


def test_the_average_price_of_an_order_weighs_its_fills() -> None:
    row = order_rows(sample_run())[0]
    assert row.average_price == Decimal(60110)
    assert (row.filled_quantity, row.fee, row.status) == (Decimal("0.12"), Decimal("3.61"), "filled")


@pytest.mark.parametrize(
    ("value", "text"), [("1E+3", "1000"), ("-0.00", "0.00"), ("0.000000010", "0.000000010"), ("1.10", "1.10")]
)
def test_decimals_are_written_without_exponent_and_negative_zero(value: str, text: str) -> None:
    assert export.decimal_text(Decimal(value)) == text


def test_times_are_written_with_the_digits_that_they_need() -> None:
    assert export.iso(START) == "2026-04-05T00:00:00Z"
    assert export.iso(START + 1_500_000_000) == "2026-04-05T00:00:01.5Z"
    assert export.iso(START + 1) == "2026-04-05T00:00:00.000000001Z"


def test_the_summary_says_mode_and_synthetic_and_its_signals_add_up() -> None:
    summary = json.loads(_files()["summary.json"])
    assert (summary["mode"], summary["synthetic"], summary["seed"]) == ("paper", True, 20260405)
    assert sum(summary["signals"]["by_outcome"].values()) == summary["signals"]["total"] == 6


def test_the_manifest_holds_nothing_that_differs_between_equal_runs_but_the_run_id() -> None:
    manifest = json.loads(_files()["manifest.json"])
    assert manifest["journal_digest"] == "ab12"
    assert manifest["run_id"] == "demo-paper-0001"
    assert manifest["components"] == ["scanner strat", "broker paper"]
    assert (manifest["signals"], manifest["trades"], manifest["open_positions"]) == (6, 2, 1)


def test_a_column_of_one_type_is_written_like_its_cells_one_by_one() -> None:
    whole, part = 1_775_347_200_000_000_000, 1_775_347_200_500_000_000
    rows = [
        SimpleNamespace(ts=ts, closed_at=closed, side=Side.LONG, net=Decimal(net), text=text, flag=True, value=value)
        for ts, closed, net, text, value in (
            (whole, part, "-0.00", 'a "b"', 1.5), (whole + DAY, None, "1E+2", "", float("nan")),
        )
    ]  # fmt: skip
    assert export.csv_text(("ts", "closed_at", "side", "net", "text", "flag", "value"), rows).splitlines() == [
        "ts,closed_at,side,net,text,flag,value",
        '2026-04-05T00:00:00Z,2026-04-05T00:00:00.5Z,long,0.00,"a ""b""",true,1.5',
        "2026-04-06T00:00:00Z,,long,100,,true,",
    ]
    assert export.csv_text(("ts",), rows[:1]) == f"ts\n{export.iso(whole)}\n"
    assert export.csv_text(("closed_at",), rows[:1]) == f"closed_at\n{export.iso(part)}\n"
    assert export.csv_text(("ts", "net"), []) == "ts,net\n"
