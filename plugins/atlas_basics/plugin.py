"""What atlas_basics offers: descriptors only; the parts are imported when they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_basics.options import (
    CooldownOptions,
    FeesOptions,
    FixedFractionOptions,
    FixedNotionalOptions,
    FixedQuantityOptions,
    LeverageDeadlineOptions,
    LeverageTiersOptions,
    MaxLossOptions,
    QualityOptions,
    RiskPerTradeOptions,
    ScaleOutOptions,
    SmaCrossExitOptions,
    SmaCrossOptions,
    StopOptions,
    TargetOptions,
    TimeOptions,
    TrailingOptions,
)
from atlas_core import NoOptions, alerter, exit_rule, gate, hookimpl, scanner, sizer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_core import (
        Alerter,
        Component,
        Context,
        ExitRule,
        Gate,
        RunInfo,
        RunSummary,
        Scanner,
        Sizer,
    )


def _sma_cross(options: SmaCrossOptions, _context: Context) -> Scanner:
    """Crossings of two simple moving averages, entered at the market."""
    from atlas_basics.sma import SmaCrossScanner

    return SmaCrossScanner(options)


def _cooldown(options: CooldownOptions, _context: Context) -> Gate:
    """A pause in a symbol after a trade in it was closed, longer after a loss."""
    from atlas_basics.gates import CooldownGate

    return CooldownGate(options)


def _quality(options: QualityOptions, _context: Context) -> Gate:
    """Minimum distance to the target, of the trigger and against the risk."""
    from atlas_basics.gates import QualityGate

    return QualityGate(options)


def _fees(options: FeesOptions, context: Context) -> Gate:
    """Maximum of the costs of entry and exit, of the profit at the target."""
    from atlas_basics.gates import FeesGate

    return FeesGate(options, context.costs)


def _fixed_quantity(options: FixedQuantityOptions, _context: Context) -> Sizer:
    """Positions of one quantity."""
    from atlas_basics.sizers import FixedQuantitySizer

    return FixedQuantitySizer(options)


def _fixed_notional(options: FixedNotionalOptions, _context: Context) -> Sizer:
    """Positions of one value in the quote currency."""
    from atlas_basics.sizers import FixedNotionalSizer

    return FixedNotionalSizer(options)


def _fixed_fraction(options: FixedFractionOptions, _context: Context) -> Sizer:
    """Positions of one share of the equity."""
    from atlas_basics.sizers import FixedFractionSizer

    return FixedFractionSizer(options)


def _risk_per_trade(options: RiskPerTradeOptions, _context: Context) -> Sizer:
    """Positions that lose one share of the equity at the signal's stop."""
    from atlas_basics.sizers import RiskPerTradeSizer

    return RiskPerTradeSizer(options)


def _leverage_tiers(options: LeverageTiersOptions, context: Context) -> Sizer:
    """A share of the balance behind the leverage of the hour, in whole lots, after costs."""
    from atlas_basics.leverage import LeverageTiersSizer

    return LeverageTiersSizer(options, context.costs)


def _stop(options: StopOptions, context: Context) -> ExitRule:
    """The signal's own stop, or a percentage from the entry."""
    from atlas_basics.exits import StopRule

    return StopRule(options, context.instruments)


def _target(options: TargetOptions, context: Context) -> ExitRule:
    """The signal's own target, or a percentage or a multiple of the risk from the entry."""
    from atlas_basics.exits import TargetRule

    return TargetRule(options, context.instruments)


def _scale_out(options: ScaleOutOptions, context: Context) -> ExitRule:
    """A ladder of targets for parts of the position, with a stop at the entry after the first ones."""
    from atlas_basics.exits import ScaleOutRule

    return ScaleOutRule(options, context.instruments)


def _trailing(options: TrailingOptions, context: Context) -> ExitRule:
    """A stop that follows the best price since the entry and never goes back."""
    from atlas_basics.exits import TrailingRule

    return TrailingRule(options, context.instruments)


def _sma_cross_exit(options: SmaCrossExitOptions, _context: Context) -> ExitRule:
    """Close while the fast average lies on the losing side of the slow one."""
    from atlas_basics.sma import SmaCrossExit

    return SmaCrossExit(options)


def _time(options: TimeOptions, _context: Context) -> ExitRule:
    """Close after a number of bars or hours."""
    from atlas_basics.exits import TimeRule

    return TimeRule(options)


def _leverage_deadline(options: LeverageDeadlineOptions, _context: Context) -> ExitRule:
    """Close when the tier ends that the leverage of the position was taken from."""
    from atlas_basics.leverage import LeverageDeadlineRule

    return LeverageDeadlineRule(options)


def _max_loss(options: MaxLossOptions, context: Context) -> ExitRule:
    """A stop at the largest loss, as a share of the value at entry or in money."""
    from atlas_basics.exits import MaxLossRule

    return MaxLossRule(options, context.instruments)


def _log(_options: NoOptions, context: Context) -> Alerter:
    """Alerts as lines of the log."""
    from atlas_basics.log_alerter import LogAlerter

    return LogAlerter(context)


@hookimpl
def atlas_scanners() -> Iterable[Component[Any, Scanner]]:
    """Return the scanner `sma-cross`."""
    return [scanner("sma-cross", _sma_cross, options=SmaCrossOptions)]


@hookimpl
def atlas_gates() -> Iterable[Component[Any, Gate]]:
    """Return the gates `cooldown`, `quality` and `fees`."""
    return [
        gate("cooldown", _cooldown, options=CooldownOptions),
        gate("quality", _quality, options=QualityOptions),
        gate("fees", _fees, options=FeesOptions),
    ]


@hookimpl
def atlas_sizers() -> Iterable[Component[Any, Sizer]]:
    """Return the sizers by quantity, by notional, by fraction, by risk and by leverage."""
    return [
        sizer("fixed-quantity", _fixed_quantity, options=FixedQuantityOptions),
        sizer("fixed-notional", _fixed_notional, options=FixedNotionalOptions),
        sizer("fixed-fraction", _fixed_fraction, options=FixedFractionOptions),
        sizer("risk-per-trade", _risk_per_trade, options=RiskPerTradeOptions),
        sizer("leverage-tiers", _leverage_tiers, options=LeverageTiersOptions),
    ]


@hookimpl
def atlas_exit_rules() -> Iterable[Component[Any, ExitRule]]:
    """Return the exits by level, by time, by two averages and by the end of a tier."""
    return [
        exit_rule("stop", _stop, options=StopOptions),
        exit_rule("target", _target, options=TargetOptions),
        exit_rule("scale-out", _scale_out, options=ScaleOutOptions),
        exit_rule("trailing", _trailing, options=TrailingOptions),
        exit_rule("time", _time, options=TimeOptions),
        exit_rule("sma-cross", _sma_cross_exit, options=SmaCrossExitOptions),
        exit_rule("max-loss", _max_loss, options=MaxLossOptions),
        exit_rule("leverage-deadline", _leverage_deadline, options=LeverageDeadlineOptions),
    ]


@hookimpl
def atlas_alerters() -> Iterable[Component[Any, Alerter]]:
    """Return the alerter `log`."""
    return [alerter("log", _log)]


@hookimpl
def atlas_run_started(run: RunInfo) -> None:
    """Log that the run began, and where it is kept."""
    from loguru import logger

    logger.info("run {} started: {} in {}", run.run_id, run.mode.word, run.directory)


@hookimpl
def atlas_run_finished(run: RunInfo, summary: RunSummary) -> None:
    """Log how the run ended, in one line."""
    from loguru import logger

    logger.info(
        "run {} finished ({}): {} signals, {} trades, {} open, net {}, equity {}",
        run.run_id,
        summary.reason,
        summary.signals,
        summary.trades,
        summary.open_positions,
        summary.net,
        summary.equity,
    )
