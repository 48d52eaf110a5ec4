"""What the best of a search is worth: plateau or peak, the map of two settings, and the deflated Sharpe ratio."""

from __future__ import annotations

import math

import numpy as np
import pytest

from atlas_core.cli.sweep_figures import short_names
from atlas_core.cli.sweep_map import heat_map
from atlas_core.model.timeframe import DAY
from atlas_core.report.significance import deflated_sharpe
from atlas_core.search.deflation import deflation
from atlas_core.search.ledger import Trial, TrialStatus
from atlas_core.search.objective import read_objective
from atlas_core.search.sensitivity import neighbours_of, sensitivity
from atlas_core.search.space import read_space

_, SPACE = read_space(["scanner.a.fast=1:5:1", "scanner.a.slow=10,20,30", "sizer.use=one,two"])
SHARPE, DRAWDOWN = read_objective("sharpe"), read_objective("max_drawdown")


def trial(number: int, value: float | None, name: str = "sharpe", **facts: object) -> Trial:
    figures = {name: value, "trades": 10.0}
    settings = SPACE.combination(number)
    return Trial(number=number, settings=settings, status=TrialStatus.FINISHED, figures=figures, **facts)  # type: ignore[arg-type]


def hill(width: float) -> list[Trial]:
    """Return a grid with its top at fast 3, slow 20, one: a step costs 1 - exp(-1 / width^2)."""
    trials = []
    for number in range(SPACE.size or 0):
        fast, slow, use = (value for _, value in SPACE.combination(number))
        far = abs(int(fast) - 3) + abs(int(slow) - 20) / 10 + (use == "two")
        trials.append(trial(number, math.exp(-((far / width) ** 2))))
    return trials


def test_neighbours_are_one_step_away_along_numbers_only() -> None:
    settings = (("scanner.a.fast", "1"), ("scanner.a.slow", "20"), ("sizer.use", "one"))
    assert {tuple(value for _, value in found) for found in neighbours_of(SPACE, settings)} == {
        ("2", "20", "one"), ("1", "10", "one"), ("1", "30", "one"),
    }  # fmt: skip


@pytest.mark.parametrize(("width", "word"), [(3.0, "plateau"), (0.4, "peak")])
def test_a_wide_hill_is_a_plateau_and_a_narrow_one_a_peak(width: float, word: str) -> None:
    sense = sensitivity(SPACE, SHARPE, hill(width))
    assert sense is not None
    assert (sense.word, sense.best, len(sense.neighbours), sense.possible) == (word, 1.0, 4, 4)


def test_neighbours_that_were_not_tried_leave_it_open() -> None:
    sense = sensitivity(SPACE, SHARPE, [trial(0, 1.0), trial(29, 0.5)])
    assert sense is not None
    assert (sense.word, sense.neighbours, sense.possible) == ("not known", (), 2)
    assert sensitivity(SPACE, SHARPE, [trial(0, None)]) is None


def test_the_map_shows_the_best_for_each_pair_and_marks_the_best_of_all() -> None:
    keys = ("scanner.a.fast", "scanner.a.slow")
    lines = heat_map(SPACE, SHARPE, hill(3.0), keys, None).splitlines()
    assert lines[0] == "Sharpe (ann.) by fast (down) and slow (across)"
    assert lines[1].split() == ["10", "20", "30"]
    assert lines[4].split() == ["3", "0.89", "1.00*", "0.89"]
    assert len(lines) == 7


def test_a_map_without_room_for_figures_is_made_of_shades() -> None:
    keys = ("scanner.a.fast", "scanner.a.slow")
    lines = heat_map(SPACE, SHARPE, hill(0.4), keys, 12).splitlines()
    assert lines[0].endswith(". worst to @ best")
    assert lines[4] == "3  .@."
    upside_down = heat_map(SPACE, DRAWDOWN, [trial(n, n / 100, "max_drawdown") for n in range(30)], keys, 12)
    assert upside_down.splitlines()[2].startswith("1  @")


def curve(sharpe: float, days: int = 400) -> tuple[tuple[int, float], ...]:
    """Return an equity whose yearly Sharpe ratio is nearly this."""
    random = np.random.default_rng(3)
    noise = random.normal(0, 0.01, days)
    returns = (noise - noise.mean()) / noise.std(ddof=1) * 0.01 + sharpe / math.sqrt(365) * 0.01
    equity = np.concatenate([[1.0], np.cumprod(1 + returns)])
    return tuple((day * DAY, float(value)) for day, value in enumerate(equity))


def test_the_deflated_ratio_counts_every_trial() -> None:
    best, equity_by_day = trial(0, 2.0), curve(2.0)
    others = [2.0, *np.random.default_rng(1).normal(0, 0.8, 99).tolist()]
    few, many = (deflation(best, equity_by_day, sharpes) for sharpes in (others[:5], [*others, None]))
    assert (few.trials, many.trials) == (5, 101)
    assert many.probability is not None
    assert few.probability is not None
    assert few.probability > many.probability
    equity = np.array([value for _, value in equity_by_day])
    daily = np.array(others) / math.sqrt(365)
    expected = deflated_sharpe(equity[1:] / equity[:-1] - 1, 101, float(daily.var(ddof=1)))
    assert many.probability == pytest.approx(expected)
    assert "the best of 101 ever tried on this data: luck alone would give" in many.sentence()


def test_the_only_trial_and_one_without_a_ratio_say_so() -> None:
    assert deflation(trial(0, 2.0), curve(2.0), [2.0]).sentence().startswith("the only one tried: luck alone")
    nothing = deflation(trial(0, None), curve(2.0), [None, 1.0])
    assert nothing.probability is None
    assert "its Sharpe ratio does not exist" in nothing.sentence()


def test_the_objective_ranks_by_the_better_side_and_ties_by_number() -> None:
    trials = [trial(0, 0.3, "max_drawdown"), trial(1, 0.1, "max_drawdown"), trial(2, 0.1, "max_drawdown")]
    assert [t.number for t in DRAWDOWN.ranked(trials)] == [1, 2, 0]
    assert read_objective("max_drawdown", min_trades=11).ranked(trials) == ()


def test_short_names_are_as_short_as_they_can_be() -> None:
    keys = ("scanner.a.fast", "scanner.b.fast", "exit.b.pct", "seed")
    assert list(short_names(keys).values()) == ["a.fast", "b.fast", "pct", "seed"]
