"""The standard gates: a pause after a trade, a minimum of what a signal must promise, a maximum of what it may cost."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_core import Action, Approve, Gate, GateMask, MaskingGate, Refuse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_basics.options import CooldownOptions, FeesOptions, QualityOptions
    from atlas_core import (
        ClosedTrade,
        GateAnswer,
        Instrument,
        MarketNow,
        Portfolio,
        Signal,
        SignalTable,
        TradingCosts,
    )

ONE, PERCENT = Decimal(1), Decimal(100)
NANOSECONDS_PER_MINUTE = 60_000_000_000
# Far below one tick in any ratio of prices; a table holds floats, a signal exact prices, and both must answer alike.
ROUNDING = 1e-9


class CooldownGate(Gate):
    """Refuses a symbol for some minutes after its last trade was closed, longer after a loss."""

    def __init__(self, options: CooldownOptions) -> None:
        self._options = options

    def review(self, signal: Signal, portfolio: Portfolio, market: MarketNow) -> GateAnswer:
        """Judge by the minutes since the symbol's last trade was closed."""
        last = portfolio.last_closed.get(signal.symbol)
        if last is None:
            return Approve("no trade closed yet")
        pause = self._pause(last)
        passed = max(0, market.now - last.closed_at)  # a touch inside a bar is judged as of the bar's opening
        minutes, threshold = passed / NANOSECONDS_PER_MINUTE, float(pause)
        if passed >= pause * NANOSECONDS_PER_MINUTE:
            return Approve("", minutes, threshold)
        result = "losing trade" if last.net < 0 else "trade"
        return Refuse(f"{minutes:.1f} of {pause} minutes since the last {result} closed", minutes, threshold)

    def _pause(self, last: ClosedTrade) -> Decimal:
        after_loss = self._options.after_loss_minutes
        if last.net < 0 and after_loss is not None:
            return max(self._options.minutes, after_loss)
        return self._options.minutes


@frozen(eq=False)
class _Promise:
    """What signals promise, one row each; NaN where a level that it takes is missing."""

    has_target: NDArray[np.bool_]
    magnitude_pct: NDArray[np.float64]
    reward_to_risk: NDArray[np.float64]


class QualityGate(MaskingGate):
    """Refuses signals whose target is too near, in percent of the trigger or against the distance to the stop.

    Value and threshold of an answer are those of the measure that failed, else the reward:risk.
    """

    def __init__(self, options: QualityOptions) -> None:
        self._minimum_magnitude_pct = float(options.minimum_magnitude_pct)
        self._minimum_reward_to_risk = float(options.minimum_reward_to_risk)
        self._require_target = options.require_target

    def mask(self, table: SignalTable) -> GateMask:
        """Judge every row at once."""
        return self._judge(_promise(table.side, table.trigger, table.stop, table.target))

    def review(self, signal: Signal, portfolio: Portfolio, market: MarketNow) -> GateAnswer:  # noqa: ARG002
        """Judge one signal as `mask` judges its row."""
        levels = (np.array([np.nan if price is None else float(price)]) for price in _levels(signal))
        return self._judge(_promise(np.array([signal.side.sign]), *levels)).answer(0)

    def _judge(self, promise: _Promise) -> GateMask:
        is_far = _reaches(promise.magnitude_pct, self._minimum_magnitude_pct)
        is_worth = _reaches(promise.reward_to_risk, self._minimum_reward_to_risk)
        passed = np.where(promise.has_target, is_far & is_worth, not self._require_target)
        value = np.where(is_far, promise.reward_to_risk, promise.magnitude_pct)
        minimum = np.where(is_far, self._minimum_reward_to_risk, self._minimum_magnitude_pct)
        threshold = np.where(promise.has_target, minimum, np.nan)
        reasons = (
            (~promise.has_target, "no target"),
            (passed, "reward:risk"),
            (np.isnan(promise.magnitude_pct), "no trigger price to measure from"),
            (~is_far, "magnitude in % of the trigger is too small"),
            (np.isnan(promise.reward_to_risk), "no stop on the losing side of the trigger"),
        )
        reason = np.select([where for where, _ in reasons], [text for _, text in reasons], "reward:risk is too small")
        return GateMask(passed, value, threshold, reason)


def _reaches(measure: NDArray[np.float64], minimum: float) -> NDArray[np.bool_]:
    return (measure >= minimum * (1 - ROUNDING)) | (minimum == 0)


def _levels(signal: Signal) -> tuple[Decimal | None, ...]:
    return signal.trigger, signal.stop, signal.target


def _promise(
    side: NDArray[np.int64],
    trigger: NDArray[np.float64],
    stop: NDArray[np.float64],
    target: NDArray[np.float64],
) -> _Promise:
    reward = side * (target - trigger)
    risk = side * (trigger - stop)
    return _Promise(
        has_target=~np.isnan(target),
        magnitude_pct=100 * reward / np.where(trigger == 0, np.nan, np.abs(trigger)),
        reward_to_risk=reward / np.where(risk > 0, risk, np.nan),
    )


class FeesGate(Gate):
    """Refuses an entry whose way in and out costs too much of what it would earn at its target.

    The cost is counted for one contract, so that it is never nothing; where the account cannot carry one contract (one
    lot) at the instrument's own leverage, the entry is refused for that.
    """

    def __init__(self, options: FeesOptions, costs: TradingCosts) -> None:
        if not costs.has_fees:
            raise ValueError("expected a broker with fees, all of its fees are 0: set them, or leave this gate out")
        self._options = options
        self._costs = costs

    def review(self, signal: Signal, portfolio: Portfolio, market: MarketNow) -> GateAnswer:
        """Judge by the costs of entry and exit in percent of the profit at the target, from the price of the entry."""
        instrument = market.instrument(signal.symbol)
        price = market.last_price(signal.symbol) or signal.trigger
        if price is None:
            return Refuse("no price to measure from")
        missing = self._one_lot(instrument, price, portfolio)
        if missing is not None:
            return missing
        if signal.target is None:
            return Refuse("no target") if self._options.require_target else Approve("no target")
        profit = instrument.notional(ONE, (signal.target - price) * signal.side.sign)
        if profit <= 0:
            return Refuse("the price is at or beyond the target")
        share, limit = float(self._costs_of(signal, instrument, price) / profit * PERCENT), self._options.max_cost_pct
        if share <= limit:
            return Approve("costs in % of the profit at the target", share, float(limit))
        return Refuse("costs in % of the profit at the target are too high", share, float(limit))

    def _one_lot(self, instrument: Instrument, price: Decimal, portfolio: Portfolio) -> Refuse | None:
        lot = instrument.lot_size
        needed = instrument.notional(lot, price) / max(ONE, instrument.max_leverage)
        needed += self._costs.taker_fee(instrument, lot, price)
        available = portfolio.account.available
        if needed <= available:
            return None
        return Refuse("less than one lot: its margin and fee are not available", float(needed), float(available))

    def _costs_of(self, signal: Signal, instrument: Instrument, price: Decimal) -> Decimal:
        """Return what one contract costs in at `price` and out at the target."""
        target = price if signal.target is None else signal.target
        cost = self._costs.taker_fee(instrument, ONE, price) + self._costs.taker_fee(instrument, ONE, target)
        if not self._options.include_slippage:
            return cost
        opening, closing = (Action.BUY, Action.SELL) if signal.side.sign > 0 else (Action.SELL, Action.BUY)
        lost = abs(self._costs.taker_price(instrument, opening, price, instrument.lot_size) - price)
        lost += abs(self._costs.taker_price(instrument, closing, target, instrument.lot_size) - target)
        return cost + instrument.notional(ONE, lost)
