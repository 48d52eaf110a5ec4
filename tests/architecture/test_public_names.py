"""The public interface: a name that appears here or goes away is a decision, not an accident."""

from __future__ import annotations

import ast

import pytest

import atlas_core
from tests.architecture.sources import kernel

PINNED = (
    "Account Action Alert Alerter Approve AtlasError AuthFailed BarClosed BarFileForm BarOpened BarStore Bars Broker "
    "BrokerEvent BucketGrid Capability CarriedAccount Check Clock ClosedTrade Column ColumnarBroker ColumnarLevels "
    "ColumnarSizer Component Context ContractError CostOptions DataError DirtReport EntryColumns EntryKind Exit "
    "ExitRule ExitSteps FormingBar FormingColumns FundingCharged FundingDue FundingProvider Gate GateAnswer GateMask "
    "HOOK_API HasOwnTimeframe HistoryRequest Instrument InstrumentKind Kind KnowsTimeframes LevelColumns LevelRule "
    "Levels LeveragedSizer Liquidity LiveClock MarketEvent MarketHistory MarketNow MaskingGate MissingExtra Mode "
    "Moment NO_LEVEL Need NeedsBars NoOptions NotReady NotSent Order OrderAccepted OrderCancelled OrderExpired "
    "OrderFilled OrderKind OrderPlan OrderRefused OrderRejected OrderReport OrderRole OrderStatus OrderUnknown "
    "PartialTarget PassedOver PatientBroker PatientRule Portfolio Position PositionLiquidated PriceKind Provider "
    "Quote QuoteProvider Refuse Repair RunInfo RunSummary Scale Scanner Secret SeriesKey Severity Side Signal "
    "SignalTable SimClock SimulatedBroker SimulatedVenue Sizer SteppedExit StoredSeries StreamsQuotes TellsCosts "
    "TellsFills Throttled Timeframe Touch TradingCosts TradingSession Unsupported VenueError VenuePosition "
    "VenueSnapshot Waiting __version__ above alerter at_least at_most bars_of_rows between broker concat_signals each "
    "exit_rule from_datetime gate grid_of hookimpl matches no_signals not_empty one_of option parse_timeframe "
    "print_json print_table provider read_bar_file read_bars read_moment resample say scanner signal_table sizer "
    "time_of_day time_zone to_datetime "
)
PUBLIC = tuple(PINNED.split())


def front() -> ast.Module:
    return next(module.tree for module in kernel() if module.name == "atlas_core")


def test_the_list_of_public_names_is_pinned() -> None:
    assert sorted(atlas_core.__all__) == sorted(PUBLIC)
    assert len(PUBLIC) == len(set(PUBLIC))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_can_be_imported(name: str) -> None:
    assert getattr(atlas_core, name) is not None
    assert name in dir(atlas_core)


def test_type_checkers_see_the_same_names_from_the_same_modules() -> None:
    block = next(node for node in front().body if isinstance(node, ast.If))
    typed = {
        alias.asname: statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert typed == atlas_core._MODULE_OF


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Barz'"):
        atlas_core.Barz  # noqa: B018
