"""The contracts of the seven component kinds, and the past-only views that deciders receive.

Deciders (scanner, gate, sizer, exit rule) are synchronous and pure: the same arguments give the same answer.
Adapters (provider, broker, alerter) are asynchronous and own resources; `close` may be called twice and before
`open`. Contracts are protocols with abstract methods: a class that inherits one and forgets a method cannot be made.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from attrs import field, frozen

from atlas_core.model.costs import TradingCosts
from atlas_core.model.session import TradingSession

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlas_core.clock import Clock
    from atlas_core.model.bars import Bars, FormingBar, FormingColumns, Times
    from atlas_core.model.decisions import Alert, Exit, GateAnswer, GateMask, Levels, OrderPlan
    from atlas_core.model.events import BarClosed, BrokerEvent, FundingDue, MarketEvent, Quote
    from atlas_core.model.instrument import Instrument
    from atlas_core.model.orders import Order
    from atlas_core.model.portfolio import Account, Portfolio, Position
    from atlas_core.model.signals import Signal, SignalTable
    from atlas_core.model.timeframe import Timeframe
    from atlas_core.model.venue import CarriedAccount, OrderReport, VenueSnapshot
    from atlas_core.model.waiting import PassedOver, Waiting

T = TypeVar("T")


class Kind(StrEnum):
    """The kinds of components; the value is the name of the table in a profile."""

    PROVIDER = "provider"
    SCANNER = "scanner"
    GATE = "gate"
    SIZER = "sizer"
    BROKER = "broker"
    EXIT_RULE = "exit"
    ALERTER = "alerter"


class Capability(StrEnum):
    """What a component declares that it can do; the conformance kit holds it to its word."""

    HISTORY = "history"
    STREAM = "stream"
    FUNDING = "funding"
    QUOTES = "quotes"
    SYNTHETIC = "synthetic"
    REAL_TIME = "real-time"
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop-limit"
    TRAILING_STOP = "trailing-stop"
    ONE_CANCELS_OTHER = "one-cancels-other"
    SHORT = "short"
    SPOT = "spot"
    PERP = "perp"
    STOCK = "stock"
    OPTION = "option"
    SIMULATED = "simulated"
    HOLDS_QUANTITY = "holds-quantity"


@frozen
class Need:
    """Bars that a decider reads: a timeframe, and how many bars before a signal it looks back."""

    timeframe: str
    warmup_bars: int = 0


@frozen(kw_only=True)
class HistoryRequest:
    """Closed bars of `symbols` with `start <= opened_at` and `available_at <= end` (nanoseconds UTC, None: all).

    `sessions` names the trading session of each symbol that does not trade around the clock: bars that a provider
    builds itself lie on its grid (`grid_of`). What lies outside the session may be delivered; the kernel leaves it out.
    """

    symbols: tuple[str, ...]
    timeframe: Timeframe
    start: int | None = None
    end: int | None = None
    sessions: Mapping[str, TradingSession] = field(factory=dict)

    def session(self, symbol: str) -> TradingSession:
        """Return the trading session of a symbol."""
        return self.sessions.get(symbol, TradingSession.ALWAYS)


class Log(Protocol):
    """The part of a bound loguru logger that components use."""

    @abstractmethod
    def debug(self, message: str, /, *args: object) -> None:
        """Log for developers."""

    @abstractmethod
    def info(self, message: str, /, *args: object) -> None:
        """Log for people."""

    @abstractmethod
    def warning(self, message: str, /, *args: object) -> None:
        """Log what deserves a look."""

    @abstractmethod
    def error(self, message: str, /, *args: object) -> None:
        """Log a failure."""


@frozen(kw_only=True)
class Context:
    """The small part of a system that a component's factory receives.

    `random(name)` gives a seeded numpy generator of its own stream; `share(key, make)` gives provider and broker of
    one venue the same client. `instruments` is filled when the provider has opened: read it when you are asked, not
    when you are made. `costs` are what the broker of the profile says that a fill costs, zero where it does not say.
    when you are made. `scanned_timeframes` are those that the profile's scanners read, for everything but scanners.
    """

    label: str
    clock: Clock
    log: Log
    random: Callable[[str], np.random.Generator]
    share: Callable[[Hashable, Callable[[], object]], object]
    instruments: Mapping[str, Instrument] = field(factory=dict)
    starting_cash: Decimal = Decimal(10_000)
    seed: int = 0
    costs: TradingCosts = field(factory=TradingCosts)
    scanned_timeframes: tuple[str, ...] = ()


class MarketHistory(Protocol):
    """What a scanner sees: columns of closed bars."""

    @property
    @abstractmethod
    def symbols(self) -> Sequence[str]:
        """The symbols of the universe, in the profile's order."""

    @abstractmethod
    def instrument(self, symbol: str) -> Instrument:
        """Return the tick, lot and kind of a symbol."""

    @abstractmethod
    def bars(self, symbol: str, timeframe: str) -> Bars:
        """Return the closed bars of a need, oldest first (maybe none)."""

    @abstractmethod
    def aligned(self, symbol: str, base: str, higher: str) -> NDArray[np.int64]:
        """Return for each base bar the index of the last `higher` bar that was available then, -1 for none."""

    @abstractmethod
    def forming(self, symbol: str, base: str, higher: str) -> FormingColumns:
        """Return for each base bar the `higher` bar in which it lies, as it was known when the base bar closed."""

    @abstractmethod
    def next_ends(self, symbol: str, timeframe: str, times: Times) -> Times:
        """Return for each time the end of the bar of `timeframe` that is forming then, or else of the next one.

        At the close of a bar that is the end of the bar after it: in the symbol's session, across nights and holidays.
        """


class MarketNow(Protocol):
    """What gates, sizers and exit rules see: the past up to `now`, nothing else."""

    @property
    @abstractmethod
    def now(self) -> int:
        """The present, nanoseconds UTC."""

    @abstractmethod
    def instrument(self, symbol: str) -> Instrument:
        """Return the tick, lot and kind of a symbol."""

    @abstractmethod
    def last_price(self, symbol: str) -> Decimal | None:
        """Return the last price seen, or None before the first one."""

    @abstractmethod
    def bars(self, symbol: str, timeframe: str) -> Bars:
        """Return the bars that were available at `now`, oldest first (maybe none)."""

    @abstractmethod
    def forming(self, symbol: str, timeframe: str) -> FormingBar | None:
        """Return the bar of a timeframe in which the last trade lies, as known at `now`.

        None when its beginning is not in the data: declare the timeframe in `needs` (see `NeedsBars`).
        """


@runtime_checkable
class NeedsBars(Protocol):
    """A gate, sizer or exit rule that reads bars: it says which, and they are there from the first signal on."""

    @abstractmethod
    def needs(self) -> Sequence[Need]:
        """Return the timeframes that it reads; the same at every call."""


class Scanner(Protocol):
    """Finds signals. Columnar and pure: cutting the history after a row must leave the row as it is."""

    @abstractmethod
    def needs(self) -> Sequence[Need]:
        """Return the timeframes that `scan` reads; the same at every call."""

    @abstractmethod
    def scan(self, market: MarketHistory) -> SignalTable:
        """Return the signals of every bar at once, each with the time from which it was known."""


class Gate(Protocol):
    """Lets a signal pass, refuses it, or scales it. A gate that fails refuses."""

    @abstractmethod
    def review(self, signal: Signal, portfolio: Portfolio, market: MarketNow) -> GateAnswer:
        """Judge one signal at the moment of entry."""


@runtime_checkable
class MaskingGate(Protocol):
    """A gate that depends on the signal alone and judges whole tables when signals are detected."""

    @abstractmethod
    def review(self, signal: Signal, portfolio: Portfolio, market: MarketNow) -> GateAnswer:
        """Judge one signal; must agree with `mask`."""

    @abstractmethod
    def mask(self, table: SignalTable) -> GateMask:
        """Judge every row at once."""


class Sizer(Protocol):
    """Chooses the quantity; so far of the signal's own instrument."""

    @abstractmethod
    def size(self, signal: Signal, account: Account, market: MarketNow) -> OrderPlan:
        """Return the plan; a quantity of zero means skip, with its reason."""


@runtime_checkable
class LeveragedSizer(Protocol):
    """A sizer that may ask for leverage, and tells how much, so that it is matched with limits and margin rules."""

    @abstractmethod
    def size(self, signal: Signal, account: Account, market: MarketNow) -> OrderPlan:
        """Return the plan; a quantity of zero means skip, with its reason."""

    @abstractmethod
    def highest_leverage(self, instrument: Instrument) -> Decimal:
        """Return the most leverage that a plan for `instrument` may have."""


class ExitRule(Protocol):
    """Closes positions. Rules are asked in the profile's order and every answer is journalled."""

    @abstractmethod
    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        """Return an exit to close the position, or a part of it, at the market now, or None."""


@runtime_checkable
class LevelRule(Protocol):
    """An exit rule whose exits are prices: they work as orders, and a back-test may jump between them.

    One that also closes at the market overrides `on_market`; it is then asked on every bar, unless it is a
    `PatientRule` too.
    """

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:  # noqa: ARG002  (for rules that override)
        """Return None: the levels work as orders."""
        return None

    @abstractmethod
    def levels(self, position: Position) -> Levels:
        """Return the prices at which the position shall be closed; a stop never moves away from the price.

        Partial targets are those still to come: `position.closed_quantity` tells what was closed already.
        """


@runtime_checkable
class PatientRule(Protocol):
    """An exit rule that can tell in advance when it has nothing to say, so that a back-test may jump."""

    @abstractmethod
    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        """Return an exit to close the position at the market now, or None."""

    @abstractmethod
    def waiting(self, position: Position, market: MarketNow) -> Waiting:
        """Return what must happen in the position's symbol before `on_market` can return anything but None.

        It is asked after a bar on which `on_market` returned None. Too early is allowed, too late is not.
        """


class Provider(Protocol):
    """Delivers market data: closed bars only, UTC, strictly increasing."""

    @abstractmethod
    async def open(self) -> None:
        """Acquire what is needed; raises NotReady, AuthFailed or DataError."""

    @abstractmethod
    async def close(self) -> None:
        """Release it."""

    @abstractmethod
    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return the instruments of `symbols`; raises DataError naming each unknown one."""

    @abstractmethod
    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        """Return the closed bars of each symbol; raises DataError for what it cannot deliver."""

    @abstractmethod
    def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        """Yield closed bars ordered by time, then by the order of `request.symbols`."""


@runtime_checkable
class KnowsTimeframes(Protocol):
    """A provider that can tell before it is opened which bars it delivers."""

    @abstractmethod
    def offers(self, timeframe: Timeframe) -> bool:
        """Tell whether bars of `timeframe` may be asked for."""


@runtime_checkable
class FundingProvider(Protocol):
    """A provider of perpetuals that knows their funding rates (capability `funding`)."""

    @abstractmethod
    async def funding(self, request: HistoryRequest) -> Sequence[FundingDue]:
        """Return the funding times and rates of the request's span, ordered by time."""


@runtime_checkable
class HasOwnTimeframe(Protocol):
    """A provider whose bars of a symbol have one timeframe of their own, such as the bars of a file."""

    @abstractmethod
    async def own_timeframe(self, symbol: str) -> Timeframe:
        """Return the timeframe in which the bars of a symbol are kept; raises DataError when there are none."""


@runtime_checkable
class QuoteProvider(Protocol):
    """A provider that can be asked for prices between two bars (capability `quotes`)."""

    @abstractmethod
    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Return the latest quote of each symbol that has one, with its own time; raises VenueError."""


@runtime_checkable
class StreamsQuotes(Protocol):
    """A provider that tells prices between two bars as they change (capability `quotes`)."""

    @abstractmethod
    def quote_stream(self, symbols: Sequence[str]) -> AsyncIterator[Quote]:
        """Yield a quote of a symbol at each change of its price, with the venue's time; raises VenueError."""


class Broker(Protocol):
    """Sends orders. `submit` is idempotent on `client_order_id`; results arrive as events.

    No method may wait without an end, and none may send an order again by itself: after an unclear answer only the
    kernel decides, and it asks first.
    """

    @abstractmethod
    async def open(self) -> None:
        """Connect; raises NotReady or AuthFailed."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect; working protective orders stay at the venue."""

    @abstractmethod
    async def snapshot(self) -> VenueSnapshot:
        """Return the whole account as the venue sees it.

        Raises VenueError when any part of it cannot be read: what is missing is never reported as empty.
        """

    @abstractmethod
    async def find(self, client_order_id: str) -> OrderReport | None:
        """Return an order of any age and state, or None when the venue says that it does not know it.

        Raises VenueError when the venue cannot be asked.
        """

    @abstractmethod
    async def submit(self, order: Order) -> None:
        """Send an order once; that the venue already has one of this identity is an acceptance.

        Raises OrderRefused when the venue refused it for good, NotSent when nothing was sent, Throttled, AuthFailed.
        After anything else that is raised the outcome is unknown.
        """

    @abstractmethod
    async def cancel(self, client_order_id: str) -> None:
        """Ask the venue to withdraw an order; that it is gone arrives as an event. Raises VenueError."""

    @abstractmethod
    def events(self) -> AsyncIterator[BrokerEvent]:
        """Yield what happens to orders and positions, until the broker is closed.

        Ends or raises when the connection is lost; it is then called again, and what was missed is read by a snapshot.
        """


@runtime_checkable
class SimulatedBroker(Protocol):
    """A broker that lives on the market data it is shown (capability `simulated`): what a back-test trades on."""

    @abstractmethod
    def observe(self, event: MarketEvent) -> Sequence[BrokerEvent]:
        """Let the market move; return what that did to orders and positions."""

    @abstractmethod
    def place(self, order: Order, now: int) -> Sequence[BrokerEvent]:
        """Take an order at `now`; return what became of it at once."""

    @abstractmethod
    def withdraw(self, client_order_id: str, now: int) -> Sequence[BrokerEvent]:
        """Cancel an order at `now`."""

    @abstractmethod
    def take_over(self, account: CarriedAccount, now: int) -> None:
        """Go on with an account that an earlier process left."""


@runtime_checkable
class PatientBroker(Protocol):
    """A simulated broker that tells what it waits for, so that a back-test may jump."""

    @abstractmethod
    def waiting(self, symbol: str) -> Waiting:
        """Return what must happen in the market of `symbol` before an event of it can cause anything."""

    @abstractmethod
    def pass_over(self, passed: PassedOver) -> None:
        """Take note of events that cannot have caused anything, as if they had been observed."""


class Alerter(Protocol):
    """Tells people. May fail; never blocks trading."""

    @abstractmethod
    async def open(self) -> None:
        """Connect."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect."""

    @abstractmethod
    async def send(self, alert: Alert) -> None:
        """Deliver one alert; raises VenueError when it could not."""
