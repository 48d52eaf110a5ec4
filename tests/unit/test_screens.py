"""The commands that look back at a run, on a run that is kept."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from atlas_core.cli import results, tables
from atlas_core.cli.doctor import doctor
from atlas_core.cli.explain import explain
from atlas_core.cli.live_screen import EVENT_LINES, LiveScreen
from atlas_core.cli.pnl import pnl
from atlas_core.cli.report import report
from atlas_core.cli.run import profile_overrides, read_timerange, run
from atlas_core.cli.runs import runs
from atlas_core.errors import MissingExtra, NotFound, UsageError
from atlas_core.journal import Journal
from atlas_core.model.records import RunFinished
from atlas_core.report.export import export_files, manifest_of, summary_of
from atlas_core.report.orders import order_rows
from atlas_core.report.summary import notes_of, report_of
from atlas_core.runs import Mode, RunInfo
from atlas_core.runstore import RunStore
from atlas_core.statedir import StateDirectory
from tests.sample_run import START, closed, detected, opened, sample_run, started

SIGNED = re.compile(r"[+-]\d[\d,]*\.\d\d")


@pytest.fixture
def kept(own_home: Path) -> RunInfo:
    run = RunStore(own_home).create("demo", Mode.PAPER, True)
    with Journal.create(run.directory / "journal.db") as journal:
        journal.append(sample_run())
        digest = journal.digest()
    made = report_of(sample_run())
    for name, pieces in export_files(
        made, order_rows(sample_run()), manifest_of(made, run.run_id, digest, "0")
    ).items():
        (run.directory / name).write_text("".join(pieces))
    return run


def _call(command: Any, *arguments: str) -> str:
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def _section(text: str, title: str) -> list[str]:
    lines = text.splitlines()
    start = lines.index(title)
    return lines[start : lines.index("", start)]


@pytest.mark.usefixtures("kept")
def test_every_screen_says_the_mode_and_that_the_market_is_synthetic() -> None:
    for screen in (
        _call(report), _call(report, "--what", "trades"), _call(report, "--what", "signals"),
        _call(report, "--what", "exits"), _call(report, "--what", "orders"), _call(report, "--what", "events"),
        _call(report, "--what", "equity"),
        _call(explain, "trade", "1"), _call(explain, "signal", "3333"), _call(explain, "symbol", "ETH-PERP"),
        _call(pnl), _call(pnl, "--by", "score"),
    ):  # fmt: skip
        first = screen.splitlines()[0]
        assert "PAPER" in first
        assert "synthetic market seed 20260405" in first


@pytest.mark.usefixtures("kept")
def test_the_printed_rows_of_every_table_add_up_to_its_printed_total() -> None:
    text = _call(report)
    for title in ("Closed trades", "By setup", "By timeframe", "By side", "By exit"):
        lines = [line for line in _section(text, title)[3:] if not set(line) <= {"-"}]
        *rows, total = [[Decimal(found.replace(",", "")) for found in SIGNED.findall(line)] for line in lines]
        position = 0 if title.startswith("By") else -1  # a group's first signed number is its net, a trade's last its R
        assert sum(row[position] for row in rows) == total[position], title


@pytest.mark.usefixtures("kept")
def test_the_summary_holds_figures_open_positions_refusals_and_the_sum_of_signals() -> None:
    text = _call(report)
    assert "signals 6 = closed 2 + refused 1 + expired 1 + open 1 + armed 1" in text
    assert re.search(r"Profit factor\s+2\.01", text)
    assert re.search(r"refused +quality +1 +reward:risk too small", text)
    assert re.search(r"Sharpe \(ann\.\)\s+n/a", text)
    assert "N 1 daily returns · T 365 days a year · risk-free rate 0.0 %" in text
    assert "costs: those of the venue · fills: those of the venue" in text
    assert "2 trades are few" in text


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_screens_fit_the_terminal(
    kept: RunInfo, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (tables, results):
        monkeypatch.setattr(module, "terminal_width", lambda: width)
    monkeypatch.setattr(tables, "_console", lambda: None)
    results.print_report(report_of(sample_run()), kept)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= width
    for value in ("+135.21", "-67.28", "+67.93", "10,135.21", "60,100.0"):
        assert value in text


@pytest.mark.usefixtures("kept")
def test_the_groups_of_the_pnl_add_up_and_say_what_does_not_exist() -> None:
    text = _call(pnl, "--by", "timeframe")
    rows = [line.split() for line in _section(text, "Closed trades by timeframe")[1:]]
    heading, short, long, total = (row for row in rows if not set(row[0]) <= {"-"})
    assert " ".join(heading) == "Timeframe Trades Won Win % Net P&L PF Each R R each MAE R MFE R MAE % MFE %"
    assert (short[:6], long[:6]) == (
        ["15m", "1", "0", "0.0", "-67.28", "0.00"],
        ["1h", "1", "1", "100.0", "+135.21", "n/a"],
    )
    assert total[:6] == ["all", "2", "1", "50.0", "+67.93", "2.01"]


@pytest.mark.usefixtures("kept")
def test_the_pnl_as_json_holds_the_groups_and_their_total() -> None:
    document = json.loads(_call(pnl, "--by", "direction", "--by", "setup", "--json"))
    assert document["by"] == ["direction", "setup"]
    assert [group["name"] for group in document["groups"]] == ["long · 2-1-2", "short · 3-1-2"]
    assert sum(Decimal(group["net"]) for group in document["groups"]) == Decimal(document["total"]["net"])
    assert document["groups"][0]["profit_factor"] is None


@pytest.mark.usefixtures("kept")
def test_the_pnl_the_report_and_the_metrics_tell_the_same_money() -> None:
    by_group = json.loads(_call(pnl, "--by", "symbol", "--json"))
    summary = json.loads(_call(report, "--json"))
    metrics = {row["name"]: row["value"] for row in json.loads(_call(report, "--what", "metrics", "--json"))["metrics"]}
    assert by_group["total"]["net"] == summary["figures"]["net"] == "67.93"
    assert metrics["net_profit"] == pytest.approx(float(summary["figures"]["net"]))
    assert metrics["fees"] == pytest.approx(float(summary["figures"]["fees"]))
    assert metrics == summary["metrics"]
    text = _call(pnl)
    assert f"Closed trades +67.93 | open P&L and costs +67.28 | fees {summary['figures']['fees']}" in text.replace(
        "·", "|"
    )


@pytest.mark.usefixtures("kept")
def test_a_metric_that_does_not_exist_is_null_in_json_empty_in_csv_and_said_on_the_screen() -> None:
    rows = {
        row["name"]: row for row in csv.DictReader(io.StringIO(_call(report, "--what", "metrics", "--format", "csv")))
    }
    document = json.loads(_call(report, "--what", "metrics", "--json"))
    assert rows["sharpe"]["value"] == rows["sharpe"]["buy_and_hold"] == ""
    assert next(row for row in document["metrics"] if row["name"] == "sharpe")["value"] is None
    assert re.search(r"sharpe +Sharpe \(ann\.\) +n/a +n/a +ratio", _call(report, "--what", "metrics"))


@pytest.mark.usefixtures("kept")
def test_a_name_that_groups_nothing_is_told_what_does() -> None:
    with pytest.raises(NotFound, match=r"expected one of pattern, setup, timeframe, .*, was 'nonsense'"):
        _call(pnl, "--by", "nonsense")


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_pnl_fits_the_terminal(
    kept: RunInfo, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tables, "terminal_width", lambda: width)
    monkeypatch.setattr(tables, "_console", lambda: None)
    made = report_of(sample_run())
    results.print_group("Closed trades by setup", "Setup", made.by_setup, made.total)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert ("not shown" in "\n".join(lines)) is (width < 100)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("what", ["trades", "exits", "signals", "orders", "events", "equity", "metrics"])
def test_csv_and_json_of_a_table_hold_the_same_rows(what: str) -> None:
    rows = list(csv.DictReader(io.StringIO(_call(report, "--what", what, "--format", "csv"))))
    document = json.loads(_call(report, "--what", what, "--format", "json"))
    assert (document["mode"], document["synthetic"]) == ("paper", True)
    assert len(document[what]) == len(rows) > 0
    assert list(document[what][0]) == list(rows[0])


@pytest.mark.usefixtures("kept")
def test_a_summary_is_json_but_no_csv() -> None:
    assert json.loads(_call(report, "--json"))["figures"]["net"] == "67.93"
    assert CliRunner().invoke(report, ["--format", "csv"]).exit_code == 2


@pytest.mark.usefixtures("kept")
def test_explain_says_which_gate_refused_with_value_and_threshold() -> None:
    assert "Refused by quality: value 0.339286, threshold 1 (reward:risk too small)" in _call(explain, "signal", "3333")
    facts = json.loads(_call(explain, "signal", "3333", "--json"))
    assert (facts["outcome"], facts["by"], facts["value"], facts["threshold"]) == ("refused", "quality", 0.339286, 1.0)


@pytest.mark.usefixtures("kept")
def test_explain_says_why_a_trade_was_opened_sized_and_closed() -> None:
    text = _call(explain, "trade", "1")
    for fact in (
        "2-1-2 up 1h long, trigger 60,100.0, stop 59,500.0, target 61,300.0, reward:risk 2.00",
        "quality: reward:risk, 2 against 1", "max_positions: 1 of at most 6", "risk-per-trade: 0.12 BTC-PERP",
        "entry: 0.12 at 60,110.0 (taker), fee 3.61, slippage 1.20", "stop 59,500.0 (stop), target 61,300.0 (target)",
        "net +135.21 (+1.89 R)", "Closed by target (target 61300.0 reached)",
    ):  # fmt: skip
        assert fact in text


@pytest.mark.usefixtures("kept")
def test_explain_of_what_waits_says_so() -> None:
    assert "Not ended: the signal waits." in _call(explain, "signal", "5555")
    assert "Not ended: the position is open." in _call(explain, "trade", "3")


@pytest.mark.usefixtures("kept")
def test_explain_symbol_says_why_not() -> None:
    text = _call(explain, "symbol", "ETH-PERP")
    assert "ETH-PERP · 3 signals · 0 traded · 2 did not" in text
    assert re.search(r"sig-3333cccc .* quality +0\.339286 +1 +-0\.660714", text)
    facts = json.loads(_call(explain, "symbol", "ETH-PERP", "--json"))
    assert {(row["by"], row["signals"]) for row in facts["stopped_by"]} == {("kernel", 1), ("quality", 1)}


def test_without_a_run_the_command_says_how_to_start_one() -> None:
    with pytest.raises(NotFound, match="start one: atlas run demo"):
        CliRunner().invoke(report, [], catch_exceptions=False)
    assert "start one: atlas run demo" in _call(runs)


def test_runs_lists_what_is_kept(kept: RunInfo) -> None:
    assert re.search(
        rf"{kept.run_id} +demo +paper +synthetic +6 +2 +1 +\+67\.93 +10,135\.21 +— +end of data", _call(runs)
    )
    (facts,) = json.loads(_call(runs, "--json"))
    assert (facts["run_id"], facts["synthetic"], facts["net"]) == (kept.run_id, True, "67.93")


def test_a_run_that_did_not_finish_is_listed_as_such(own_home: Path) -> None:
    RunStore(own_home).create("demo", Mode.BACKTEST, False)
    assert re.search(r"demo-backtest-0001 +demo +backtest +real +— .* not finished", _call(runs))


def test_live_stands_in_capitals_on_its_screens() -> None:
    assert " · LIVE · real market data" in results.header("btc", Mode.LIVE, False, 1)
    assert " · BACKTEST · " in results.header("btc", Mode.BACKTEST, False, 1)


def test_events_are_told_once_each_and_the_rest_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveScreen("demo-paper-0001", with_events=True, with_bar=True) as screen:
        screen.records([started(), detected("sig-1", START), opened(1, "sig-1", START, "60110")])
        for _ in range(EVENT_LINES + 1):
            screen.records([closed(1, "sig-1", START, "142.80")])
        screen.progress(1, 2, START)
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == "  2026-04-05 00:00Z  ENTRY   BTC-PERP   long 0.12 @ 60,110.0  2-1-2 up 1h  trade 1"
    assert lines[1] == "  2026-04-05 00:00Z  EXIT    BTC-PERP   target @ 61,300.0  +135.21 (+1.9 R)  trade 1"
    assert lines[-1] == "  ... 2 more events: atlas report demo-paper-0001 --what events"
    assert len(lines) == EVENT_LINES + 1
    assert captured.err == ""
    assert len(screen.kept) == EVENT_LINES + 4


def test_a_reader_that_goes_away_ends_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            tried.append(text)
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Gone())
    with LiveScreen("x", with_events=True, with_bar=False) as screen:
        for _ in range(EVENT_LINES + 2):
            screen.records([closed(1, "sig-1", START, "142.80")])
    assert len(tried) == 1
    assert len(screen.kept) == EVENT_LINES + 2


def test_a_quiet_screen_says_nothing_and_keeps_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveScreen("x", with_events=False, with_bar=False) as screen:
        screen.records(sample_run())
    assert screen.kept == sample_run()
    assert capsys.readouterr() == ("", "")


def test_the_screen_of_a_session_that_goes_on_keeps_nothing() -> None:
    with LiveScreen("x", with_events=False, with_bar=False, keeps=False) as screen:
        screen.records(sample_run())
    assert screen.kept == []


def test_the_command_line_becomes_toml_values() -> None:
    made = profile_overrides(["BTC/USD", "ETH/USD"], "20260101", None, 7, ["limits.max_positions = 3"])
    assert made == (
        ("universe.symbols", '["BTC/USD", "ETH/USD"]'), ("universe.start", '"20260101"'), ("profile.seed", "7"),
        ("limits.max_positions", "3"),
    )  # fmt: skip
    with pytest.raises(UsageError, match="expected --set KEY=VALUE"):
        profile_overrides([], None, None, None, ["nonsense"])


def test_run_without_a_profile_lists_those_that_come_with_atlas() -> None:
    result = CliRunner().invoke(run, [])
    assert result.exit_code == 2
    assert re.search(r"^demo +paper ", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("20240101-20240301", ("20240101", "20240301")),
        ("20240101-", ("20240101", None)),
        ("-20240301T1200", (None, "20240301T1200")),
    ],
)
def test_a_time_range_has_two_sides(text: str, sides: tuple[str | None, str | None]) -> None:
    assert read_timerange(text) == sides


@pytest.mark.parametrize("text", ["-", "", "2024", "20240101:20240301"])
def test_a_time_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a range such as"):
        read_timerange(text)


def _findings() -> dict[str, dict[str, str]]:
    result = CliRunner().invoke(doctor, ["--json"])
    return {finding["area"]: finding for finding in json.loads(result.stdout)["findings"]}


def test_the_doctor_verifies_the_journal_of_the_latest_run(kept: RunInfo) -> None:
    assert _findings()["Journal"]["level"] == "ok"
    path = kept.directory / "journal.db"
    path.write_bytes(path.read_bytes()[:-4096])
    finding = _findings()["Journal"]
    assert finding["level"] == "fail"
    assert "evidence" in finding["fix"]


def test_the_doctor_restores_the_journal_of_a_session_that_goes_on(own_home: Path) -> None:
    state = StateDirectory.of(own_home, "demo", Mode.LIVE)
    RunStore(own_home).continue_in(state, False)
    state.journal.write_bytes(b"no journal" * 100)
    finding = _findings()["Journal"]
    assert finding["level"] == "fail"
    assert finding["fix"] == "stop the session, then: atlas restore demo/live"


def test_a_doctor_who_finds_a_fault_exits_with_4(kept: RunInfo) -> None:
    (kept.directory / "journal.db").unlink()
    result = CliRunner().invoke(doctor, [])
    assert result.exit_code == 4
    assert "fix: " in result.stdout


def test_the_doctor_looks_at_everything_that_a_run_needs() -> None:
    areas = {"Python", "Packages", "Plugins", "SQLite", "Clock", "Home", "Disk", "Journal"}
    assert areas <= set(_findings())


def test_the_doctor_reports_every_problem_of_a_profile(tmp_path: Path) -> None:
    profile = tmp_path / "bad.toml"
    profile.write_text('[profile]\nname = "bad"\nseed = "x"\n')
    result = CliRunner().invoke(doctor, ["-p", str(profile), "--json"])
    assert result.exit_code == 4
    texts = [finding["text"] for finding in json.loads(result.stdout)["findings"] if finding["area"] == "Profile"]
    assert len(texts) >= 2
    assert any("seed" in text for text in texts)


@pytest.mark.usefixtures("kept")
def test_two_formats_at_once_are_refused() -> None:
    result = CliRunner().invoke(report, ["--what", "trades", "--format", "csv", "--json"])
    assert result.exit_code == 2
    assert "--json contradicts --format csv" in result.output


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_refusal_keeps_its_threshold_beside_its_value_at_any_width(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "terminal_width", lambda: width)
    monkeypatch.setattr(tables, "_console", lambda: None)
    head = next(line for line in _call(report, "--what", "signals").splitlines() if line.startswith("Signal "))
    assert "Value" in head
    assert "Threshold" in head


@pytest.mark.usefixtures("kept")
def test_prices_have_the_decimals_of_their_tick_in_events_and_traces() -> None:
    assert "@ 60,110.0" in _call(report, "--what", "events")
    assert "@ 60,100.0 to 61,300.0 · +135.21" in _call(explain, "trade", "1")


def test_ratios_of_a_few_days_do_not_exist_in_json_either() -> None:
    figures = summary_of(report_of(sample_run()))["figures"]
    assert [figures[name] for name in ("volatility", "sharpe", "sortino", "calmar")] == [None] * 4


def test_a_run_that_did_not_finish_says_so_first() -> None:
    notes = notes_of(report_of([record for record in sample_run() if not isinstance(record, RunFinished)]))
    assert notes[0].startswith("the run did not finish")
    assert not any("did not finish" in note for note in notes_of(report_of(sample_run())))


def test_a_dumb_terminal_gets_no_escape_sequences() -> None:
    console = Console(force_terminal=True, color_system="truecolor", _environ={"TERM": "dumb"})
    drawn = tables.render_table("Title", [tables.Column("P&L", numeric=True)], [["+1.00"]], width=80, console=console)
    assert "\x1b" not in drawn
    assert "+1.00" in drawn


def test_a_page_and_tables_are_written_into_the_directory_of_the_run(kept: RunInfo) -> None:
    paths = _call(report, "--format", "html,md,csv,json").splitlines()
    assert paths[0] == str(kept.directory / "report" / "report.html")
    assert {path.rpartition("/")[2] for path in paths} >= {"report.md", "trades.csv", "signals.csv", "summary.json"}
    assert (kept.directory / "report" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_report_of_another_kind_leaves_what_the_run_wrote_as_it_is(kept: RunInfo) -> None:
    wrote = kept.directory / "summary.json"
    wrote.write_text("what the run wrote", encoding="utf-8")
    _call(report, "--format", "html,json", "--risk-free-pct", "4")
    assert wrote.read_text(encoding="utf-8") == "what the run wrote"
    written = json.loads((kept.directory / "report" / "summary.json").read_text(encoding="utf-8"))
    assert written["figures"]["risk_free"] == 0.04


@pytest.mark.usefixtures("kept")
def test_files_are_written_where_the_command_line_says(tmp_path: Path) -> None:
    (path,) = _call(report, "--format", "md", "--out", str(tmp_path / "here")).splitlines()
    assert path == str(tmp_path / "here" / "report.md")


@pytest.mark.usefixtures("kept")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(report, ["--format", "html", "--out", str(tmp_path / "file" / "under")])
    assert "expected to write in" in str(result.exception)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--format", "pdf"], "was 'pdf'"),
        (["--format", "table,html"], "a table is for the screen"),
        (["--format", "csv"], "a summary is no table"),
        (["--format", "html", "--what", "trades"], "files hold the whole report"),
        (["--format", "md", "--what", "trades"], "tells the summary"),
    ],
)
def test_formats_that_do_not_go_together_are_refused(arguments: list[str], text: str) -> None:
    result = CliRunner().invoke(report, arguments)
    assert result.exit_code == 2
    assert text in result.output


@pytest.mark.usefixtures("kept")
def test_markdown_escapes_what_would_mean_something_and_adds_up() -> None:
    text = _call(report, "--format", "md")
    assert text.startswith("## demo · paper · synthetic market\n")
    assert "| all | 2 | 50.0 | +67.93 |" in text
    assert "signals 6 = closed 2" in text


def test_a_card_is_a_picture_of_1200_by_675_pixels(kept: RunInfo) -> None:
    assert _call(report, "--format", "png").splitlines() == [str(kept.directory / "report" / "report.png")]
    data = (kept.directory / "report" / "report.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (1200, 675)
    _call(report, "--format", "png")
    assert (kept.directory / "report" / "report.png").read_bytes() == data


@pytest.mark.usefixtures("kept")
def test_without_matplotlib_the_card_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install 'atlas-trading\[charts\]'"):
        CliRunner().invoke(report, ["--format", "png"], catch_exceptions=False)


@pytest.mark.usefixtures("kept")
def test_fills_and_days_add_up_to_the_figures_of_the_run() -> None:
    fills = list(csv.DictReader(io.StringIO(_call(report, "--what", "fills", "--format", "csv"))))
    assert [(row["role"], row["trade_id"], row["price"]) for row in fills] == [
        ("entry", "1", "60110"),
        ("target", "1", "61300"),
    ]
    (day,) = csv.DictReader(io.StringIO(_call(report, "--what", "daily", "--format", "csv")))
    assert (day["change"], day["closed_trades"], day["closed_net"]) == ("135.21", "2", "67.93")


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("what", ["fills", "daily"])
def test_fills_and_days_fit_the_terminal(what: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "terminal_width", lambda: width)
    monkeypatch.setattr(tables, "_console", lambda: None)
    assert max(map(len, _call(report, "--what", what).splitlines()[2:])) <= width
