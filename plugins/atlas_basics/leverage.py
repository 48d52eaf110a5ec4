"""Positions with the leverage of the hour, and the rule that closes them before that leverage ends."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from atlas_basics.pricing import CannotSize, entry_price, stop_distance, too_small
from atlas_basics.tiers import TierCalendar
from atlas_core import Action, Exit, ExitRule, LeveragedSizer, OrderPlan, PatientRule, Waiting, read_moment, to_datetime

if TYPE_CHECKING:
    from atlas_basics.options import LeverageDeadlineOptions, LeverageTiersOptions, Tier
    from atlas_core import Account, Instrument, MarketNow, Position, Signal, TradingCosts

ZERO, ONE, TWO, PERCENT = Decimal(0), Decimal(1), Decimal(2), Decimal(100)
LEVERAGE_STEP = Decimal("0.1")
SIZE_STEP = Decimal("0.00000001")
NANOSECONDS_PER_MINUTE = 60_000_000_000
# What the sizer writes beside its plan, and the exit rule holds the trade to.
TIER, CLOSE_BY, LEVERAGE_AFTER = "tier", "close_by", "leverage_after"


@define
class _Leverage:
    """The leverage of a plan, where it comes from, and what made it or the size smaller."""

    tier: str
    value: Decimal
    reductions: list[str] = field(factory=list)

    def lower(self, limit: Decimal, why: str) -> None:
        if limit < self.value:
            self.reductions.append(f"leverage {self.value} lowered to {limit}: {why}")
            self.value = limit

    @property
    def reason(self) -> str:
        return "; ".join([f"tier {self.tier}, leverage {self.value}", *self.reductions])


@frozen(kw_only=True)
class _Entry:
    """What a size is made from: the worst price of the entry and of its stop, and the fees of a contract both ways."""

    signal: Signal
    instrument: Instrument
    account: Account
    now: int
    available: Decimal
    price: Decimal
    worst: Decimal
    stopped: Decimal | None
    fees: Decimal

    @property
    def value(self) -> Decimal:
        """Return the most that one contract may be worth when it is taken."""
        return self.instrument.notional(ONE, max(self.price, self.worst))

    @property
    def loss(self) -> Decimal:
        """Return what one contract loses at the stop, costs included; raises CannotSize without a stop."""
        if self.stopped is None:
            raise CannotSize("the signal has no stop to measure the risk by")
        return self.instrument.notional(ONE, abs(self.worst - self.stopped)) + self.fees


class LeverageTiersSizer(LeveragedSizer):
    """Puts a share of the available money, after all costs, behind the leverage that the tier of the hour allows.

    The size is whole lots and always fits the balance. It is smaller than that where the loss at the stop would exceed
    `risk_pct`; leverage is lower than the tier's where the stop would lie behind the price of liquidation. Each of
    these stands in the plan's reason.
    """

    def __init__(self, options: LeverageTiersOptions, costs: TradingCosts) -> None:
        self._options = options
        self._costs = costs
        self._calendar = TierCalendar(options)
        self._held = frozenset(timeframe.text for timeframe in options.hold_timeframes)

    def highest_leverage(self, instrument: Instrument) -> Decimal:
        """Return the most leverage that any tier has for the instrument; raises ValueError where one has none."""
        without = [tier.name for tier in self._options.tiers if tier.leverage_of(instrument.symbol) is None]
        if without:
            raise ValueError(f"expected a leverage for {instrument.symbol} in every tier, none in {', '.join(without)}")
        return max(tier.leverage_of(instrument.symbol) or ONE for tier in self._options.tiers)

    def size(self, signal: Signal, account: Account, market: MarketNow) -> OrderPlan:
        """Return the plan, its quantity 0 with a reason where not one lot fits."""
        try:
            entry = self._entry(signal, account, market)
            return self._plan(entry, self._leverage(entry))
        except CannotSize as why:
            return OrderPlan(symbol=signal.symbol, quantity=ZERO, reason=str(why))

    def _entry(self, signal: Signal, account: Account, market: MarketNow) -> _Entry:
        """Look at one entry, as if the most were taken that any tier allows: a smaller size gets no worse prices."""
        instrument, price = market.instrument(signal.symbol), entry_price(signal, market)
        available = account.available * self._options.balance_pct / PERCENT
        most = available * self.highest_leverage(instrument) / instrument.notional(ONE, price)
        opening, closing = (Action.BUY, Action.SELL) if signal.side.sign > 0 else (Action.SELL, Action.BUY)
        worst = self._costs.taker_price(instrument, opening, price, most)
        stop = signal.stop
        if stop is not None:
            stop_distance(signal, price)
        return _Entry(
            signal=signal,
            instrument=instrument,
            account=account,
            now=market.now,
            available=available,
            price=price,
            worst=worst,
            stopped=None if stop is None else self._costs.taker_price(instrument, closing, stop, most),
            fees=TWO * self._costs.taker_fee(instrument, ONE, max(price, worst)),
        )

    def _leverage(self, entry: _Entry) -> _Leverage:
        tier = self._calendar.tier_at(entry.now)
        leverage = _Leverage(tier.name, _of_tier(tier, entry))
        following = self._calendar.tier_at(entry.now + self._options.lead_minutes * NANOSECONDS_PER_MINUTE)
        leverage.lower(_of_tier(following, entry), f"tier {following.name} begins soon")
        if entry.signal.timeframe in self._held:
            least = min(_of_tier(tier, entry) for tier in self._options.tiers)
            leverage.lower(least, f"a trade of {entry.signal.timeframe} is held through every tier")
        leverage.lower(entry.instrument.max_leverage, "the instrument allows no more")
        if entry.signal.stop is not None and leverage.value > ONE:
            why = f"the stop {entry.signal.stop} would lie too near to the price of liquidation"
            leverage.lower(self._bearable(entry, entry.signal.stop), why)
        return leverage

    def _bearable(self, entry: _Entry, stop: Decimal) -> Decimal:
        """Return the leverage whose price of liquidation lies beyond the stop, the buffer between them."""
        distance = abs(entry.worst - stop) / entry.worst
        reserve = (entry.instrument.maintenance_margin_pct + self._options.liquidation_buffer_pct) / PERCENT
        return max(ONE, (ONE / (distance + reserve)).quantize(LEVERAGE_STEP, ROUND_DOWN))

    def _plan(self, entry: _Entry, leverage: _Leverage) -> OrderPlan:
        by_balance = entry.available / (entry.value / leverage.value + entry.fees)
        wanted = min(by_balance, self._by_risk(entry, by_balance, leverage))
        quantity = entry.instrument.round_quantity(wanted)
        problem = too_small(entry.instrument, wanted, quantity, entry.price)
        return OrderPlan(
            symbol=entry.signal.symbol,
            quantity=ZERO if problem else quantity,
            leverage=leverage.value,
            reason=f"{problem}; {leverage.reason}" if problem else leverage.reason,
            inputs={
                "price": entry.price,
                "available": entry.available,
                "value_per_contract": entry.value,
                "fees_per_contract": entry.fees,
                "by_balance": by_balance.quantize(SIZE_STEP),
                TIER: leverage.tier,
                **self._deadline(entry, leverage.value),
            },
        )

    def _by_risk(self, entry: _Entry, by_balance: Decimal, leverage: _Leverage) -> Decimal:
        """Return the size that loses no more than the risk at the stop, and note where that is the smaller one."""
        risk_pct = self._options.risk_pct
        if risk_pct is None:
            return by_balance
        by_risk = max(ZERO, entry.account.equity) * risk_pct / PERCENT / entry.loss
        if by_risk < by_balance:
            leverage.reductions.append(f"size lowered from {by_balance:.4f} to {by_risk:.4f}: risk of {risk_pct} %")
        return by_risk

    def _deadline(self, entry: _Entry, leverage: Decimal) -> dict[str, Any]:
        """Return until when the leverage may be held, and what is allowed after that."""
        symbol = entry.signal.symbol
        ends_at = self._calendar.ends_at(entry.now, symbol, leverage)
        if ends_at is None:
            return {CLOSE_BY: None}
        after = self._calendar.tier_at(ends_at).leverage_of(symbol)
        return {CLOSE_BY: f"{to_datetime(ends_at):%Y-%m-%dT%H:%M:%SZ}", LEVERAGE_AFTER: after}


class LeverageDeadlineRule(ExitRule, PatientRule):
    """Closes a position at or after the end of the tier that its leverage was taken from, however late that is seen.

    The end is a fact of the trade, written beside its size at the entry: no restart and no other profile moves it.
    """

    def __init__(self, options: LeverageDeadlineOptions) -> None:
        self._before = options.minutes_before * NANOSECONDS_PER_MINUTE

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        """Return an exit once the time has come; a trade without such an end is left alone."""
        close_by = position.sizing.get(CLOSE_BY)
        if close_by is None or market.now < read_moment(str(close_by)) - self._before:
            return None
        after = position.sizing.get(LEVERAGE_AFTER)
        reason = f"leverage {position.leverage} of tier {position.sizing.get(TIER)} ends {close_by}"
        return Exit(reason, float(position.leverage), None if after is None else float(after))

    def waiting(self, position: Position, market: MarketNow) -> Waiting:  # noqa: ARG002  (the contract's own)
        """Return the wait for the time that was written beside the size, if one was."""
        close_by = position.sizing.get(CLOSE_BY)
        return Waiting() if close_by is None else Waiting(at=read_moment(str(close_by)) - self._before)


def _of_tier(tier: Tier, entry: _Entry) -> Decimal:
    leverage = tier.leverage_of(entry.signal.symbol)
    if leverage is None:
        raise CannotSize(f"tier {tier.name} has no leverage for {entry.signal.symbol}")
    return leverage
