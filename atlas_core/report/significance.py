"""What a Sharpe ratio is worth: after its length and its shape, and after the number of trials it was chosen from.

Bailey and Lopez de Prado, The Sharpe Ratio Efficient Frontier (2012) and The Deflated Sharpe Ratio (2014). Sharpe
ratios here are per period and not annualised: mean(r) / std(r, ddof 1).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from atlas_core.report.metrics import moment_ratio

if TYPE_CHECKING:
    from atlas_core.report.metrics import Numbers

EULER_MASCHERONI = 0.5772156649015329
LEAST_RETURNS = 3


def probabilistic_sharpe(returns: Numbers, benchmark: float = 0.0) -> float | None:
    """Return the probability that the true Sharpe ratio is above `benchmark` (both per period, not annualised).

    The moments are those of the sample (ddof 0). None below three returns, and for returns that never move.
    """
    values = np.asarray(returns, dtype=np.float64)
    skew, kurtosis = moment_ratio(values, 3), moment_ratio(values, 4)
    if len(values) < LEAST_RETURNS or skew is None or kurtosis is None:
        return None
    return probability_above(float(values.mean() / values.std(ddof=1)), len(values), skew, kurtosis, benchmark)


def probability_above(ratio: float, count: int, skew: float, kurtosis: float, benchmark: float = 0.0) -> float | None:
    """Return the probability that the Sharpe ratio behind `count` returns of this shape is above `benchmark`.

    `Phi((SR - benchmark) * sqrt(n - 1) / sqrt(1 - skew * SR + (kurtosis - 1) / 4 * SR^2))`, the kurtosis of a normal
    distribution being 3. None for moments that no sample of this ratio has.
    """
    spread = 1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2
    return None if spread <= 0 else normal_cdf((ratio - benchmark) * math.sqrt((count - 1) / spread))


def expected_maximum_sharpe(trials: int, variance: float) -> float:
    """Return the highest Sharpe ratio (per period) to be expected of `trials` of no skill.

    `sqrt(variance) * ((1 - g) * Phi^-1(1 - 1/N) + g * Phi^-1(1 - 1/(N e)))` with Euler-Mascheroni's g; `variance` is
    that of the ratios over the trials. One trial: 0.
    """
    if trials < 2 or variance <= 0:
        return 0.0
    first, second = normal_quantile(1 - 1 / trials), normal_quantile(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second)


def deflated_sharpe(returns: Numbers, trials: int, variance: float) -> float | None:
    """Return the probability that the best of `trials` has a true Sharpe ratio above what luck alone would give.

    `variance` is that of the trials' Sharpe ratios (per period, not annualised). See `probabilistic_sharpe` for None.
    """
    return probabilistic_sharpe(returns, expected_maximum_sharpe(trials, variance))


def normal_cdf(value: float) -> float:
    """Return the standard normal distribution function."""
    return 0.5 * math.erfc(-value / math.sqrt(2.0))


def normal_quantile(probability: float) -> float:
    """Return the inverse of the standard normal distribution function; raises for a probability outside (0, 1)."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)
