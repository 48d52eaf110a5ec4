"""`atlas strat` on files: what it prints for machines and for people, and how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from atlas_core.cli import tables
from atlas_core.cli.main import run_command_line
from tests.plugins.strat.test_shared_vectors import same
from tests.plugins.strat.vectors import vectors
from tests.shared import shared_file

Output = pytest.CaptureFixture[str]
Call = Callable[..., Any]


@pytest.fixture
def told(capsys: Output) -> Call:
    """Run `atlas strat` with --json and return the document."""

    def run(*arguments: str) -> Any:
        assert run_command_line(["strat", *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def data(name: str) -> str:
    return str(shared_file(f"cases/data/{name}"))


def written(folder: Path, rows: Sequence[Sequence[float | str]], name: str = "X.csv", start: str = "2024-01-01") -> str:
    """Write daily bars of January 2024 and return the path."""
    first = int(start[-2:])
    lines = [",".join(map(str, [f"2024-01-{first + place:02d}", *row, 1])) for place, row in enumerate(rows)]
    (folder / name).write_text("\n".join(["time,open,high,low,close,volume", *lines]) + "\n")
    return str(folder / name)


TWO_ONE = [[100, 110, 95, 98], [98, 105, 90, 92], [95, 102, 94, 100]]


def test_label_says_of_a_real_series_what_other_implementations_say(told: Call) -> None:
    for dataset in vectors("09_cross_patterns.json")["datasets"].values():
        rows = told("label", data(dataset["csv"]))
        completed = {place: row for place, row in enumerate(rows) if row["pattern"] is not None}
        assert list(completed) == [expected[0] for expected in dataset["rows"]]
        for place, _, *expected in (row[:9] for row in dataset["rows"]):
            row = completed[place]
            names = ("pattern", "family", "kind", "direction", "trigger", "stop", "magnitude")
            assert all(map(same, expected, (row[name] for name in names))), row


TIMEFRAMES = {"60": "1h", "240": "4h", "D": "1d", "W": "1w", "Q": "3M"}


def test_bars_and_labels_of_every_timeframe_are_those_of_the_session_and_not_of_the_clock(told: Call) -> None:
    cases = [case for case in vectors("06_timeframes.json")["cases"] if not case.get("rows_from")]
    assert len(cases) > 3
    for case in cases:
        text = case["timeframe"]
        timeframe = TIMEFRAMES.get(text, f"{text}m" if text.isdigit() else text)
        session = "24x7" if "btc" in case["source_csv"] else "us-equities"
        rows = told("label", data(case["source_csv"]), "--session", session, "--timeframe", timeframe)
        expected = case["rows"][: len(rows)]
        assert len(case["rows"]) - len(rows) <= 1, case["id"]  # a last bucket that the file does not fill is no bar yet
        assert [[row[name] for name in ("open", "high", "low", "close")] for row in rows] == [
            pytest.approx(row[2:6]) for row in expected
        ], case["id"]
        assert [row["label"] for row in rows] == case["labels"][: len(rows)], case["id"]


def test_the_real_continuity_vectors_hold_with_days_beside_minutes(told: Call) -> None:
    files = [f"SPY={data(name)}" for name in ("spy_1min_2013-10-04_11.csv", "spy_daily_2010_2013.csv")]
    named = {"Y": "12M", "Q": "3M", "M": "1M", "W": "1w", "D": "1d", "60": "1h", "30": "30m", "15": "15m"}
    said = vectors("05_ftfc.json")
    sets = {name: said["standard_sets"][name] for name in ("standard", "intraday", "investing")}
    asked = [frame for frame in named if any(frame in frames for frames in sets.values())]
    for case in said["real_spy_2013"]["cases"]:
        (found,) = told(
            "continuity", *files, "--session", "us-equities", "--at", new_york(case["now"]),
            "--timeframes", ",".join(named[frame] for frame in asked),
        )  # fmt: skip
        assert found["price"] == case["last"]
        assert [each["timeframe"] for each in found["timeframes"]] == [named[frame] for frame in asked]
        by_frame = dict(zip(asked, found["timeframes"], strict=True))
        for name, frames in sets.items():
            of_set = [by_frame[frame] for frame in frames if frame in named]
            expected_opens = [case["opens"][frame] for frame in frames if frame in named]
            assert [each["open"] for each in of_set] == expected_opens, (case["now"], name)
            signs = [{"up": 1, "down": -1, "flat": 0}[each["side"]] for each in of_set]
            assert signs == case["expect"][name]["signs"][: len(signs)]


def new_york(now: str) -> str:
    """Write a time of New York in October as UTC."""
    day, clock = now.split()
    hours, minutes = clock.split(":")
    return f"{day}T{int(hours) + 4:02d}:{minutes}:00Z"


def test_setups_tell_what_the_last_bar_armed(told: Call, tmp_path: Path) -> None:
    rows = told("setups", written(tmp_path, TWO_ONE))
    assert [(row["pattern"], row["direction"], row["state"]) for row in rows] == [
        ("2D-1-2U", "bullish", "ARMED"),
        ("2D-1-2D", "bearish", "ARMED"),
    ]
    expected = {
        "time": "2024-01-03T00:00:00Z",
        "armed_at": "2024-01-04T00:00:00Z",
        "valid_until": "2024-01-05T00:00:00Z",
        "trigger": 102,
        "stop": 94,
        "magnitude": 105,
        "ladder": [105, 110],
    }
    assert {name: rows[0][name] for name in expected} == expected


def test_setups_tell_how_each_one_ended(told: Call, tmp_path: Path) -> None:
    rows = told("setups", written(tmp_path, [*TWO_ONE, [101, 106, 96, 104]]), "--last", "2")
    assert [(row["pattern"], row["state"], row["fill"]) for row in rows[:2]] == [
        ("2D-1-2U", "TARGET_HIT", 103),
        ("2D-1-2D", "CANCELLED", None),
    ]


def test_a_bar_that_took_both_sides_is_one_ambiguous_entry(told: Call, tmp_path: Path) -> None:
    rows = told("setups", written(tmp_path, [*TWO_ONE, [101, 103, 93, 95]]), "--last", "2")
    assert [(row["state"], row["fill"], row["ambiguous"]) for row in rows[:2]] == [
        ("FAILED", 103, True),
        ("CANCELLED", None, True),
    ]


def test_finer_bars_of_the_file_tell_what_came_first(told: Call, tmp_path: Path) -> None:
    hours = [row for row in TWO_ONE for _ in range(1)]
    lines = ["time,open,high,low,close,volume"]
    for day, (o, high, low, c) in enumerate(hours, start=1):
        parts = [[o, high, o, high], [high, high, low, low], [low, max(low, c), low, c]]
        lines += [
            f"2024-01-{day:02d}T{8 * place:02d}:00:00Z,{a},{b},{d},{e},1" for place, (a, b, d, e) in enumerate(parts)
        ]
    down_first = [[100, 101, 93, 95], [95, 103, 95, 103]]
    lines += [f"2024-01-04T{8 * place:02d}:00:00Z,{a},{b},{d},{e},1" for place, (a, b, d, e) in enumerate(down_first)]
    path = tmp_path / "X.csv"
    path.write_text("\n".join([*lines, "2024-01-04T16:00:00Z,103,103,99,100,1"]) + "\n")
    rows = told("setups", str(path), "--timeframe", "1d", "--last", "2")
    assert [(row["state"], row["fill"], row["ambiguous"]) for row in rows[:2]] == [
        ("CANCELLED", None, False),
        ("FAILED", 93, False),
    ]
    (last,) = told("label", str(path), "--timeframe", "1d", "--last", "1")
    assert (last["pattern"], last["first_side"], last["direction_source"]) == ("1-3U", "low", "path")


def test_a_setup_whose_bar_still_forms_is_followed_by_the_finer_bars(told: Call, tmp_path: Path) -> None:
    lines = ["time,open,high,low,close,volume"]
    for day, (o, high, low, c) in enumerate(TWO_ONE, start=1):
        lines += [
            f"2024-01-{day:02d}T00:00:00Z,{o},{high},{low},{c},1",
            f"2024-01-{day:02d}T12:00:00Z,{c},{c},{c},{c},1",
        ]
    path = tmp_path / "X.csv"
    path.write_text("\n".join([*lines, "2024-01-04T00:00:00Z,101,103,100,102.5,1"]) + "\n")
    rows = told("setups", str(path), "--timeframe", "1d")
    assert [(row["pattern"], row["state"], row["fill"]) for row in rows] == [
        ("2D-1-2U", "IN_FORCE", 102.1),
        ("2D-1-2D", "CANCELLED", None),
    ]
    assert rows[0]["time_left"] == {"minutes": 720, "fraction": 0.5}
    assert rows[0]["exhaustion"] == {
        "magnitude_reached": False, "pivots_cleared": 0, "pivots": 2, "is_exhausted": False,
    }  # fmt: skip
    assert (rows[1]["time_left"], rows[1]["exhaustion"]) == (None, None)


def test_breaks_count_the_files_that_have_the_newest_bar(told: Call, tmp_path: Path) -> None:
    broke = [[100, 110, 95, 98], [98, 105, 90, 92], [93, 106, 91, 105]]
    files = [
        written(tmp_path, broke, "A.csv"),
        written(tmp_path, [*broke[:2], [93, 104, 91, 95]], "B.csv"),
        written(tmp_path, broke[:2], "C.csv"),
    ]
    facts = told("breaks", *files)
    assert facts["up"] == {"count": 1, "pct": 0.5, "symbols": ["A"]}
    assert (facts["with_data"], facts["without_data"], facts["label_80"]) == (2, ["C"], False)
    assert told("breaks", *files, "--strict-setup-bar")["up"]["count"] == 0


def test_the_map_tells_a_run_of_pivots(told: Call, tmp_path: Path) -> None:
    rising = [[10 + step, 12 + step, 9 + step, 11 + step] for step in range(6)]
    facts = told("map", written(tmp_path, rising))
    assert [gun["direction"] for gun in facts["machine_guns"]] == ["bearish"]
    assert facts["machine_guns"][0]["ladder"] == [13, 12, 11, 10, 9]
    assert facts["broadening"] is None


def test_rows_that_are_no_bars_are_left_out_and_refused_with_strict(told: Call, tmp_path: Path, capsys: Output) -> None:
    path = written(tmp_path, [[100, 110, 90, 105], ["", "", "", ""], [105, 111, 95, 110]])
    assert [row["label"] for row in told("label", path)] == [None, "2U"]
    assert run_command_line(["strat", "label", path, "--strict"]) == 4
    assert "repair the file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["label", "nowhere.csv"], 4, "expected a file of bars"),
        (["label", "{file}", "--timeframe", "1x"], 2, "expected a timeframe such as"),
        (["label", "{file}", "--timeframe", "1h"], 4, "1h"),
        (["label", "{file}", "--session", "tokyo"], 2, "us-equities"),
        (["label", "{file}", "--zone", "Mars/Olympus"], 2, "expected a zone"),
        (["setups", "{file}", "--stop-mode", "entry_bar"], 2, "known only when the bar after the setup is"),
        (["continuity", "{file}", "--at", "2023-01-01"], 4, "had closed by the time asked for"),
        (["breaks", "{file}", "{file}"], 2, "expected one file for each symbol"),
        (["breaks"], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_done_ends_with_its_code_and_says_what_was_expected(
    arguments: list[str], code: int, said: str, tmp_path: Path, capsys: Output
) -> None:
    path = written(tmp_path, TWO_ONE)
    assert run_command_line(["strat", *(argument.format(file=path) for argument in arguments)]) == code
    answer = capsys.readouterr()
    assert said in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ["label", "setups", "continuity", "breaks", "map"])
def test_tables_fit_the_terminal(command: str, width: int, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "terminal_width", lambda: width)
    monkeypatch.setattr(tables, "_console", lambda: None)
    options = ["--timeframes", "1M,1w,1d"] if command == "continuity" else []
    assert run_command_line(["strat", command, data("goog_daily.csv"), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert [text for text in lines if len(text) > width] == []
