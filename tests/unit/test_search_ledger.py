"""The ledger of all trials: it only grows, and counts each system once on data that overlap."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from attrs import evolve

from atlas_core.errors import AtlasError
from atlas_core.search.ledger import LEDGER_NAME, DataOfSymbol, DataSet, Ledger, Trial, TrialStatus


def data(identity: str, begins: int, ends: int, origin: str = "o", symbol: str = "X") -> DataSet:
    return DataSet(identity=identity, origin=origin, symbols=(DataOfSymbol(symbol=symbol, begins=begins, ends=ends),))


def trial(number: int, system: str, on: DataSet, sharpe: float | None = 1.0, part: str = "") -> Trial:
    return Trial(
        number=number, part=part, settings=(("a", str(number)),), status=TrialStatus.FINISHED, data=on, system=system,
        figures={"sharpe": sharpe}, curve=((1, 100.0), (2, 101.5)), seconds=0.5,
    )  # fmt: skip


JANUARY = data("january", 0, 31)


def test_a_trial_is_read_as_it_was_kept(tmp_path: Path) -> None:
    kept = [trial(1, "s", JANUARY), trial(0, "t", data("other", 5, 9), None, "train 1")]
    with Ledger.at(tmp_path) as ledger:
        ledger.add("one", kept, made_at=5)
    with Ledger.at(tmp_path) as ledger:
        assert ledger.trials("one") == tuple(evolve(each, curve=()) for each in kept)
        assert ledger.trials("one", "train 1") == (evolve(kept[1], curve=()),)
        assert [ledger.curve("one", each) for each in kept] == [each.curve for each in kept]
        assert ledger.curve("two", kept[0]) == ()
        assert ledger.trials("two") == ()
        assert ledger.count("one") == 2


def test_a_trial_that_was_made_stays_as_it_is(tmp_path: Path) -> None:
    with Ledger.at(tmp_path) as ledger:
        ledger.add("one", [trial(1, "s", JANUARY)], made_at=5)
        ledger.add("one", [evolve(trial(1, "s", JANUARY), reason="another")], made_at=6)
        assert ledger.trials("one") == (evolve(trial(1, "s", JANUARY), curve=()),)
    connection = sqlite3.connect(tmp_path / "sweeps" / LEDGER_NAME)
    for statement in ("DELETE FROM trials", "UPDATE trials SET status = 'failed'"):
        with pytest.raises(sqlite3.IntegrityError, match="stays"):
            connection.execute(statement)
    connection.close()


def test_each_system_counts_once_on_data_that_overlap(tmp_path: Path) -> None:
    trials = [
        trial(0, "a", JANUARY, 1.0),
        trial(1, "a", data("half", 15, 31), 9.0),
        trial(2, "b", data("half", 15, 31), 2.0),
        trial(3, "c", data("february", 31, 59), 3.0),
        trial(4, "d", data("of another market", 0, 31, origin="p"), 4.0),
        trial(5, "e", data("of another symbol", 0, 31, symbol="Y"), 5.0),
        evolve(trial(6, "f", JANUARY), status=TrialStatus.FAILED),
        trial(7, "g", JANUARY, None),
    ]
    with Ledger.at(tmp_path) as ledger:
        ledger.add("one", trials[::2], made_at=5)
        ledger.add("two", trials[1::2], made_at=6)
        assert sorted(ledger.sharpes_on("january"), key=str) == [1.0, 2.0, None]
        assert ledger.sharpes_on("february") == (3.0,)


def test_a_ledger_of_a_newer_atlas_is_left_alone(tmp_path: Path) -> None:
    Ledger.at(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "sweeps" / LEDGER_NAME)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(AtlasError, match="a newer Atlas wrote it"):
        Ledger.at(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "sweeps").write_text("a file")
    with pytest.raises(AtlasError, match=r"expected to keep trials in .*trials\.db"):
        Ledger.at(tmp_path)
