"""A writer that is killed at any step leaves the old series or the new one, whole, and the next writer goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from atlas_core.barfiles.form import BarFileForm
from atlas_core.barstore.importing import Wish, import_file
from atlas_core.barstore.store import BarStore
from tests.unit.test_barstore import KEY, bars, put, same

pytestmark = pytest.mark.usefixtures("instant_disk")

# Every call with which a writer changes the disk. After the kill none of them works any more, clean-up included.
STEPS = ("open", "write", "ftruncate", "fsync", "mkdir", "replace", "unlink", "rmdir")


class Killed(BaseException):
    """The process is gone."""


class Machine:
    """Counts the steps of a writer, writes them down, and kills it at one of them."""

    def __init__(self, at: int | None = None, fault: BaseException | None = None, *, goes_on: bool = False) -> None:
        self.at, self.fault, self.goes_on = at, fault or Killed(), goes_on
        self.steps: list[str] = []

    def step(self, name: str, real: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        self.steps.append(name)
        if self.at is not None and len(self.steps) >= self.at and not (self.goes_on and len(self.steps) > self.at):
            raise self.fault
        return real(*arguments, **named)


@contextmanager
def running(machine: Machine) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            real = getattr(os, name)
            patch.setattr(os, name, lambda *a, _name=name, _real=real, **n: machine.step(_name, _real, *a, **n))
        yield


def replace(store: BarStore) -> None:
    put(store, bars(4, 100), bars(4, 104))


def append(store: BarStore) -> None:
    put(store, bars(5, 10), append=True)


def remove(store: BarStore) -> None:
    store.remove(KEY)


def weave(store: BarStore) -> None:
    """Import a file that has the old bars and five more."""
    path = store.root.parent / "bars.csv"
    fresh = bars(15)
    columns = [getattr(fresh, name).tolist() for name in ("opened_at", "open", "high", "low", "close", "volume")]
    lines = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(["ts,open,high,low,close,volume", *lines]))
    wish = Wish(symbol=KEY.symbol, form=BarFileForm(tick_size=fresh.tick_size))
    list(import_file(store, path, wish, 0))


def rows_of(store: BarStore) -> int | None:
    """Return the rows of the series when it is the old or the new one, whole; None when there is none."""
    if not store.all():
        return None
    found = store.bars(KEY)
    assert not [line for _, faults in store.series(KEY).verify() for line in faults]
    assert any(same(found, whole) for whole in (bars(10), bars(8, 100), bars(15)))
    return len(found)


@pytest.mark.parametrize(("work", "after"), [(replace, 8), (append, 15), (weave, 15), (remove, None)])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_series(
    tmp_path: Path, work: Callable[[BarStore], None], after: int | None
) -> None:
    whole = Machine()
    counted = BarStore.at(tmp_path / "counted")
    put(counted, bars(10))
    with running(whole):
        work(counted)
    seen = set()
    for at in range(1, len(whole.steps) + 1):
        store = BarStore.at(tmp_path / str(at))
        put(store, bars(10))
        with running(Machine(at)), pytest.raises(Killed):
            work(store)
        seen.add(rows_of(store))
        if rows_of(store) == 10:
            work(store)  # the next process finds nothing that holds it up
        assert rows_of(store) == after
    assert seen == {10, after}
    assert len(whole.steps) > 5


@pytest.mark.parametrize(("work", "after"), [(replace, 8), (append, 15), (weave, 15)])
def test_a_disk_that_refuses_one_step_leaves_the_old_series_or_the_new_one_and_nothing_beside_it(
    tmp_path: Path, work: Callable[[BarStore], None], after: int
) -> None:
    at, seen = 0, set()
    while after not in seen or at < 20:
        at += 1
        store = BarStore.at(tmp_path / str(at))
        put(store, bars(10))
        machine = Machine(at, fault=OSError(28, "No space left on device"), goes_on=True)
        with running(machine), suppress(OSError):
            work(store)
        seen.add(rows_of(store))
        if rows_of(store) == 10:
            work(store)
        assert rows_of(store) == after
        assert len(list((store.root / KEY.path).glob("columns-*"))) == 1
    assert seen == {10, after}


def test_a_first_write_that_is_killed_leaves_no_series(tmp_path: Path) -> None:
    whole = Machine()
    with running(whole):
        put(BarStore.at(tmp_path / "counted"), bars(10))
    seen = set()
    for at in range(1, len(whole.steps) + 1):
        store = BarStore.at(tmp_path / str(at))
        with running(Machine(at)), pytest.raises(Killed):
            put(store, bars(10))
        seen.add(rows_of(store))
        put(store, bars(10))
        assert rows_of(store) == 10
        assert len(list((store.root / KEY.path).glob("columns-*"))) == 1
    assert seen == {None, 10}


@pytest.mark.parametrize("work", [replace, append])
def test_columns_are_durable_before_the_manifest_counts_them(tmp_path: Path, work: Callable[[BarStore], None]) -> None:
    store = BarStore.at(tmp_path)
    put(store, bars(10))
    machine = Machine()
    with running(machine):
        work(store)
    rename = machine.steps.index("replace")
    assert "write" not in machine.steps[rename:]
    # Seven columns, their folder and the manifest itself before the rename; the name of the manifest after it.
    assert machine.steps[:rename].count("fsync") >= 9
    assert "fsync" in machine.steps[rename:]
