from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from atlas_core.errors import AtlasError, NotFound
from atlas_core.runs import Mode
from atlas_core.runstore import RunStore, is_continuing
from atlas_core.statedir import StateDirectory


def test_a_run_is_kept_below_its_profile_and_mode(tmp_path: Path) -> None:
    run = RunStore(tmp_path).create("demo", Mode.PAPER, True)
    assert run.run_id == "demo-paper-0001"
    assert run.directory == tmp_path / "runs" / "demo" / "paper" / "demo-paper-0001"
    assert run.directory.is_dir()


def test_runs_are_numbered_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    made = [store.create("demo", Mode.PAPER, True), store.create("other", Mode.BACKTEST, False)]
    made.append(store.create("demo", Mode.PAPER, True))
    assert [run.run_id for run in made] == ["demo-paper-0001", "other-backtest-0002", "demo-paper-0003"]
    assert store.all() == tuple(made)


def test_the_latest_run_is_found_without_a_name(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.create("zebra", Mode.PAPER, True)
    last = store.create("ant", Mode.BACKTEST, False)
    assert store.find() == store.find("latest") == last


def test_a_run_is_found_by_its_id_and_by_its_number(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    first = store.create("demo", Mode.PAPER, True)
    store.create("demo", Mode.PAPER, True)
    assert store.find("demo-paper-0001") == store.find("1") == first


def test_an_unknown_run_names_the_latest_ones(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    with pytest.raises(NotFound, match="start one: atlas run demo"):
        store.find()
    store.create("demo", Mode.PAPER, True)
    with pytest.raises(NotFound, match="was 'nope'; the latest are demo-paper-0001"):
        store.find("nope")


def test_simultaneous_starts_receive_different_runs(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: store.create("demo", Mode.PAPER, True), range(24)))
    assert len({run.directory for run in made}) == 24


def test_what_is_not_a_run_is_left_alone(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    (tmp_path / "runs" / "demo" / "paper" / "demo-paper-0007").mkdir(parents=True)
    (tmp_path / "runs" / "notes.txt").write_text("mine")
    assert store.all() == ()
    assert store.create("demo", Mode.PAPER, True).run_id == "demo-paper-0008"


def test_a_name_cannot_leave_the_home(tmp_path: Path) -> None:
    run = RunStore(tmp_path).create("../../etc/passwd", Mode.PAPER, False)
    assert tmp_path / "runs" in run.directory.resolve().parents
    assert run.profile == "../../etc/passwd"


def test_the_facts_of_a_run_survive(tmp_path: Path) -> None:
    made = RunStore(tmp_path).create("demo", Mode.REPLAY, True)
    assert RunStore(tmp_path).find(made.run_id) == made


def test_a_home_that_is_a_file_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(AtlasError, match="set ATLAS_HOME"):
        RunStore(tmp_path / "home").create("demo", Mode.PAPER, True)


def test_the_environment_names_the_home(own_home: Path) -> None:
    assert RunStore.at().home == own_home


def continuing(home: Path, profile: str = "crypto") -> StateDirectory:
    state = StateDirectory.of(home, profile, Mode.LIVE)
    RunStore(home).continue_in(state, False)
    state.journal.touch()
    return state


def test_a_session_that_continues_is_one_run_in_its_state_directory_however_often_it_starts(tmp_path: Path) -> None:
    store, state = RunStore(tmp_path), continuing(tmp_path)
    again = store.continue_in(state, False)
    assert (again.run_id, again.directory) == ("crypto-live", state.path)
    assert store.all() == (again,)
    assert store.find("crypto-live") == again
    assert is_continuing(again)


def test_the_latest_run_is_a_numbered_one_where_there_is_any(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    continuing(tmp_path)
    assert store.find().run_id == "crypto-live"
    backtest = store.create("demo", Mode.BACKTEST, True)
    assert store.find() == backtest
    assert [run.run_id for run in store.all()] == ["crypto-live", "demo-backtest-0001"]
    assert not is_continuing(backtest)


def test_a_session_whose_runs_are_numbered_is_not_listed_twice(tmp_path: Path) -> None:
    StateDirectory.of(tmp_path, "demo", Mode.PAPER).make()
    run = RunStore(tmp_path).create("demo", Mode.PAPER, True)
    assert RunStore(tmp_path).all() == (run,)
