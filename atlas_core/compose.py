"""Profile + registry → a system of live objects; what a profile needs is matched with what is offered before anything
opens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import field, frozen
from loguru import logger

from atlas_core.clock import Clock, SimClock
from atlas_core.contracts import (
    Alerter,
    Broker,
    Capability,
    Context,
    HistoryRequest,
    Kind,
    KnowsTimeframes,
    LevelRule,
    Need,
    NeedsBars,
    Provider,
    Scanner,
    SimulatedBroker,
)
from atlas_core.engine.guard import Ask, directly
from atlas_core.engine.ports import EngineParts, MovingMarket
from atlas_core.errors import ContractError, ProfileError
from atlas_core.margins import group_problems, limit_problems, margin_problems
from atlas_core.marketdata.grid import UTC_GRID, BucketGrid
from atlas_core.marketdata.timetable import Timetable
from atlas_core.model.costs import TellsCosts, TellsFills, TradingCosts
from atlas_core.model.instrument import Instrument, InstrumentKind
from atlas_core.model.records import RunStarted, SessionResumed
from atlas_core.model.timeframe import Timeframe, parse_timeframe
from atlas_core.opening import Introduce, closed_in_time, in_time, introduced
from atlas_core.options import Problem
from atlas_core.profile import Profile, Selection
from atlas_core.profile.model import DEFAULT
from atlas_core.runs import Mode
from atlas_core.wiring import engine_of, seeded, timetable_of

if TYPE_CHECKING:
    from atlas_core.engine.engine import Engine

T = TypeVar("T")

_TRADED_KINDS = (InstrumentKind.SPOT, InstrumentKind.PERP, InstrumentKind.STOCK, InstrumentKind.OPTION)


@frozen(kw_only=True)
class LabelledScanner:
    """A scanner with its label and its needs, asked once."""

    label: str
    scanner: Scanner
    needs: tuple[Need, ...]


@frozen
class Asked:
    """What one component of a profile reads."""

    by: Selection
    needs: tuple[Need, ...]


@frozen(kw_only=True)
class System:
    """Everything that a profile composes, made but not opened.

    `instruments` is empty until the provider has been opened; every component's context shows it. `asked` holds what
    scanners, gates, sizer and exit rules read.
    """

    profile: Profile
    mode: Mode
    broker: Selection
    provider: Provider
    scanners: tuple[LabelledScanner, ...]
    parts: EngineParts
    alerters: tuple[tuple[str, Alerter], ...]
    context: Callable[[Selection], Context]
    instruments: dict[str, Instrument]
    asked: tuple[Asked, ...] = ()
    clock: Clock = field(factory=SimClock)

    @property
    def synthetic(self) -> bool:
        """Tell whether the market is made up; every screen says so."""
        return Capability.SYNTHETIC in self.profile.provider.component.capabilities

    @property
    def is_real_time(self) -> bool:
        """Tell whether the market goes on by itself: a session on it has no end, and continues its journal."""
        return self.mode is Mode.LIVE or Capability.REAL_TIME in self.profile.provider.component.capabilities

    @property
    def costs(self) -> TradingCosts:
        """Return what the broker's options say that a fill at the market costs, nothing where they do not say."""
        return _costs_of(self.broker)

    @property
    def fill_model(self) -> str:
        """Return in words when orders fill, as the broker's options say it, empty where they do not."""
        return self.broker.options.fill_model() if isinstance(self.broker.options, TellsFills) else ""

    @property
    def base_timeframe(self) -> Timeframe:
        """Return the timeframe of the bars that everything is built from."""
        return self.profile.universe.base_timeframe

    def window_bars(self) -> dict[str, int]:
        """Return per timeframe how many bars a scanner must be shown to find the signals of the newest one."""
        bars: dict[str, int] = {}
        for need in (need for scanner in self.scanners for need in scanner.needs):
            bars[need.timeframe] = max(bars.get(need.timeframe, 0), need.warmup_bars + 2)
        return bars

    def describe(self) -> tuple[str, ...]:
        """Return one line per component: kind, label and what it uses."""
        return tuple(f"{s.kind} {s.label} = {s.use}" for s in self.profile.selections())


@frozen(kw_only=True)
class OpenSystem:
    """A system whose adapters are open."""

    system: System
    instruments: Mapping[str, Instrument]
    broker: Broker
    timetable: Timetable = field(factory=Timetable)

    def history(self, start: int | None, end: int | None) -> HistoryRequest:
        """Return the request for the base bars of the universe."""
        universe, sessions = self.system.profile.universe, self.timetable.session_of
        return HistoryRequest(
            symbols=universe.symbols, timeframe=universe.base_timeframe, start=start, end=end, sessions=sessions
        )

    def warm_from(self, start: int) -> int:
        """Return where history must begin so that everything that is looked back on at `start` is there."""
        return self.timetable.history_start(start, (need for asked in self.system.asked for need in asked.needs))

    @property
    def is_simulated(self) -> bool:
        """Tell whether the broker lives on the bars that it is shown, and answers at once."""
        return isinstance(self.broker, SimulatedBroker)

    def simulated(self) -> SimulatedBroker:
        """Return the simulated broker; raises ContractError when it is a real one."""
        if not isinstance(self.broker, SimulatedBroker):
            raise ContractError(f"broker {self.system.broker.label}: expected a simulated one, was a real one")
        return self.broker

    def engine(self, market: MovingMarket, ask: Ask = directly) -> Engine:
        """Make the engine of this system on a view of the market; `ask` is how a session calls the deciders."""
        return engine_of(self.system, self.instruments, market, ask)

    def resumed(self, ts: int, *, crashed: bool) -> SessionResumed:
        """Return the first record of a session that goes on with a journal."""
        profile = self.system.profile
        return SessionResumed(ts=ts, crashed=crashed, profile_digest=profile.digest, components=self.system.describe())

    def started(self, ts: int) -> RunStarted:
        """Return the first record of a run of this system."""
        system, profile = self.system, self.system.profile
        return RunStarted(
            ts=ts,
            profile=profile.name,
            mode=system.mode.value,
            synthetic=system.synthetic,
            seed=profile.seed,
            starting_cash=profile.starting_cash,
            quote=profile.quote,
            base_timeframe=str(system.base_timeframe),
            symbols=profile.universe.symbols,
            profile_digest=profile.digest,
            components=system.describe(),
            cost_model=str(system.costs) if isinstance(system.broker.options, TellsCosts) else "",
            fill_model=system.fill_model,
        )


def check_system(profile: Profile, mode: Mode) -> list[Problem]:
    """Return what keeps this profile from running in `mode`, without opening anything."""
    problems = [*_broker_problems(profile, mode), *_provider_problems(profile, mode)]
    maker = _Maker(profile, SimClock(), _costs_of(broker_for(profile, mode)))
    asked: list[Asked] = []
    for selection in (*profile.scanners, *profile.gates, profile.sizer, *profile.exits):
        try:
            asked.append(maker.asked(selection))
        except ProfileError as error:
            problems += error.problems
    for selection in profile.alerters:
        problems += maker.making_problems(selection)
    problems += [*_base_problems(profile, maker), *_unmakeable(profile, asked, timetable_of(profile, {}))]
    if not problems:
        problems += _protection_problems(profile, maker)
        problems += limit_problems(profile, maker.make(profile.sizer))
    return problems


def compose(profile: Profile, mode: Mode, clock: Clock | None = None) -> System:
    """Make the objects of a profile for `mode`; nothing is opened. Raises ProfileError with every problem."""
    problems = check_system(profile, mode)
    if problems:
        raise ProfileError(problems)
    clock = clock or SimClock()
    maker = _Maker(profile, clock, _costs_of(broker_for(profile, mode)))
    scanners = tuple(maker.scanner(selection) for selection in profile.scanners)
    deciders = [(selection, maker.make(selection)) for selection in (*profile.gates, profile.sizer, *profile.exits)]
    made = [(selection.label, decider) for selection, decider in deciders]
    count = len(profile.gates)
    return System(
        profile=profile,
        mode=mode,
        broker=broker_for(profile, mode),
        provider=maker.make(profile.provider),
        scanners=scanners,
        parts=EngineParts(gates=tuple(made[:count]), sizer=made[count], exits=tuple(made[count + 1 :])),
        asked=(
            *(Asked(by, found.needs) for by, found in zip(profile.scanners, scanners, strict=True)),
            *(Asked(selection, _needs_of(decider)) for selection, decider in deciders),
        ),
        alerters=tuple((s.label, maker.make(s)) for s in profile.alerters),
        context=maker.context,
        instruments=maker.instruments,
        clock=clock,
    )


@asynccontextmanager
async def opened(
    system: System, *, adapt: Callable[[System, Broker], Broker] | None = None, introduce: Introduce | None = None
) -> AsyncIterator[OpenSystem]:
    """Open provider and broker in this order, and close what was opened in reverse.

    `adapt` may put something around a broker that is not simulated, `introduce` stand for `introduced`. The alerters
    are opened by the outbox: telling people may fail, and keeps no session from its start. Raises ProfileError when the
    broker cannot be made or does not take an instrument, NotReady for an adapter that does not answer in its time, and
    what the adapters raise.
    """
    async with AsyncExitStack() as stack:
        instruments = await (introduce or introduced)(system, stack)
        timetable = timetable_of(system.profile, instruments)
        _require_tradable(system, instruments, timetable)
        system.instruments.update(instruments)
        broker: Broker = _made(system.broker, system.context(system.broker))
        is_simulated = Capability.SIMULATED in system.broker.component.capabilities
        if adapt is not None and not is_simulated:
            broker = adapt(system, broker)
        name = f"broker {system.broker.label}"
        await in_time(name, broker.open())
        stack.push_async_callback(closed_in_time, name, broker.close)
        if is_simulated and not isinstance(broker, SimulatedBroker):
            raise ContractError(
                f"broker {system.broker.label}: declares `simulated` but has no observe, place, withdraw"
            )
        yield OpenSystem(system=system, instruments=instruments, broker=broker, timetable=timetable)


def _require_tradable(system: System, instruments: Mapping[str, Instrument], timetable: Timetable) -> None:
    """Match the instruments with the broker's kinds, the leverage and the sessions asked for; raises ProfileError."""
    offered = {str(capability) for capability in system.broker.component.capabilities}
    problems = [
        _problem(system.broker, f"expected a broker that takes {instrument.kind}, for {symbol}, was {_listed(offered)}")
        for symbol, instrument in instruments.items()
        if instrument.kind in _TRADED_KINDS and instrument.kind not in offered
    ]
    problems += margin_problems(system.profile.sizer, system.parts.sizer[1], instruments.values())
    problems += _unmakeable(system.profile, system.asked, timetable)
    problems += group_problems(system.profile, instruments)
    if problems:
        raise ProfileError(problems)


def _made(selection: Selection, context: Context) -> Any:
    """Return what a component's factory makes; raises ProfileError naming the component when it fails."""
    try:
        return selection.component.factory(selection.options, context)
    except Exception as error:
        problem = _problem(selection, f"could not be made: {type(error).__name__}: {error}")
        raise ProfileError([problem]) from error


@frozen
class _Maker:
    """Makes components, each with a context of its own; a shared client is made once per system."""

    profile: Profile
    clock: Clock
    costs: TradingCosts
    instruments: dict[str, Instrument] = field(factory=dict)
    _shared: dict[Hashable, object] = field(factory=dict)
    _scanned: dict[str, None] = field(factory=dict)

    def context(self, selection: Selection) -> Context:
        def share(key: Hashable, make: Callable[[], object]) -> object:
            if key not in self._shared:
                self._shared[key] = make()
            return self._shared[key]

        return Context(
            label=selection.label,
            clock=self.clock,
            log=logger.bind(component=selection.label),
            random=seeded(self.profile.seed, selection.label),
            share=share,
            instruments=MappingProxyType(self.instruments),
            starting_cash=self.profile.starting_cash,
            seed=self.profile.seed,
            costs=self.costs,
            scanned_timeframes=tuple(self._scanned),
        )

    def make(self, selection: Selection) -> Any:
        return _made(selection, self.context(selection))

    def scanner(self, selection: Selection) -> LabelledScanner:
        """Return a scanner with its needs, and tell their timeframes to what is made after it; raises ProfileError."""
        scanner: Scanner = self.make(selection)
        try:
            needs = tuple(scanner.needs())
            self._scanned.update(dict.fromkeys(parse_timeframe(need.timeframe).text for need in needs))
        except Exception as error:
            raise ProfileError([_untold(selection, error)]) from error
        return LabelledScanner(label=selection.label, scanner=scanner, needs=needs)

    def making_problems(self, selection: Selection) -> list[Problem]:
        try:
            self.make(selection)
        except ProfileError as error:
            return list(error.problems)
        return []

    def asked(self, selection: Selection) -> Asked:
        """Return what a component reads; raises ProfileError when it cannot be made or does not tell."""
        if selection.kind is Kind.SCANNER:
            return Asked(selection, self.scanner(selection).needs)
        component = self.make(selection)
        try:
            return Asked(selection, _needs_of(component))
        except Exception as error:
            raise ProfileError([_untold(selection, error)]) from error


def _needs_of(component: object) -> tuple[Need, ...]:
    """Return what a decider reads; raises ValueError for a timeframe that is none."""
    needs = tuple(component.needs()) if isinstance(component, NeedsBars) else ()
    for need in needs:
        parse_timeframe(need.timeframe)
    return needs


def _untold(selection: Selection, error: Exception) -> Problem:
    return _problem(selection, f"did not tell its needs: {type(error).__name__}: {error}")


def _base_problems(profile: Profile, maker: _Maker) -> list[Problem]:
    """Return whether the provider can deliver the base bars, as far as it can tell before it is opened."""
    try:
        provider = maker.make(profile.provider)
    except ProfileError as error:
        return list(error.problems)
    keys = ("base_timeframe", "detail_timeframe") if isinstance(provider, KnowsTimeframes) else ()
    asked = [(key, timeframe) for key in keys if (timeframe := getattr(profile.universe, key)) is not None]
    return [_not_offered(profile, key, timeframe) for key, timeframe in asked if not provider.offers(timeframe)]


def _not_offered(profile: Profile, key: str, timeframe: Timeframe) -> Problem:
    said = profile.origins.get(f"universe.{key}", DEFAULT)
    message = f"expected bars that the provider {profile.provider.use} offers, was {timeframe}"
    file, line = (profile.provider.file, None) if said == DEFAULT else (said.source, said.line)
    return Problem(message=message, table="universe", key=key, file=file, line=line)


def _unmakeable(profile: Profile, asked: Iterable[Asked], timetable: Timetable) -> list[Problem]:
    """Return the timeframes that the base bars cannot make in one of the sessions."""
    base = profile.universe.base_timeframe
    return [
        _problem(one.by, f"expected timeframes that {base} bars can make{_in_words(grid)}, was {text}")
        for one in asked
        for text in dict.fromkeys(need.timeframe for need in one.needs)
        for grid in timetable.different
        if not grid.can_make(base, parse_timeframe(text))
    ]


def _in_words(grid: BucketGrid) -> str:
    return "" if grid is UTC_GRID else " in trading sessions"


def broker_for(profile: Profile, mode: Mode) -> Selection:
    """Return the broker of a profile in a mode: that of `[paper]` where a real one would not be traded on."""
    is_simulated = Capability.SIMULATED in profile.broker.component.capabilities
    if mode is Mode.LIVE or is_simulated or profile.paper is None:
        return profile.broker
    return profile.paper


def _costs_of(broker: Selection) -> TradingCosts:
    """Return what the broker's options say that trading costs, nothing where they do not say."""
    return broker.options.trading_costs() if isinstance(broker.options, TellsCosts) else TradingCosts()


def _broker_problems(profile: Profile, mode: Mode) -> list[Problem]:
    selection = broker_for(profile, mode)
    is_simulated = Capability.SIMULATED in selection.component.capabilities
    if mode is Mode.LIVE:
        if is_simulated:
            return [_problem(selection, "expected a real broker for a live run, was a simulated one")]
        if not profile.live.account:
            return [_unnamed_account(profile)]
    elif not is_simulated:
        text = f"expected a simulated broker for a {mode} run, was {selection.use!r}"
        return [_problem(selection, text, 'add a table [paper] with use = "paper"')]
    offered = selection.component.capabilities
    if Capability.MARKET not in offered:
        return [_problem(selection, f"entries and exits need market orders; {selection.use} offers {_listed(offered)}")]
    return []


def _unnamed_account(profile: Profile) -> Problem:
    return Problem(
        message="expected the account that a live session may trade on, was missing",
        table="live",
        key="account",
        file=str(profile.source),
        suggestion='write [live] account = "..." as the venue names it',
    )


def _provider_problems(profile: Profile, mode: Mode) -> list[Problem]:
    selection = profile.provider
    wanted = Capability.HISTORY if mode is Mode.BACKTEST else Capability.STREAM
    offered = selection.component.capabilities
    if wanted in offered:
        return []
    return [_problem(selection, f"a {mode} run needs {wanted}; {selection.use} offers {_listed(offered)}")]


def _protection_problems(profile: Profile, maker: _Maker) -> list[Problem]:
    if profile.protection.waiver or any(isinstance(maker.make(s), LevelRule) for s in profile.exits):
        return []
    text = "expected an exit rule that gives a stop (for example `stop` or `max-loss`), was none"
    return [
        Problem(
            message=text,
            table="exit",
            file=profile.broker.file,
            suggestion="or say why positions may be without one: [protection] waiver",
        )
    ]


def _listed(capabilities: Iterable[str]) -> str:
    return ", ".join(sorted(capabilities)) or "nothing"


def _problem(selection: Selection, message: str, suggestion: str = "") -> Problem:
    return Problem(
        message=f"{selection.use}: {message}",
        table=selection.table,
        file=selection.file,
        line=selection.line,
        suggestion=suggestion,
    )
