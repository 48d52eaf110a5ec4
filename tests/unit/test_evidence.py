"""What stands behind a result: checks of its profile, kept until code or bars are others, and what was tried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from atlas_core.checking import lookahead
from atlas_core.checking.findings import ComponentResult, LookaheadReport
from atlas_core.checking.keeping import (
    LOOKAHEAD,
    PARITY,
    WARMUP,
    KeptCheck,
    checks_of,
    code_now,
    keep_check,
    kept_checks,
)
from atlas_core.checking.lookahead import LookaheadPlan
from atlas_core.checking.market import RecordedMarket, record_market
from atlas_core.checking.parity import ParityReport
from atlas_core.checking.warmup import NEVER, OK, UNKNOWN, NeedResult, WarmupReport
from atlas_core.cli import results
from atlas_core.cli.main import run_command_line
from atlas_core.errors import NotFound
from atlas_core.plugins.sources import package_digest
from atlas_core.profile import Profile, open_profile
from atlas_core.report import provenance
from atlas_core.report.evidence import CheckState, Evidence, made_of_code
from atlas_core.report.provenance import changes_between, code_of, data_digest, data_rows
from atlas_core.search.ledger import Ledger
from tests.csv_run import keep_run, write_waves
from tests.search_profile import crossing

QUICK = ("--cuts", "2", "--runs", "0", "--no-fresh")


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return write_waves(tmp_path)


def states(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    capsys.readouterr()
    assert run_command_line([*arguments, "--json"]) == 0
    return {check["name"]: check["state"] for check in json.loads(capsys.readouterr().out)["checks"]}


def test_a_run_tells_which_checks_nobody_made_and_how_to_make_the_first(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_run(profile)
    text = " ".join(capsys.readouterr().out.split())
    assert f"not checked: look-ahead, warm-up, parity; begin with atlas check lookahead {profile}" in text


def test_a_check_is_told_by_the_runs_before_and_after_it_on_the_same_bars_alone(
    own_home: Path, profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_run(profile)
    assert run_command_line(["check", "lookahead", str(profile), *QUICK]) == 0
    expected = {LOOKAHEAD: "ok", WARMUP: "not checked", PARITY: "not checked"}
    assert states(capsys, "report", "1") == expected
    assert states(capsys, "backtest", str(profile)) == expected
    assert states(capsys, "backtest", str(profile), "--set", "exit.stop.pct=3")[LOOKAHEAD] == "not checked"
    write_waves(profile.parent, changed_from=2_000)
    assert states(capsys, "backtest", str(profile))[LOOKAHEAD] == "ok on other bars"
    assert len(list((own_home / "checks").rglob("look-ahead-*.json"))) == 1


def test_finer_bars_belong_to_the_bars_of_a_run_and_of_its_checks(
    own_home: Path, profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finer = ("--set", "universe.base_timeframe=5m", "--set", "universe.detail_timeframe=1m")
    keep_run(profile, *finer)
    manifest = json.loads(next(own_home.rglob("manifest.json")).read_text(encoding="utf-8"))
    assert [row["timeframe"] for row in manifest["data"]] == ["5m", "1m"]
    assert run_command_line(["check", "lookahead", str(profile), *QUICK, *finer]) == 0
    assert states(capsys, "report", "1")[LOOKAHEAD] == "ok"
    assert run_command_line(["reproduce", "1"]) == 0
    with Ledger.at(own_home) as ledger:
        assert ledger.count("waves-backtest-0001") == 1


def test_the_page_and_the_markdown_tell_what_was_proved_and_what_was_tried(
    own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = crossing(tmp_path)
    assert run_command_line(["-q", "backtest", name]) == 0
    assert run_command_line(["check", "warmup", name, "--starts", "2", "--windows", "1", "--runs", "0"]) == 0
    walk = ("sweep", name, "--set", "scanner.0.fast=3,8", "--workers", "1", "-q", "--objective", "total_return")
    for more in ((), ("--walk-forward", "20d/10d")):
        assert run_command_line([*walk, *more]) == 0
    capsys.readouterr()
    assert run_command_line(["report", "1", "--format", "html,md", "--out", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8").split('id="robustness"')[1]
    for text in (
        "What was proved",
        "not checked",
        "<code>atlas parity crossing.toml</code>",
        "all that is declared suffices",
    ):
        assert text in page
    for text in ("crossing-sweep-0001", "best Total return", "walk-forward 20d/10d, grid", "out of sample, joined"):
        assert text in page
    assert "crossing-sweep-0002, walk-forward 20d/10d, grid: " in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_back_test_counts_before_anybody_has_seen_it(
    own_home: Path, profile: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(*_arguments: object, **_options: object) -> None:
        raise NotFound("nobody reads any further")

    with monkeypatch.context() as patch:
        patch.setattr(results, "print_report", closed)
        run_command_line(["-q", "backtest", str(profile)])
    with Ledger.at(own_home) as ledger:
        assert ledger.count("waves-backtest-0001") == 1
    keep_run(profile, "--set", "exit.stop.pct=3")
    assert "2 systems were tried on this data, this one among them" in " ".join(capsys.readouterr().out.split())
    assert states(capsys, "backtest", str(profile), "--set", "exit.stop.pct=4")[PARITY] == "not checked"
    keep_run(profile, "--set", "exit.stop.pct=4", "--json")
    assert json.loads(capsys.readouterr().out)["systems_tried"] == 3


def kept(name: str = LOOKAHEAD, **changes: Any) -> KeptCheck:
    facts: dict[str, Any] = {
        "name": name, "profile": "p", "code": "c", "data": "d", "begins": 0, "ends": 60_000_000_000, "made_at": 1,
        "is_clean": True, "told": "nothing",
    }  # fmt: skip
    return KeptCheck(**{**facts, **changes})


@pytest.mark.parametrize(
    ("known", "state"),
    [
        ([], CheckState.NOT_CHECKED),
        ([kept()], CheckState.OK),
        ([kept(is_clean=False)], CheckState.FAILED),
        ([kept(is_clean=False), kept(made_at=2)], CheckState.OK),
        ([kept(data="e")], CheckState.OK_ELSEWHERE),
        ([kept(data="e", is_clean=False)], CheckState.FAILED_ELSEWHERE),
        ([kept(), kept(data="e", is_clean=False, made_at=2)], CheckState.OK),
        ([kept(code="other")], CheckState.NOT_CHECKED),
        ([kept(WARMUP)], CheckState.NOT_CHECKED),
        ([kept(is_enough=False)], CheckState.TOO_LITTLE),
        ([kept(is_enough=False, is_clean=False)], CheckState.FAILED),
        ([kept(data="e"), kept(is_enough=False, made_at=2)], CheckState.OK_ELSEWHERE),
    ],
)
def test_a_check_counts_for_the_code_and_the_bars_that_it_was_made_with(
    known: list[KeptCheck], state: CheckState
) -> None:
    first, *_ = checks_of(known, code="c", data="d", arguments="demo")
    assert (first.name, first.state, first.command) == (LOOKAHEAD, state, "atlas check lookahead demo")


def test_a_check_that_had_nothing_to_look_at_proves_nothing_and_says_so() -> None:
    known = Evidence(checks=checks_of([kept(is_enough=False)], code="c", data="d", arguments="demo"))
    assert known.notes()[0] == "checked: look-ahead too little to tell"


def test_a_check_counts_for_the_code_that_was_there_when_it_began(
    own_home: Path, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edited_meanwhile(loaded: Profile, market: RecordedMarket, _plan: LookaheadPlan) -> LookaheadReport:
        monkeypatch.setattr(provenance, "package_digest", lambda _package: "edited")
        return LookaheadReport(
            profile=loaded.name, symbols=(), start=market.start, end=market.end, components=(), scans=0, runs=0
        )

    monkeypatch.setattr(lookahead, "check_lookahead", edited_meanwhile)
    loaded, _ = open_profile(profile)
    code = code_now(loaded)
    assert run_command_line(["check", "lookahead", str(profile), *QUICK]) == 0
    assert [check.code for check in kept_checks(own_home, loaded.digest)] == [code]


def test_a_parity_that_lets_times_differ_is_not_kept_as_one_of_all_decisions(own_home: Path, profile: Path) -> None:
    span = ("--to", "2026-01-03")
    for more, count in ((("--tolerance", "60"), 0), ((), 1)):
        run_command_line(["parity", str(profile), *span, *more])
        assert len(list((own_home / "checks").rglob("*.json"))) == count


def test_a_run_that_does_not_tell_its_code_or_its_bars_is_proved_by_nothing_made_on_others() -> None:
    unknown = checks_of([kept(code="")], code="", data="d", arguments="")[0]
    assert unknown.state is CheckState.NOT_CHECKED
    assert unknown.told.startswith("the run does not tell its code, which may be another than when it was checked")
    assert checks_of([kept(data="")], code="c", data="", arguments="")[0].state is CheckState.OK_BEFORE
    assert made_of_code({"made_of": {}}, "0.1.0") == ""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Profile, RecordedMarket]:
    loaded, _ = open_profile(write_waves(tmp_path_factory.mktemp("waves")))
    return loaded, record_market(loaded)


def test_every_kind_of_check_is_kept_in_words(tmp_path: Path, recorded: tuple[Profile, RecordedMarket]) -> None:
    profile, market = recorded
    head: dict[str, Any] = {"profile": "p", "symbols": ("X",), "start": 0, "end": 1}
    need = NeedResult(component="scanner s", timeframe="1h", declared=2, needed=1, bars=9, verdict=OK)
    part = ComponentResult(component="scanner s", use="s", compared=3)
    needs = (need, evolve(need, verdict=NEVER), evolve(need, timeframe="1d", verdict=UNKNOWN))
    for report in (
        LookaheadReport(**head, components=(part,), scans=2, runs=1),
        WarmupReport(**head, needs=needs, findings=()),
        ParityReport(**head, counts=(), departures=()),
    ):
        keep_check(tmp_path, profile, market, report, made_at=5, code="c")
    found = {check.name: check for check in kept_checks(tmp_path, profile.digest)}
    assert found[LOOKAHEAD].told == (
        "nothing depends on the future; 3 answers held against 2 scans and 1 runs without their future"
    )
    assert found[WARMUP].told == "too late: scanner s on 1h; too few bars to tell: scanner s on 1d"
    assert [found[name].is_clean for name in (LOOKAHEAD, WARMUP, PARITY)] == [True, False, True]
    assert [found[name].is_enough for name in (LOOKAHEAD, WARMUP, PARITY)] == [True, False, False]
    assert found[PARITY].data == data_digest(data_rows(market.bars.values()))
    (tmp_path / "checks" / profile.digest[:16] / "damaged.json").write_text("{", encoding="utf-8")
    assert len(kept_checks(tmp_path, profile.digest)) == 3


def test_a_home_that_cannot_be_written_costs_the_result_and_not_the_check(
    tmp_path: Path, recorded: tuple[Profile, RecordedMarket]
) -> None:
    (tmp_path / "checks").write_text("a file where a folder is expected", encoding="utf-8")
    report = ParityReport(profile="p", symbols=(), start=0, end=1, counts=(), departures=())
    keep_check(tmp_path, *recorded, report, made_at=5, code="c")
    assert kept_checks(tmp_path, recorded[0].digest) == ()


def test_the_digest_of_a_package_follows_its_sources_also_of_a_module_that_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    source = tmp_path / "lone_plugin_of_a_test.py"
    source.write_text("A = 1\n", encoding="utf-8")
    before = package_digest("lone_plugin_of_a_test")
    assert before == package_digest("lone_plugin_of_a_test")
    source.write_text("A = 2\n", encoding="utf-8")
    assert before != package_digest("lone_plugin_of_a_test")
    assert package_digest("no_such_package_anywhere") == package_digest("no.such.package")


def test_code_that_changed_without_a_new_version_is_told(recorded: tuple[Profile, RecordedMarket]) -> None:
    code = code_of(recorded[0])
    assert set(code) == {"atlas_basics", "atlas_sim"}
    then, now = ({"made_of": {"code": made}} for made in (code, {**code, "atlas_sim": "other"}))
    assert changes_between(then, now) == ["code of atlas_sim: other sources than then"]
    assert changes_between(then, {"made_of": {}}) == []
