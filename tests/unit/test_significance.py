from __future__ import annotations

import math

import numpy as np
import pytest

from atlas_core.report.significance import (
    deflated_sharpe,
    expected_maximum_sharpe,
    normal_cdf,
    normal_quantile,
    probabilistic_sharpe,
    probability_above,
)


def test_the_probability_agrees_with_the_example_of_its_paper() -> None:
    """Bailey and Lopez de Prado 2012: 24 months, mean 3.6 %, deviation 7.9 %, skew -2.448, kurtosis 10.164."""
    assert probability_above(0.036 / 0.079, 24, -2.448, 10.164) == pytest.approx(0.913, abs=5e-4)


def test_the_deflated_ratio_agrees_with_the_example_of_its_paper() -> None:
    """Bailey and Lopez de Prado 2014: 100 trials with variance 1/2 a year, 1,250 days, Sharpe 2.5 a year."""
    luck = expected_maximum_sharpe(100, 0.5 / 250)
    assert luck == pytest.approx(0.1132, abs=5e-5)
    assert probability_above(2.5 / math.sqrt(250), 1250, -3.0, 10.0, luck) == pytest.approx(0.9004, abs=5e-5)


def test_more_trials_make_the_same_returns_less_believable() -> None:
    returns = np.random.default_rng(3).normal(0.001, 0.01, 500)
    one, many = deflated_sharpe(returns, 1, 0.001), deflated_sharpe(returns, 1000, 0.001)
    assert one == probabilistic_sharpe(returns)
    assert one is not None
    assert many is not None
    assert many < one


@pytest.mark.parametrize("returns", [[], [0.01, 0.02], [0.01, 0.01, 0.01]])
def test_too_few_returns_or_equal_ones_have_no_probability(returns: list[float]) -> None:
    assert probabilistic_sharpe(returns) is None


def test_the_quantile_is_the_inverse_of_the_distribution() -> None:
    for probability in (0.001, 0.3, 0.5, 0.975):
        assert normal_cdf(normal_quantile(probability)) == pytest.approx(probability)
