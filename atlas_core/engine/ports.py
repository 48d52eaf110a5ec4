"""What the engine is given: components under their labels, the moving view of the market, and where to write."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

from attrs import define, field, frozen

from atlas_core.contracts import ExitRule, Gate, LevelRule, MarketNow, MaskingGate, PatientRule, Sizer
from atlas_core.engine.state import State
from atlas_core.model.decisions import Outcome, finite
from atlas_core.model.events import Command
from atlas_core.model.records import Record, VerdictReached
from atlas_core.model.timeframe import parse_timeframe
from atlas_core.model.waiting import PassedOver


class MovingMarket(MarketNow, Protocol):
    """The past-only view of the market that the engine moves along."""

    @abstractmethod
    def advance(self, now: int) -> None:
        """Let the present become `now`."""

    @abstractmethod
    def see(self, symbol: str, price: Decimal, *, is_close: bool = False) -> None:
        """Remember the last price of a symbol; `is_close`: it is the close of a bar."""

    @abstractmethod
    def pass_over(self, passed: PassedOver) -> None:
        """Remember the prices of events that were passed over, as if they had been seen."""

    @abstractmethod
    def settle(self) -> None:
        """Have everything told that was passed over until now: somebody is about to look at the whole account."""

    @abstractmethod
    def glimpse(self, at: int, symbol: str, price: Decimal) -> MarketNow:
        """Return the market as it was at `at`, when `symbol` traded at `price`."""


@frozen(kw_only=True)
class EngineParts:
    """The deciders of one system, in the profile's order.

    What a decider can do is looked up once here, never in the path of a bar.
    """

    gates: tuple[tuple[str, Gate], ...] = ()
    sizer: tuple[str, Sizer]
    exits: tuple[tuple[str, ExitRule], ...] = ()
    masking_gates: tuple[tuple[str, MaskingGate], ...] = field(init=False)
    entry_gates: tuple[tuple[str, Gate], ...] = field(init=False)
    level_rules: tuple[tuple[str, LevelRule], ...] = field(init=False)
    patient_rules: tuple[tuple[str, PatientRule], ...] = field(init=False)
    is_restless: bool = field(init=False)

    @masking_gates.default
    def _masking_gates(self) -> tuple[tuple[str, MaskingGate], ...]:
        return tuple((label, gate) for label, gate in self.gates if isinstance(gate, MaskingGate))

    @entry_gates.default
    def _entry_gates(self) -> tuple[tuple[str, Gate], ...]:
        return tuple((label, gate) for label, gate in self.gates if not isinstance(gate, MaskingGate))

    @level_rules.default
    def _level_rules(self) -> tuple[tuple[str, LevelRule], ...]:
        return tuple((label, rule) for label, rule in self.exits if isinstance(rule, LevelRule))

    @patient_rules.default
    def _patient_rules(self) -> tuple[tuple[str, PatientRule], ...]:
        return tuple((label, rule) for label, rule in self.exits if isinstance(rule, PatientRule))

    @is_restless.default
    def _is_restless(self) -> bool:
        """Tell whether an exit rule may speak at any bar: it says neither when nor has it levels alone."""
        return not all(isinstance(rule, PatientRule) or has_levels_alone(rule) for _, rule in self.exits)


def has_levels_alone(rule: ExitRule) -> bool:
    """Tell whether a rule gives prices and never closes at the market."""
    return isinstance(rule, LevelRule) and type(rule).on_market is LevelRule.on_market


@frozen(kw_only=True)
class Rules:
    """The kernel-owned limits in the units of the profile; None means that a limit is not set.

    `reconcile_within` is the age in nanoseconds beyond which a read of the account is too old to enter on.
    `day_end` gives the end of the trading day that is going on at a time, or of the next one.
    """

    max_positions: int
    counts_closing: bool = True
    max_positions_per_group: int | None = None
    max_long_positions: int | None = None
    max_short_positions: int | None = None
    max_exposure_pct: Decimal = Decimal(100)
    max_exposure_pct_per_group: Decimal | None = None
    max_long_exposure_pct: Decimal | None = None
    max_short_exposure_pct: Decimal | None = None
    max_leverage: Decimal = Decimal(1)
    max_daily_loss_pct: Decimal | None = None
    max_drawdown_pct: Decimal | None = None
    max_orders_per_minute: int = 60
    stale_data_seconds: int | None = None
    reconcile_within: int | None = None
    group_of: Mapping[str, str] = field(factory=dict)
    is_market_closed: Callable[[int], bool] = field(default=lambda _now: False)
    day_end: Callable[[int], int] = parse_timeframe("1d").bucket_end
    can_sell_short: bool = True
    waiver: str = ""
    flattens_without_a_rule: bool = False


@define
class Recorder:
    """Collects what one step of the engine decided; every record changes the state as it is written."""

    state: State
    now: int = 0
    records: list[Record] = field(factory=list)
    commands: list[Command] = field(factory=list)

    def write(self, record: Record) -> None:
        """Fold a record into the state and keep it for the journal."""
        self.state.apply(record)
        self.records.append(record)

    def end(
        self,
        key: str,
        outcome: Outcome,
        by: str,
        reason: str,
        value: float | None = None,
        threshold: float | None = None,
    ) -> None:
        """Give a signal its one verdict."""
        self.write(
            VerdictReached(
                ts=self.now,
                key=key,
                outcome=outcome,
                by=by,
                reason=reason,
                value=finite(value),
                threshold=finite(threshold),
            )
        )

    def command(self, command: Command) -> None:
        """Ask the outside to act."""
        self.commands.append(command)

    def take_records(self) -> list[Record]:
        """Return the records since the last call."""
        taken, self.records = self.records, []
        return taken

    def take_commands(self) -> list[Command]:
        """Return the commands since the last call."""
        taken, self.commands = self.commands, []
        return taken
