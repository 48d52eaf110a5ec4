"""What stopped signals would have made: followed by hand on few bars, and never by what came before the verdict."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.cli.main import run_command_line
from atlas_core.model.bars import Bars, bars_of_rows
from atlas_core.model.decisions import Outcome
from atlas_core.model.records import Record, SignalTriggered
from atlas_core.model.signals import FOREVER, EntryKind, Side
from atlas_core.model.timeframe import DAY, MINUTE, parse_timeframe
from atlas_core.report.hindsight import HORIZON_BARS, Ending, Later, all_later, grouped_later, later_outcomes
from tests.csv_run import keep_run, write_waves
from tests.sample_run import START, detected, verdict

Row = tuple[float, float, float, float]
"""Open, high, low and close of one minute; the verdict falls at the end of the first one."""

FLAT: Row = (100, 100, 100, 100)
KEY = "sig-1"


def bars(rows: list[Row]) -> Bars:
    lines = [(START + place * MINUTE, *map(float, row), 1.0) for place, row in enumerate(rows)]
    return bars_of_rows("X", parse_timeframe("1m"), lines)


def records(outcome: Outcome = Outcome.REFUSED, at: int = 1, **changes: Any) -> list[Record]:
    facts: dict[str, Any] = {
        "symbol": "X", "timeframe": "1m", "valid_until": FOREVER, "trigger": Decimal(102), "stop": Decimal(100),
        "target": Decimal(106),
    }  # fmt: skip
    facts |= changes
    return [
        detected(KEY, START + at * MINUTE, **facts),
        verdict(KEY, START + at * MINUTE, outcome, "quality", "too small"),
    ]


def later(rows: list[Row], **changes: Any) -> Later:
    (found,) = later_outcomes(records(**changes), {"X": bars([FLAT, *rows])})
    return found


SHORT = {"side": Side.SHORT, "trigger": Decimal(98), "stop": Decimal(100), "target": Decimal(94)}
UP: Row = (101, 103, 101, 103)


@pytest.mark.parametrize(
    ("rows", "changes", "ending", "multiple"),
    [
        ([FLAT, UP, (103, 107, 102, 106)], {}, Ending.TARGET, 2.0),
        ([FLAT, UP, (103, 103, 99, 100)], {}, Ending.STOP, -1.0),
        ([UP, (98, 99, 97, 98)], {}, Ending.STOP, -2.0),  # a gap beyond the stop
        ([UP, (103, 107, 99, 100)], {}, Ending.UNCLEAR, -1.0),  # both in one bar
        ([(101, 103, 99, 102), UP], {}, Ending.UNCLEAR, -1.0),  # the stop in the bar of the entry
        ([(101, 107, 101, 107)], {}, Ending.TARGET, 2.0),  # through the trigger to the target
        ([(104, 104, 103, 103), (103, 106, 103, 106)], {}, Ending.TARGET, 0.5),  # a gap beyond the trigger
        ([UP] + [(103, 104, 103, 104)] * 30, {}, Ending.NEITHER, 1.0),
        ([UP, (103, 104, 103, 104)], {}, Ending.CUT_OFF, 1.0),
        ([(101, 102, 101, 102)] * 3, {}, Ending.NOT_ENTERED, None),  # strictly beyond
        ([(101, 102, 101, 102), UP], {"valid_until": START + 2 * MINUTE}, Ending.NOT_ENTERED, None),
        ([(99, 99, 98, 98), UP], {"cancel_beyond": Decimal(99)}, Ending.NOT_ENTERED, None),
        ([(106, 107, 106, 107)], {"void_beyond": Decimal(106)}, Ending.NOT_ENTERED, None),
        ([(101, 101, 99, 99), (99, 107, 99, 107)], {"trigger": None, "stop": Decimal(98)}, Ending.TARGET, 5 / 3),
        ([(101, 102, 101, 101), (101, 107, 101, 107)], {"entry": EntryKind.LIMIT, "trigger": Decimal(101)},
         Ending.TARGET, 5.0),
        ([(103, 107, 101, 103), (103, 103, 103, 103)], {"entry": EntryKind.LIMIT}, Ending.CUT_OFF, 0.5),  # high before
        ([(99, 107, 99, 107)], {"entry": EntryKind.LIMIT, "cancel_beyond": Decimal(100)}, Ending.NOT_ENTERED, None),
        ([(99, 99, 97, 97), (97, 97, 94, 94)], SHORT, Ending.TARGET, 2.0),
        ([(99, 99, 97, 97), (97, 101, 97, 101)], SHORT, Ending.STOP, -1.0),
        ([UP, (103, 120, 90, 110)], {"stop": None, "target": None}, Ending.CUT_OFF, None),
    ],
)  # fmt: skip
def test_a_stopped_signal_is_followed_to_its_end(
    rows: list[Row], changes: dict[str, Any], ending: Ending, multiple: float | None
) -> None:
    found = later(rows, **changes)
    assert found.ending is ending
    assert found.r_multiple == (None if multiple is None else pytest.approx(multiple))


def test_a_signal_that_was_stopped_at_its_trigger_is_followed_from_there() -> None:
    told = records()
    told.insert(1, SignalTriggered(key=KEY, ts=START + MINUTE, price=Decimal(103)))
    (found,) = later_outcomes(told, {"X": bars([UP, (103, 107, 103, 107)])})
    assert (found.entry, found.entered_at, found.ending) == (103.0, START + MINUTE, Ending.TARGET)
    assert found.change == pytest.approx(3 / 103)


@pytest.mark.parametrize(
    ("rows", "price", "ending", "multiple"),
    [
        ([(101, 103, 99, 102), (102, 107, 102, 107)], 102, Ending.UNCLEAR, -1.0),  # the stop in the bar of the trigger
        ([(101, 107, 101, 103), (103, 103, 99, 99)], 102, Ending.TARGET, 2.0),  # the target in it, after the trigger
        ([(101, 103, 101, 103), (98, 107, 98, 107)], 102, Ending.UNCLEAR, -2.0),  # a gap beyond the stop after it
        ([(101, 102, 99, 102), (103, 107, 103, 107)], 103, Ending.TARGET, 1.0),  # at the open of the next one
    ],
)
def test_a_signal_that_was_stopped_at_a_trigger_in_a_bar_counts_what_that_bar_touched(
    rows: list[Row], price: int, ending: Ending, multiple: float
) -> None:
    found, refused = records()
    at = START + 2 * MINUTE
    told = [found, SignalTriggered(key=KEY, ts=at, price=Decimal(price)), evolve(refused, ts=at)]
    (made,) = later_outcomes(told, {"X": bars([FLAT, *rows])})
    assert made.ending is ending
    assert made.r_multiple == pytest.approx(multiple)


def test_a_signal_that_is_entered_before_a_pause_of_the_market_is_followed_behind_it() -> None:
    times = [START, START + MINUTE, START + 2 * MINUTE, START + DAY]
    rows: list[Row] = [FLAT, UP, (103, 103, 103, 103), (103, 103, 99, 99)]
    lines = [(at, *row, 1.0) for at, row in zip(times, rows, strict=True)]
    told = records(at=3, trigger=None)
    told.insert(1, SignalTriggered(key=KEY, ts=START + 3 * MINUTE, price=Decimal(103)))
    (found,) = later_outcomes(told, {"X": bars_of_rows("X", parse_timeframe("1m"), lines)})
    assert (found.ending, found.exit) == (Ending.STOP, 100.0)


def test_a_signal_of_the_last_bar_before_a_pause_waits_for_the_bars_behind_it() -> None:
    rows: list[Row] = [FLAT, (101, 103, 101, 103), (103, 107, 103, 107)]
    times = [START, START + DAY, START + DAY + MINUTE]
    lines = [(at, *row, 1.0) for at, row in zip(times, rows, strict=True)]
    (found,) = later_outcomes(records(), {"X": bars_of_rows("X", parse_timeframe("1m"), lines)})
    assert (found.ending, found.entered_at) == (Ending.TARGET, START + DAY + MINUTE)


def test_what_the_market_ended_is_no_decision_to_judge() -> None:
    for outcome in (Outcome.EXPIRED, Outcome.INVALIDATED, Outcome.VOID_GAP, Outcome.CLOSED):
        assert later_outcomes(records(outcome), {"X": bars([FLAT, UP])}) == ()
    assert later_outcomes(records(), {"Y": bars([FLAT])}) == ()


def test_signals_are_counted_by_who_stopped_them_and_add_up() -> None:
    won, lost = later([UP, (103, 107, 103, 107)]), later([UP, (103, 103, 99, 99)])
    missed = later([FLAT])
    (group,) = grouped_later([won, lost, missed])
    assert (group.by, group.count, group.entered) == ("quality", 3, 2)
    assert (group.r_total, group.r_each) == (pytest.approx(1.0), pytest.approx(0.5))
    assert (group.target, group.stop, group.unclear, group.neither) == (1, 1, 0, 0)
    assert all_later([won, lost, missed]).count == 3
    assert all_later([missed]).r_each is None


MOVES = st.lists(st.tuples(*[st.integers(90, 112)] * 4), min_size=2, max_size=50)


@given(MOVES, st.integers(1, 20), st.booleans(), st.sampled_from(list(EntryKind)))
def test_nothing_before_the_verdict_and_nothing_behind_the_horizon_counts(
    moves: list[tuple[int, int, int, int]], at: int, is_long: bool, kind: EntryKind
) -> None:
    rows: list[Row] = [(a, max(a, b, c, d), min(a, b, c, d), d) for a, b, c, d in moves]
    told = records(at=at, entry=kind, **({} if is_long else SHORT))
    whole = later_outcomes(told, {"X": bars(rows)})
    others = [(1.0, 1.0, 1.0, 1.0)] * min(at, len(rows)) + rows[at:]
    assert later_outcomes(told, {"X": bars(others)}) == whole
    last = at + 2 * HORIZON_BARS
    absurd: list[Row] = [(500.0, 500.0, 1.0, 1.0)] * max(0, len(rows) - last)
    assert later_outcomes(told, {"X": bars(rows[:last] + absurd)}) == whole
    for found in whole:
        if found.entered_at is not None:
            assert found.entered_at >= found.stopped_at
            assert np.isfinite(found.exit or 0.0)
        if found.ending is Ending.STOP and found.r_multiple is not None:
            assert found.r_multiple < 0


@pytest.fixture
def kept(own_home: Path) -> Path:
    """Keep a run whose gates refuse signals."""
    assert run_command_line(["-q", "backtest", "demo", "--symbol", "BTC-PERP", "--to", "2026-04-07"]) == 0
    return own_home


def test_every_screen_of_a_run_tells_what_its_refused_signals_would_have_made(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*arguments: str) -> str:
        capsys.readouterr()
        assert run_command_line(arguments) == 0
        return capsys.readouterr().out

    rows = json.loads(told("report", "--what", "refused", "--json"))["refused"]
    reached = [row for row in rows if row["ending"] == "target first"]
    assert kept.is_dir()
    assert reached
    assert len(told("report", "--what", "refused", "--format", "csv").splitlines()) == len(rows) + 1
    screen = " ".join(told("report", "--what", "refused", "--all").split())
    assert f"all {len(rows)} " in screen
    assert "without costs, size, limits and exit rules" in screen
    key = reached[0]["key"]
    assert "Afterwards: target first at 2026-04-" in " ".join(told("explain", "signal", key).split())
    assert json.loads(told("explain", "signal", key, "--json"))["later"] == reached[0]
    told("report", "--format", "html", "--out", str(tmp_path))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f'<td class="num">{len(rows):,}</td>' in page.split("What they would have made")[1].split("</table>")[0]


def test_bars_that_are_others_than_then_are_not_looked_at_in_silence(
    own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_run(write_waves(tmp_path))
    asked = ["report", "--what", "refused", "--format", "csv"]
    run_command_line(asked)  # it has its journal now
    capsys.readouterr()
    assert run_command_line(asked) == 0
    assert not capsys.readouterr().err
    write_waves(tmp_path, changed_from=2_000)
    assert run_command_line(asked) == 0
    assert capsys.readouterr().err.startswith("The bars are not those of the run any more")


def test_without_the_market_nothing_is_said_of_later(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for manifest in kept.rglob("manifest.json"):
        manifest.unlink()
    assert run_command_line(["report", "--what", "refused"]) != 0
    assert "bars of this run could not be read again" in capsys.readouterr().err
    assert run_command_line(["report", "--what", "signals", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["signals"]
    refused = next(row["key"] for row in rows if row["state"] == "refused")
    assert run_command_line(["explain", "signal", refused, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["later"] is None
