"""A session: one loop that takes what the market, the venue and people say through a desk, in the order of its inbox.

On a market of the past the session ends with its stream. On one that goes on, it ends when somebody asks for it, and
the next session continues its journal. A simulated broker answers at once; with a real one tasks stand beside the loop
that read the venue's events and the whole account, and send orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress

from attrs import define, evolve, field
from loguru import logger

from atlas_core.clock import ElapsingClock, to_datetime
from atlas_core.compose import OpenSystem, System, opened
from atlas_core.contracts import Broker, Capability, HistoryRequest, QuoteProvider, StreamsQuotes
from atlas_core.control.beat import BRINGS_BARS
from atlas_core.engine.engine import Engine
from atlas_core.engine.guard import directly
from atlas_core.engine.state import SignalState
from atlas_core.errors import DataError, SessionFailed
from atlas_core.journal import Journal
from atlas_core.loading import funding_of
from atlas_core.marketdata.history import PastMarket
from atlas_core.marketdata.live import LiveMarket
from atlas_core.marketdata.timetable import Intake
from atlas_core.model.events import (
    AccountRead,
    BarClosed,
    BrokerEvent,
    Event,
    OperatorCommand,
    Quote,
    SignalsFound,
    Tick,
)
from atlas_core.model.orders import Order
from atlas_core.model.timeframe import DAY, HOUR, MINUTE, SECOND
from atlas_core.runs import Mode, RunSummary
from atlas_core.runtime.arrival import MarketArrival, PatientBroker
from atlas_core.runtime.bounded_calls import BackgroundCalls, BoundedCalls
from atlas_core.runtime.closings import close_job
from atlas_core.runtime.disk_room import DiskRoom
from atlas_core.runtime.gateway import OrderGateway, Permit, anything
from atlas_core.runtime.inbox import EndOfStream, Inbox, MarketItem, StopAsked, Turn, UrgentItem
from atlas_core.runtime.instrument_memory import InstrumentMemory
from atlas_core.runtime.intake import Look, MarketIntake
from atlas_core.runtime.isolation import Isolation
from atlas_core.runtime.live_desk import LiveDesk
from atlas_core.runtime.outbox import Outbox, OutboxRules
from atlas_core.runtime.plausibility import FARTHEST_AHEAD, require_no_future
from atlas_core.runtime.price_poll import PricePoll
from atlas_core.runtime.price_stream import PriceStream
from atlas_core.runtime.rarely import Rarely
from atlas_core.runtime.reconciler import Reconciler
from atlas_core.runtime.recording import Recorder, Unrecorded
from atlas_core.runtime.scan_times import ScanTimes, scan_job
from atlas_core.runtime.scanning import ScanDesk
from atlas_core.runtime.supervisor import Restart, Supervisor, TaskFailure
from atlas_core.runtime.wall_clock import SteadyClock
from atlas_core.runtime.warm_up import WarmUp
from atlas_core.trading import TradingDesk
from atlas_core.watching import Scribe, Unwatched, Watch

TICK_SECONDS = 5.0
GRACE_TICKS = 1
SETTLE_SECONDS = 8.0
LEAVES_WITHIN = 5 * SECOND
"""Between what is decided in the last moment of a signal and its request lie a commit and a queue."""

END_OF_DATA = "end of data"
ONCE = "once"
SCAN_OF = "scan of"
WAITED_FOR = "came up without it: positions keep their stops, nothing is entered, tried again until it is there"

Stream = Callable[[AsyncIterator[BarClosed]], AsyncIterator[BarClosed]]


def as_it_comes(bars: AsyncIterator[BarClosed]) -> AsyncIterator[BarClosed]:
    """Return a stream unchanged."""
    return bars


@define(kw_only=True)
class SessionPlan:
    """How a session is run besides its profile.

    `pace` may hold back the provider's stream, `permit` may hold back entries, `account_id` is the account that the
    keys must belong to (empty: any), `random` spreads the waits between tries, `begun` is told when the session is up.
    A market of the past ends for the reason that `ended_by` gives, with `once` after the first look of its scanners.
    What the session is given is recorded with `recorder`, for a replay. With a `memory` a session that goes on comes up
    also while its market or its venue cannot be reached.

    Three parts keep plugins from delaying each other, and an exit: with `calls` the deciders are called in a thread,
    with a deadline; with `background` the scanners of a live session work beside its loop; with `isolation` the
    adapters live in loops of their own. Without them everything happens at once and in one thread.
    """

    watch: Watch = field(factory=Unwatched)
    pace: Stream = as_it_comes
    permit: Permit = anything
    account_id: str = ""
    calls: BoundedCalls | None = None
    background: BackgroundCalls | None = None
    isolation: Isolation | None = None
    recorder: Recorder = field(factory=Unrecorded)
    memory: InstrumentMemory | None = None
    random: Callable[[], float] = lambda: 0.5
    begun: Callable[[Session], None] = lambda _session: None
    ended_by: Callable[[], str] = lambda: END_OF_DATA
    once: bool = False


async def run_session(system: System, journal: Journal, plan: SessionPlan | None = None) -> RunSummary:
    """Run a composed system on its provider's stream; return how it ended.

    Raises DataError when a finite stream brings no bar, or one that cannot be: of another symbol, without finite
    prices, a second time, or after a later one.
    """
    plan = plan or SessionPlan()
    if system.mode is Mode.LIVE:
        clock, loop = system.clock, asyncio.get_running_loop()
        elapsed = clock.elapsed_seconds if isinstance(clock, ElapsingClock) else loop.time
        system = evolve(system, clock=SteadyClock(clock, elapsed))
    async with AsyncExitStack() as stack:
        stack.callback(plan.recorder.close)
        isolation = plan.isolation
        if isolation is not None:
            system = isolation.isolated(system)
        arrival = MarketArrival(system, plan.memory)

        def adapted(system: System, broker: Broker) -> Broker:
            broker = isolation.broker(system, broker) if isolation else broker
            return PatientBroker(broker) if arrival.can_wait else broker

        live = await stack.enter_async_context(opened(system, adapt=adapted, introduce=arrival.introduce))
        inbox = Inbox()
        told: list[Session] = []
        tasks = await stack.enter_async_context(
            Supervisor(plan.random, lambda failure: told[0].task_failed(failure) if told else None)
        )
        rules = OutboxRules.of(system.profile.alerts)
        outbox = Outbox(journal, system.alerters, rules, system.clock.now, plan.random)
        outbox.start(tasks)
        stack.push_async_callback(outbox.drain)
        session = await _prepare(live, Scribe(journal, plan.watch, outbox.committed), inbox, tasks, plan, arrival)
        told.append(session)
        plan.begun(session)
        return await session.run()


@define
class Session:
    """The loop, and what stands beside it."""

    live: OpenSystem
    desk: TradingDesk | LiveDesk
    intake: MarketIntake
    inbox: Inbox
    tasks: Supervisor
    request: HistoryRequest
    plan: SessionPlan
    arrival: MarketArrival
    warm_up: WarmUp
    reconciler: Reconciler | None = None
    prices: Sequence[PricePoll | PriceStream] = ()
    progress: dict[str, int] = field(factory=dict)
    _told_at: int = 0
    _ticks_waited: int = 0
    _bad_bars: Rarely = field(factory=Rarely)

    @property
    def is_real_time(self) -> bool:
        """Tell whether the market goes on by itself."""
        return self.live.system.is_real_time

    def request_stop(self, reason: str) -> None:
        """Ask for the end of the session in good order."""
        self.inbox.tell(StopAsked(reason))

    def command(self, command: OperatorCommand) -> None:
        """Let a person's command be carried out."""
        self.inbox.tell(command)

    async def run(self) -> RunSummary:
        """Run until the stream ends (with a simulated broker) or until somebody asks for the end."""
        self._start_tasks()
        if self.is_real_time:
            self.intake.begin(self.live.system.clock.now())
            self._tell_of_absence()
        reason, goes_on = "", self.is_real_time
        while not reason:
            reason = self._take(await self.inbox.get())
            if goes_on:
                await asyncio.sleep(0)  # a full inbox must not keep orders from leaving
        return await self._finish(reason)

    def task_failed(self, failure: TaskFailure) -> None:
        """Record that a task of the session failed."""
        if self.intake.now is not None:
            component = f"task {failure.task}"
            self.desk.engine.component_failed(component, failure.reason, failure.policy, failure.severity)
            self.desk.note()

    def _start_tasks(self) -> None:
        restart = Restart.ALWAYS if self.is_real_time else Restart.NEVER
        self.tasks.own(BRINGS_BARS, self._read_stream, critical=not self.is_real_time, restart=restart)
        if self.is_real_time:
            self.tasks.own("ticks", self._tick, critical=True, restart=Restart.ALWAYS)
        if isinstance(self.desk, LiveDesk):
            assert self.reconciler is not None
            label = self.live.system.broker.label
            self.tasks.own("account", self.reconciler.run, plugin=label, critical=True, restart=Restart.ALWAYS)
            self.tasks.own("broker events", self._read_events, plugin=label, critical=True, restart=Restart.ALWAYS)
        if not self.arrival.fault:
            self._hear_prices()

    def _hear_prices(self) -> None:
        label = self.live.system.profile.provider.label
        for prices in self.prices:
            name = "price stream" if isinstance(prices, PriceStream) else "prices"
            self.tasks.own(name, prices.run, plugin=label, restart=Restart.ALWAYS)

    def _tell_of_absence(self) -> None:
        """Tell people that the session came up without its market, or without its venue."""
        absent = [(f"provider {self.live.system.profile.provider.label}", self.arrival.fault)]
        if isinstance(self.live.broker, PatientBroker):
            absent.append((f"broker {self.live.system.broker.label}", self.live.broker.fault))
        for component, fault in absent:
            if fault:
                self.desk.engine.component_failed(component, fault, WAITED_FOR)
                self.desk.note()

    async def _meet_market(self) -> None:
        """Do what the start could not: the bars until now are history, as they would have been then."""
        try:
            await self.arrival.complete(lambda: self.warm_up.fill(self.live.system.clock.now()))
        except SessionFailed as error:
            self.tasks.end_session(error)
            raise
        self.intake.rejoin(self.live.system.clock.now())
        logger.info("the market is there")
        self._hear_prices()

    async def _read_stream(self) -> None:
        """Read the provider's stream to its end; where the market goes on, its end is a failure that is tried again."""
        if self.arrival.fault:
            await self._meet_market()
        stream = self.plan.pace(self.live.system.provider.stream(self.request))
        try:
            async for item in stream:
                await self.inbox.put(item)
        except Exception as error:
            if self.is_real_time:
                raise
            await self.inbox.put(EndOfStream(error))
        else:
            if not self.is_real_time:
                await self.inbox.put(EndOfStream())
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()

    async def _read_events(self) -> None:
        """Pass on what the venue tells; what was missed before is in the account that is read now."""
        assert self.reconciler is not None
        self.reconciler.want()
        async for event in self.live.broker.events():
            self.inbox.tell(self._dated(event))
            await asyncio.sleep(0)  # a flood of events is taken as fast as it is answered, not faster

    def _dated(self, event: BrokerEvent) -> BrokerEvent:
        """Return an event of the venue with a time that can be: one far ahead of our clock happened now."""
        now = self.live.system.clock.now()
        if event.ts <= now + FARTHEST_AHEAD:
            return event
        logger.error("the venue dates an event {} days ahead of our clock, it counts as now", (event.ts - now) // DAY)
        return evolve(event, ts=now)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.inbox.tell(Tick(self.live.system.clock.now()))

    def _take(self, item: UrgentItem | MarketItem) -> str:
        """Take one item through the desk; return why the session ends, or nothing."""
        self.progress[type(item).__name__] = self.progress.get(type(item).__name__, 0) + 1
        match item:
            case StopAsked(reason):
                return reason
            case Turn(act):
                act()
            case EndOfStream(error):
                return self._end_of_stream(error)
            case BarClosed():
                self._take_bar(item)
                return ONCE if self.plan.once and self.intake.scanned_at else ""
            case _:
                self._take_event(item)
        return ""

    def _take_event(self, event: UrgentItem | Quote) -> None:
        if self.intake.now is None:  # nothing has begun
            if isinstance(event, OperatorCommand):
                self.intake.waiting.append(event)
            return
        assert not isinstance(event, (StopAsked, Turn))
        if isinstance(event, Tick):
            self._grant_grace()
            self.intake.pass_time(event.ts)
        elif isinstance(event, Quote) and not self.intake.plausible.believes(event):
            return
        self._tell_desk(event)

    def _tell_desk(self, event: Event) -> None:
        self.desk.feed(event)
        self.desk.flush()
        self.plan.recorder.flush()
        if isinstance(event, AccountRead) and self.reconciler and self.desk.engine.reconciling.is_in_doubt:
            self.reconciler.doubt()

    def _take_bar(self, bar: BarClosed) -> None:
        try:
            if self.is_real_time:
                require_no_future(bar, self.live.system.clock.now())
            is_complete = self.intake.take(bar)
        except DataError as error:
            if not self.is_real_time:
                raise
            if self._bad_bars.is_told(asyncio.get_running_loop().time()):
                policy = f"left the bar out (the {self._bad_bars.happened:,}. one)"
                self.desk.engine.component_failed("provider", str(error), policy)
                self.desk.note()
            return
        if is_complete:
            self._ticks_waited = 0
            self._tell_progress()

    def _grant_grace(self) -> None:
        """Go on without the bars that did not come, after a tick or two."""
        if not self.intake.is_waiting:
            self._ticks_waited = 0
            return
        self._ticks_waited += 1
        if self._ticks_waited > GRACE_TICKS:
            self._ticks_waited = 0
            self.intake.take_group()
            self._tell_progress()

    def _end_of_stream(self, error: Exception | None) -> str:
        if error is not None:
            raise error
        if self.intake.is_waiting:
            self.intake.take_group()
            self._tell_progress()
        if self.intake.now is None:
            raise self.intake.nothing_came()
        if self.intake.door.left_out:
            logger.info("{}", self.intake.door.told())
        return self.plan.ended_by()

    async def _finish(self, reason: str) -> RunSummary:
        """Stop in good order: nothing new is entered, what is on its way may arrive, and the journal is whole."""
        if self.intake.now is None:
            self.intake.begin(self.intake.start or self.live.system.clock.now())
        assert self.intake.now is not None
        if not isinstance(self.desk, LiveDesk):
            return self.desk.finish(self.intake.now, reason)
        await self._come_to_rest(self.desk)
        summary = self.desk.finish(self.live.system.clock.now(), reason)
        await self.desk.gateway.settle(SETTLE_SECONDS)
        return summary

    async def _come_to_rest(self, desk: LiveDesk) -> None:
        """Take what the venue tells, and nothing of the market, until all that was sent has its end and its stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while not desk.is_at_rest:
                    item = await self.inbox.get()
                    if isinstance(item, Turn):
                        item.act()
                    elif not isinstance(item, StopAsked | BarClosed | Quote | EndOfStream | SignalsFound):
                        self._tell_desk(item)

    def _tell_progress(self) -> None:
        self.plan.recorder.flush()
        start, end, now = self.request.start, self.request.end, self.intake.now or 0
        if start is None or end is None:
            self.plan.watch.progress(0, 0, now)
        elif (now - start) // HOUR != (self._told_at - start) // HOUR:
            self.plan.watch.progress((now - start) // MINUTE, (end - start) // MINUTE, now)
            self._told_at = now


async def _prepare(
    live: OpenSystem,
    scribe: Scribe[Journal],
    inbox: Inbox,
    tasks: Supervisor,
    plan: SessionPlan,
    arrival: MarketArrival,
) -> Session:
    """Make the session: read the warm-up history and make the growing market."""
    system, universe = live.system, live.system.profile.universe
    start = system.clock.now() if system.is_real_time else universe.start
    plan.recorder.begin(live)
    feeds = {
        symbol: plan.recorder.feed(
            symbol, system.base_timeframe, live.instruments[symbol].tick_size, live.timetable.grid(symbol)
        )
        for symbol in universe.symbols
    }
    request = live.history(start, universe.end)
    warm_up = WarmUp(live, feeds, scribe.journal)
    if start is not None:
        await arrival.warm_up(lambda: warm_up.fill(start))
    everything, calls = LiveMarket(feeds, live.instruments), plan.calls
    engine = live.engine(PastMarket(calls.lease(everything) if calls else everything), calls or directly)
    engine = plan.recorder.engine(engine)
    desk: TradingDesk | LiveDesk
    if live.is_simulated:
        desk = TradingDesk(live, engine, scribe)
        reconciler = None
    else:

        def permit(order: Order) -> str:
            return arrival.refusal() or _too_late(engine, order, system.clock.now()) or plan.permit(order)

        gateway = OrderGateway(live.broker, system.broker.label, system.clock, tasks, inbox.tell, permit)
        desk = LiveDesk(live, engine, scribe, gateway, DiskRoom.beside(scribe.journal))
        reconciler = Reconciler(live.broker, system.clock, inbox.tell, plan.account_id)
    window = LiveMarket(feeds, live.instruments, system.window_bars())
    times = ScanTimes(scan_job(system.profile))
    desk_of_scans = ScanDesk(system.scanners, feeds, window, _scanner_failed(desk), live.timetable, times)
    scans = plan.recorder.scans(desk_of_scans)
    funding = list(await funding_of(live, request, start or 0)) if not system.is_real_time else []
    is_beside = plan.background is not None and system.is_real_time
    look = _look_beside(scans, plan.background, inbox, tasks) if plan.background and is_beside else scans.scan
    door = Intake(live.timetable, system.base_timeframe)
    replays, closings = not system.is_real_time, close_job(system.profile)
    intake = MarketIntake(desk, feeds, scans, look, funding, door, start, replays=replays, closings=closings)
    prices = tuple(_prices(live, desk, inbox)) if system.is_real_time else ()
    return Session(live, desk, intake, inbox, tasks, request, plan, arrival, warm_up, reconciler, prices)


def _too_late(engine: Engine, order: Order, now: int) -> str:
    """Return why an entry that could not leave at once may not leave any more, empty when it may."""
    track = engine.state.signals.get(order.signal_key)
    is_over = track is not None and now > track.signal.valid_until + LEAVES_WITHIN
    return "its signal is over" if is_over else engine.reconciling.refusal()


def _prices(live: OpenSystem, desk: TradingDesk | LiveDesk, inbox: Inbox) -> Iterator[PricePoll | PriceStream]:
    """Yield what brings prices between the bars, where the provider tells any."""
    system = live.system
    provider, schedule, state = system.provider, system.profile.schedule, desk.engine.state
    if Capability.QUOTES not in system.profile.provider.component.capabilities:
        return
    if isinstance(provider, StreamsQuotes):
        yield PriceStream(provider, system.profile.universe.symbols, system.clock, inbox.put)
    if not isinstance(provider, QuoteProvider):
        return

    def armed() -> set[str]:
        return {track.signal.symbol for track in state.signals.values() if track.state is SignalState.ARMED}

    yield PricePoll(
        provider, system.clock, armed, lambda: tuple(state.positions), inbox.put,
        schedule.entry_poll_seconds, schedule.position_poll_seconds,
    )  # fmt: skip


def _look_beside(scans: ScanDesk, calls: BackgroundCalls, inbox: Inbox, tasks: Supervisor) -> Look:
    """Let scanners look in a task: what they find comes through the inbox, like everything that answers later."""

    def look(now: int) -> Iterable[SignalsFound]:
        answers = scans.scan_beside(now, calls)

        async def scan() -> None:
            async for found in answers:
                inbox.tell(found)

        tasks.own(f"{SCAN_OF} {to_datetime(now):%Y-%m-%d %H:%M}Z", scan, plugin="scanners", restart=Restart.NEVER)
        return ()

    return look


def _scanner_failed(desk: TradingDesk | LiveDesk) -> Callable[[str, str], None]:
    def tell(label: str, reason: str) -> None:
        desk.engine.component_failed(f"scanner {label}", reason, "no signals from it this time")
        if isinstance(desk, LiveDesk):
            desk.note()  # it may have worked beside the loop, and nothing else may happen for a while

    return tell
