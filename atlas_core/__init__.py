"""Atlas: a whole trading system as one TOML profile.

The names below are the public interface for plugin authors; a test pins the list. Each is imported when it is first
used, so that listing plugins imports neither numpy nor an SDK.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlas_core.barfiles.dirt import DirtReport as DirtReport
    from atlas_core.barfiles.form import BarFileForm as BarFileForm
    from atlas_core.barfiles.form import Repair as Repair
    from atlas_core.barfiles.reading import read_bar_file as read_bar_file
    from atlas_core.barstore.keys import PriceKind as PriceKind
    from atlas_core.barstore.keys import SeriesKey as SeriesKey
    from atlas_core.barstore.store import BarStore as BarStore
    from atlas_core.barstore.store import StoredSeries as StoredSeries
    from atlas_core.cli.formats import print_json as print_json
    from atlas_core.cli.tables import Column as Column
    from atlas_core.cli.tables import print_table as print_table
    from atlas_core.cli.tables import say as say
    from atlas_core.clock import Clock as Clock
    from atlas_core.clock import LiveClock as LiveClock
    from atlas_core.clock import SimClock as SimClock
    from atlas_core.clock import from_datetime as from_datetime
    from atlas_core.clock import to_datetime as to_datetime
    from atlas_core.columnar import NO_LEVEL as NO_LEVEL
    from atlas_core.columnar import ColumnarLevels as ColumnarLevels
    from atlas_core.columnar import ColumnarSizer as ColumnarSizer
    from atlas_core.columnar import EntryColumns as EntryColumns
    from atlas_core.columnar import ExitSteps as ExitSteps
    from atlas_core.columnar import LevelColumns as LevelColumns
    from atlas_core.columnar import SteppedExit as SteppedExit
    from atlas_core.components import Component as Component
    from atlas_core.components import NoOptions as NoOptions
    from atlas_core.components import alerter as alerter
    from atlas_core.components import broker as broker
    from atlas_core.components import exit_rule as exit_rule
    from atlas_core.components import gate as gate
    from atlas_core.components import provider as provider
    from atlas_core.components import scanner as scanner
    from atlas_core.components import sizer as sizer
    from atlas_core.contracts import Alerter as Alerter
    from atlas_core.contracts import Broker as Broker
    from atlas_core.contracts import Capability as Capability
    from atlas_core.contracts import Context as Context
    from atlas_core.contracts import ExitRule as ExitRule
    from atlas_core.contracts import FundingProvider as FundingProvider
    from atlas_core.contracts import Gate as Gate
    from atlas_core.contracts import HasOwnTimeframe as HasOwnTimeframe
    from atlas_core.contracts import HistoryRequest as HistoryRequest
    from atlas_core.contracts import Kind as Kind
    from atlas_core.contracts import KnowsTimeframes as KnowsTimeframes
    from atlas_core.contracts import LevelRule as LevelRule
    from atlas_core.contracts import LeveragedSizer as LeveragedSizer
    from atlas_core.contracts import MarketHistory as MarketHistory
    from atlas_core.contracts import MarketNow as MarketNow
    from atlas_core.contracts import MaskingGate as MaskingGate
    from atlas_core.contracts import Need as Need
    from atlas_core.contracts import NeedsBars as NeedsBars
    from atlas_core.contracts import PatientBroker as PatientBroker
    from atlas_core.contracts import PatientRule as PatientRule
    from atlas_core.contracts import Provider as Provider
    from atlas_core.contracts import QuoteProvider as QuoteProvider
    from atlas_core.contracts import Scanner as Scanner
    from atlas_core.contracts import SimulatedBroker as SimulatedBroker
    from atlas_core.contracts import Sizer as Sizer
    from atlas_core.contracts import StreamsQuotes as StreamsQuotes
    from atlas_core.errors import AtlasError as AtlasError
    from atlas_core.errors import AuthFailed as AuthFailed
    from atlas_core.errors import ContractError as ContractError
    from atlas_core.errors import DataError as DataError
    from atlas_core.errors import MissingExtra as MissingExtra
    from atlas_core.errors import NotReady as NotReady
    from atlas_core.errors import NotSent as NotSent
    from atlas_core.errors import OrderRefused as OrderRefused
    from atlas_core.errors import Throttled as Throttled
    from atlas_core.errors import Unsupported as Unsupported
    from atlas_core.errors import VenueError as VenueError
    from atlas_core.hookspecs import HOOK_API as HOOK_API
    from atlas_core.hookspecs import hookimpl as hookimpl
    from atlas_core.loading import read_bars as read_bars
    from atlas_core.marketdata.grid import BucketGrid as BucketGrid
    from atlas_core.marketdata.resample import resample as resample
    from atlas_core.marketdata.sessions import grid_of as grid_of
    from atlas_core.model.bars import Bars as Bars
    from atlas_core.model.bars import FormingBar as FormingBar
    from atlas_core.model.bars import FormingColumns as FormingColumns
    from atlas_core.model.bars import bars_of_rows as bars_of_rows
    from atlas_core.model.costs import TellsCosts as TellsCosts
    from atlas_core.model.costs import TellsFills as TellsFills
    from atlas_core.model.costs import TradingCosts as TradingCosts
    from atlas_core.model.decisions import Alert as Alert
    from atlas_core.model.decisions import Approve as Approve
    from atlas_core.model.decisions import Exit as Exit
    from atlas_core.model.decisions import GateAnswer as GateAnswer
    from atlas_core.model.decisions import GateMask as GateMask
    from atlas_core.model.decisions import Levels as Levels
    from atlas_core.model.decisions import OrderPlan as OrderPlan
    from atlas_core.model.decisions import PartialTarget as PartialTarget
    from atlas_core.model.decisions import Refuse as Refuse
    from atlas_core.model.decisions import Scale as Scale
    from atlas_core.model.decisions import Severity as Severity
    from atlas_core.model.events import BarClosed as BarClosed
    from atlas_core.model.events import BarOpened as BarOpened
    from atlas_core.model.events import BrokerEvent as BrokerEvent
    from atlas_core.model.events import FundingCharged as FundingCharged
    from atlas_core.model.events import FundingDue as FundingDue
    from atlas_core.model.events import MarketEvent as MarketEvent
    from atlas_core.model.events import OrderAccepted as OrderAccepted
    from atlas_core.model.events import OrderCancelled as OrderCancelled
    from atlas_core.model.events import OrderExpired as OrderExpired
    from atlas_core.model.events import OrderFilled as OrderFilled
    from atlas_core.model.events import OrderRejected as OrderRejected
    from atlas_core.model.events import OrderUnknown as OrderUnknown
    from atlas_core.model.events import PositionLiquidated as PositionLiquidated
    from atlas_core.model.events import Quote as Quote
    from atlas_core.model.instrument import Instrument as Instrument
    from atlas_core.model.instrument import InstrumentKind as InstrumentKind
    from atlas_core.model.orders import Action as Action
    from atlas_core.model.orders import Liquidity as Liquidity
    from atlas_core.model.orders import Order as Order
    from atlas_core.model.orders import OrderKind as OrderKind
    from atlas_core.model.orders import OrderRole as OrderRole
    from atlas_core.model.orders import OrderStatus as OrderStatus
    from atlas_core.model.orders import Touch as Touch
    from atlas_core.model.portfolio import Account as Account
    from atlas_core.model.portfolio import ClosedTrade as ClosedTrade
    from atlas_core.model.portfolio import Portfolio as Portfolio
    from atlas_core.model.portfolio import Position as Position
    from atlas_core.model.session import TradingSession as TradingSession
    from atlas_core.model.signals import EntryKind as EntryKind
    from atlas_core.model.signals import Side as Side
    from atlas_core.model.signals import Signal as Signal
    from atlas_core.model.signals import SignalTable as SignalTable
    from atlas_core.model.signals import concat_signals as concat_signals
    from atlas_core.model.signals import no_signals as no_signals
    from atlas_core.model.signals import signal_table as signal_table
    from atlas_core.model.timeframe import Timeframe as Timeframe
    from atlas_core.model.timeframe import parse_timeframe as parse_timeframe
    from atlas_core.model.venue import CarriedAccount as CarriedAccount
    from atlas_core.model.venue import OrderReport as OrderReport
    from atlas_core.model.venue import VenuePosition as VenuePosition
    from atlas_core.model.venue import VenueSnapshot as VenueSnapshot
    from atlas_core.model.waiting import PassedOver as PassedOver
    from atlas_core.model.waiting import Waiting as Waiting
    from atlas_core.options import Check as Check
    from atlas_core.options import Moment as Moment
    from atlas_core.options import Secret as Secret
    from atlas_core.options import above as above
    from atlas_core.options import at_least as at_least
    from atlas_core.options import at_most as at_most
    from atlas_core.options import between as between
    from atlas_core.options import each as each
    from atlas_core.options import matches as matches
    from atlas_core.options import not_empty as not_empty
    from atlas_core.options import one_of as one_of
    from atlas_core.options import option as option
    from atlas_core.options import read_moment as read_moment
    from atlas_core.options import time_of_day as time_of_day
    from atlas_core.options import time_zone as time_zone
    from atlas_core.runs import Mode as Mode
    from atlas_core.runs import RunInfo as RunInfo
    from atlas_core.runs import RunSummary as RunSummary
    from atlas_core.simulation.costs import ColumnarBroker as ColumnarBroker
    from atlas_core.simulation.costs import CostOptions as CostOptions
    from atlas_core.simulation.venue import SimulatedVenue as SimulatedVenue

__version__ = "0.1.0"

_HOME = {
    "atlas_core.barfiles.dirt": "DirtReport",
    "atlas_core.barfiles.form": "BarFileForm Repair",
    "atlas_core.barfiles.reading": "read_bar_file",
    "atlas_core.barstore.keys": "PriceKind SeriesKey",
    "atlas_core.barstore.store": "BarStore StoredSeries",
    "atlas_core.cli.formats": "print_json",
    "atlas_core.cli.tables": "Column print_table say",
    "atlas_core.clock": "Clock LiveClock SimClock from_datetime to_datetime",
    "atlas_core.columnar": "ColumnarLevels ColumnarSizer EntryColumns ExitSteps LevelColumns NO_LEVEL SteppedExit",
    "atlas_core.components": "Component NoOptions alerter broker exit_rule gate provider scanner sizer",
    "atlas_core.contracts": "Alerter Broker Capability Context ExitRule FundingProvider Gate HasOwnTimeframe "
    "HistoryRequest Kind KnowsTimeframes LevelRule LeveragedSizer MarketHistory MarketNow MaskingGate Need NeedsBars "
    "PatientBroker PatientRule Provider QuoteProvider Scanner SimulatedBroker Sizer StreamsQuotes",
    "atlas_core.errors": "AtlasError AuthFailed ContractError DataError MissingExtra NotReady NotSent OrderRefused "
    "Throttled Unsupported VenueError",
    "atlas_core.hookspecs": "HOOK_API hookimpl",
    "atlas_core.loading": "read_bars",
    "atlas_core.marketdata.grid": "BucketGrid",
    "atlas_core.marketdata.resample": "resample",
    "atlas_core.marketdata.sessions": "grid_of",
    "atlas_core.model.bars": "Bars FormingBar FormingColumns bars_of_rows",
    "atlas_core.model.costs": "TellsCosts TellsFills TradingCosts",
    "atlas_core.model.decisions": (
        "Alert Approve Exit GateAnswer GateMask Levels OrderPlan PartialTarget Refuse Scale Severity"
    ),
    "atlas_core.model.events": "BarClosed BarOpened BrokerEvent FundingCharged FundingDue MarketEvent OrderAccepted "
    "OrderCancelled OrderExpired OrderFilled OrderRejected OrderUnknown PositionLiquidated Quote",
    "atlas_core.model.instrument": "Instrument InstrumentKind",
    "atlas_core.model.orders": "Action Liquidity Order OrderKind OrderRole OrderStatus Touch",
    "atlas_core.model.session": "TradingSession",
    "atlas_core.model.portfolio": "Account ClosedTrade Portfolio Position",
    "atlas_core.model.signals": "EntryKind Side Signal SignalTable concat_signals no_signals signal_table",
    "atlas_core.model.timeframe": "Timeframe parse_timeframe",
    "atlas_core.model.venue": "CarriedAccount OrderReport VenuePosition VenueSnapshot",
    "atlas_core.model.waiting": "PassedOver Waiting",
    "atlas_core.options": "Check Moment Secret above at_least at_most between each matches not_empty one_of option "
    "read_moment time_of_day time_zone",
    "atlas_core.runs": "Mode RunInfo RunSummary",
    "atlas_core.simulation.costs": "ColumnarBroker CostOptions",
    "atlas_core.simulation.venue": "SimulatedVenue",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = sorted([*_MODULE_OF, "__version__"])  # noqa: PLE0605  (computed from the table above)


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'atlas_core' has no attribute {name!r}")
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return list(__all__)
