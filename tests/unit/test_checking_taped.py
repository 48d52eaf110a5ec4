"""A recorded session is a market again: the bars that it was given, from where it began."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from atlas_core.checking.taped import taped_history, taped_market
from atlas_core.errors import DataError, NotFound
from atlas_core.model.records import RunStarted
from atlas_core.runtime.recording import tapes_in
from tests.memory import found
from tests.unit.test_replaying_live import FALLS, recorded


def test_the_tape_of_a_live_session_is_a_market_from_its_start_to_its_last_bar(tmp_path: Path) -> None:
    scene = recorded(tmp_path, prices=FALLS)
    scene.run(10)
    (started,) = found(scene.records, RunStarted)
    scene.journal.close()
    market = taped_market(tapes_in(tmp_path)[0])
    assert (market.start, tuple(market.bars)) == (started.ts, started.symbols)
    for symbol, bars in market.bars.items():
        assert market.instruments[symbol].symbol == symbol
        assert market.start < market.end
        assert bars.count_available(market.end) == len(bars)
        assert np.diff(bars.opened_at).min() > 0
    assert 90.0 in next(iter(market.bars.values())).close  # the fall that the session saw


def test_a_session_that_continued_another_one_is_refused_in_words(tmp_path: Path) -> None:
    scene = recorded(tmp_path, prices=FALLS)
    scene.run(5)
    scene.run(5, start=6)
    scene.journal.close()
    first, second = tapes_in(tmp_path)
    assert taped_market(first).end > 0
    with pytest.raises(DataError, match="a back-test begins without positions: name the first session with --session"):
        taped_market(second)


def test_the_tapes_of_a_session_that_continued_are_one_history(tmp_path: Path) -> None:
    scene = recorded(tmp_path, prices=FALLS)
    scene.run(5)
    scene.run(5, start=6)
    scene.journal.close()
    first, second = tapes_in(tmp_path)
    history = taped_history([first, second])
    assert history.start == taped_market(first).start
    for symbol, bars in history.of_session().items():
        assert (bars.opened_at >= history.start).all()
        assert np.diff(bars.opened_at).min() > 0
        assert int(bars.available_at[-1]) > int(taped_market(first).bars[symbol].available_at[-1])
    with pytest.raises(DataError, match="the tape of the begin of the session"):
        taped_history([second])
    with pytest.raises(DataError, match="the tape of the begin of the session"):
        taped_history([])


def test_a_tape_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no tape"):
        taped_market(tmp_path / "tape-0000000001.jsonl.gz")
