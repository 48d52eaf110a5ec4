"""What a profile needs against what is offered, the contexts of components, and the life of adapters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from attrs import define, field

from atlas_core import components as offer
from atlas_core.clock import SimClock
from atlas_core.compose import check_system, compose, opened
from atlas_core.contracts import (
    Capability,
    Context,
    Gate,
    KnowsTimeframes,
    MarketHistory,
    MarketNow,
    Need,
    Scanner,
)
from atlas_core.errors import ContractError, DataError, NotReady, ProfileError
from atlas_core.model.decisions import Approve, GateAnswer
from atlas_core.model.instrument import InstrumentKind
from atlas_core.model.portfolio import Portfolio
from atlas_core.model.signals import Signal, SignalTable, no_signals
from atlas_core.model.timeframe import DAY, MINUTE, Timeframe, parse_timeframe
from atlas_core.opening import OPEN_SECONDS
from atlas_core.runs import Mode
from atlas_core.simulation.costs import CostOptions
from atlas_core.testing import run_virtual
from atlas_sim.broker import PaperBroker
from tests.memory import Mailbox, MemoryProvider, flat, made, memory, profile_of, registry, script, system_of

PAPER = '[paper]\nuse = "paper"'
READING = '[[gate]]\nuse = "reading"'

TRADES = [Capability.SIMULATED, Capability.MARKET, Capability.SPOT, Capability.PERP]


@define
class Needy(Scanner):
    wanted: Sequence[Need]

    def needs(self) -> Sequence[Need]:
        return self.wanted

    def scan(self, market: MarketHistory) -> SignalTable:
        return no_signals()


@define
class Contexts:
    """A factory that keeps the contexts it is called with."""

    product: object
    seen: list[Context] = field(factory=list)

    def __call__(self, options: Any, context: Context) -> Any:
        self.seen.append(context)
        return self.product

    def of(self, label: str) -> Context:
        return [context for context in self.seen if context.label == label][-1]


def provider() -> Any:
    return memory(MemoryProvider(flat(range(3))))


def venue() -> Any:
    return made(offer.broker, "venue", None, Capability.MARKET)


def failing(kind: Callable[..., Any], name: str) -> Any:
    def factory(_options: Any, _context: Context) -> Any:
        """Fail."""
        raise RuntimeError("no licence")

    return kind(name, factory, capabilities=[*TRADES, Capability.HISTORY, Capability.STREAM])


def problems(*parts: Any, mode: Mode = Mode.PAPER, **tables: Any) -> list[str]:
    return [str(problem) for problem in check_system(profile_of(registry(*parts), **tables), mode)]


def test_a_sound_profile_has_no_problems() -> None:
    assert problems(provider(), script()) == []


@pytest.mark.parametrize("mode", [Mode.BACKTEST, Mode.PAPER])
def test_a_broker_that_is_not_simulated_suggests_a_paper_table(mode: Mode) -> None:
    [problem] = problems(provider(), script(), venue(), broker='use = "venue"', mode=mode)
    assert "[broker]" in problem
    assert f"expected a simulated broker for a {mode} run, was 'venue'" in problem
    assert 'add a table [paper] with use = "paper"' in problem


def test_the_paper_table_takes_the_place_of_a_real_broker() -> None:
    system = system_of(provider(), script(), venue(), broker='use = "venue"', more=PAPER)
    assert system.broker.use == "paper"


def test_a_simulated_broker_needs_no_paper_table_and_is_not_replaced_by_one() -> None:
    system = system_of(provider(), script(), more=PAPER)
    assert system.broker is system.profile.broker


def test_a_live_run_needs_a_real_broker() -> None:
    [problem] = problems(provider(), script(), mode=Mode.LIVE)
    assert "expected a real broker for a live run, was a simulated one" in problem


@pytest.mark.parametrize(
    ("mode", "offered", "missing"),
    [
        (Mode.BACKTEST, Capability.STREAM, Capability.HISTORY),
        (Mode.PAPER, Capability.HISTORY, Capability.STREAM),
    ],
)
def test_a_provider_that_lacks_what_the_mode_reads_is_refused(
    mode: Mode, offered: Capability, missing: Capability
) -> None:
    [problem] = problems(memory(MemoryProvider([]), offered), script(), mode=mode)
    assert f"a {mode} run needs {missing}; memory offers {offered}" in problem


def test_a_scanner_whose_timeframe_the_base_cannot_make_is_refused() -> None:
    scanner = made(offer.scanner, "script", Needy([Need("15m"), Need("7m"), Need("1m")]))
    found = problems(provider(), scanner, universe='base_timeframe = "5m"')
    assert [problem.split("expected ")[1] for problem in found] == [
        "timeframes that 5m bars can make, was 7m",
        "timeframes that 5m bars can make, was 1m",
    ]


def test_a_scanner_that_needs_nonsense_is_refused() -> None:
    [problem] = problems(provider(), made(offer.scanner, "script", Needy([Need("soon")])))
    assert "script: did not tell its needs: ValueError" in problem


@pytest.mark.parametrize(
    ("kind", "tables"),
    [
        (offer.scanner, {"scanners": ['use = "broken"']}),
        (offer.gate, {"gates": ['use = "broken"']}),
        (offer.sizer, {"sizer": 'use = "broken"'}),
        (offer.exit_rule, {"exits": ['use = "broken"']}),
        (offer.alerter, {"alerters": ['use = "broken"']}),
    ],
)
def test_a_factory_that_raises_is_a_problem_with_the_address_of_its_table(
    kind: Callable[..., Any], tables: dict[str, Any]
) -> None:
    [problem] = problems(provider(), script(), failing(kind, "broken"), **tables)
    assert "memory.toml:" in problem
    assert "broken: could not be made: RuntimeError: no licence" in problem


def test_a_provider_that_cannot_be_made_is_a_problem_of_the_profile() -> None:
    with pytest.raises(ProfileError, match=r"\[provider\]: memory: could not be made: RuntimeError: no licence"):
        system_of(failing(offer.provider, "memory"), script())


def test_a_broker_that_cannot_be_made_is_a_problem_of_the_profile_and_the_provider_is_closed() -> None:
    served = MemoryProvider([])
    system = system_of(memory(served), script(), failing(offer.broker, "broken"), broker='use = "broken"')
    with pytest.raises(ProfileError, match=r"\[broker\]: broken: could not be made: RuntimeError: no licence"):
        asyncio.run(visit(system))
    assert served.diary == ["provider opened", "provider closed"]


def test_every_problem_is_told_at_once() -> None:
    parts = (memory(MemoryProvider([]), Capability.HISTORY), failing(offer.scanner, "broken"), venue())
    with pytest.raises(ProfileError) as caught:
        system_of(*parts, scanners=['use = "broken"'], broker='use = "venue"')
    assert len(caught.value.problems) == 3


def test_a_profile_without_a_rule_that_gives_a_stop_is_refused() -> None:
    [problem] = problems(provider(), script(), exits=['use = "time"\nmax_bars = 3'])
    assert "expected an exit rule that gives a stop" in problem
    assert "[protection] waiver" in problem


def test_a_waiver_takes_the_place_of_a_stop() -> None:
    more = '[protection]\nwaiver = "hedged elsewhere"'
    assert problems(provider(), script(), exits=['use = "time"\nmax_bars = 3'], more=more) == []


def contexts_of(seed: int = 1) -> Contexts:
    factory = Contexts(Needy([Need("1m")]))
    part = offer.scanner("script", factory, summary="keeps contexts")
    scanners = ['use = "script"\nlabel = "one"', 'use = "script"\nlabel = "two"']
    system_of(provider(), part, scanners=scanners, seed=seed)
    return factory


def numbers(context: Context, name: str) -> list[int]:
    return context.random(name).integers(0, 1_000_000, 5).tolist()  # type: ignore[no-any-return]


def test_a_context_carries_its_label_the_seed_and_the_cash() -> None:
    context = contexts_of(7).of("two")
    assert (context.label, context.seed, context.starting_cash) == ("two", 7, Decimal(10_000))


def test_random_numbers_are_equal_for_equal_seeds_and_differ_by_name_label_and_seed() -> None:
    one = contexts_of().of("one")
    assert numbers(one, "noise") == numbers(contexts_of().of("one"), "noise") == numbers(one, "noise")
    others = [
        numbers(one, "jitter"),
        numbers(contexts_of().of("two"), "noise"),
        numbers(contexts_of(2).of("one"), "noise"),
    ]
    assert all(other != numbers(one, "noise") for other in others)


def test_drawing_from_one_name_leaves_another_as_it_is() -> None:
    context = contexts_of().of("one")
    generator = context.random("noise")
    first = generator.integers(0, 1_000_000, 2).tolist()
    context.random("jitter").integers(0, 9, 100)
    assert first + generator.integers(0, 1_000_000, 3).tolist() == numbers(context, "noise")


def test_what_is_shared_is_made_once_per_system() -> None:
    factory = contexts_of()
    one, two = factory.of("one"), factory.of("two")
    client = one.share("client", object)
    assert two.share("client", object) is client
    assert two.share("other", object) is not client
    assert contexts_of().of("one").share("client", object) is not client


def test_the_clock_of_a_system_is_the_clock_of_its_components() -> None:
    factory, clock = Contexts(Needy([Need("1m")])), SimClock()
    parts = registry(provider(), offer.scanner("script", factory, summary="keeps contexts"))
    compose(profile_of(parts), Mode.PAPER, clock)
    assert factory.seen[-1].clock is clock


def test_the_instruments_are_there_once_the_provider_is_open() -> None:
    factory = Contexts(Needy([Need("1m")]))
    system = system_of(provider(), offer.scanner("script", factory, summary="keeps contexts"))
    shown = factory.seen[-1].instruments
    assert dict(shown) == {}
    asyncio.run(visit(system))
    assert list(shown) == ["X"]


@define
class ReadingGate(Gate):
    """A gate that reads bars."""

    wanted: Sequence[Need]

    def needs(self) -> Sequence[Need]:
        return self.wanted

    def review(self, signal: Signal, portfolio: Portfolio, market: MarketNow) -> GateAnswer:
        return Approve()


def test_the_warm_up_is_the_longest_that_anything_looks_back() -> None:
    scanner = made(offer.scanner, "script", Needy([Need("15m", 2), Need("1m", 40), Need("5m")]))
    gate = made(offer.gate, "reading", ReadingGate([Need("1h", 1)]))
    alone, together = system_of(provider(), scanner), system_of(provider(), scanner, gate, more=READING)
    assert asyncio.run(warmed(alone)) == 45 * MINUTE
    assert asyncio.run(warmed(together)) == 120 * MINUTE
    assert alone.window_bars() == together.window_bars() == {"15m": 4, "1m": 42, "5m": 2}


async def warmed(system: Any) -> int:
    async with opened(system) as live:
        return 20_000 * DAY - live.warm_from(20_000 * DAY)


def test_a_gate_that_reads_what_the_base_cannot_make_is_refused_where_it_stands() -> None:
    gate = made(offer.gate, "reading", ReadingGate([Need("15m"), Need("1m")]))
    no_needs = made(offer.scanner, "script", Needy([]))
    [problem] = problems(provider(), no_needs, gate, universe='base_timeframe = "5m"', more=READING)
    assert "[[gate]]" in problem
    assert problem.endswith("reading: expected timeframes that 5m bars can make, was 1m")


def test_a_gate_that_needs_nonsense_is_refused() -> None:
    gate = made(offer.gate, "reading", ReadingGate([Need("soon")]))
    [problem] = problems(provider(), script(), gate, more=READING)
    assert "reading: did not tell its needs: ValueError" in problem


def test_a_timeframe_that_the_named_session_has_not_is_refused() -> None:
    gate = made(offer.gate, "reading", ReadingGate([Need("1w"), Need("2d")]))
    [problem] = problems(provider(), script(), gate, universe='session = "us-equities"', more=READING)
    assert problem.endswith("reading: expected timeframes that 1m bars can make in trading sessions, was 2d")


def test_the_usual_session_of_an_instrument_is_held_against_the_needs_once_it_is_known() -> None:
    gate = made(offer.gate, "reading", ReadingGate([Need("2d")]))
    system = system_of(memory(MemoryProvider([], kind=InstrumentKind.STOCK)), script(), gate, more=READING)
    with pytest.raises(ProfileError, match="can make in trading sessions, was 2d"):
        asyncio.run(visit(system))


class OnlyHours(MemoryProvider, KnowsTimeframes):
    """A provider of hourly bars."""

    def offers(self, timeframe: Timeframe) -> bool:
        return timeframe == parse_timeframe("1h")


def test_base_bars_that_the_provider_does_not_offer_are_refused_where_they_are_asked_for() -> None:
    no_needs = made(offer.scanner, "script", Needy([]))
    [problem] = problems(memory(OnlyHours([])), no_needs, universe='base_timeframe = "5m"')
    assert "[universe] base_timeframe: expected bars that the provider memory offers, was 5m" in problem
    assert problems(memory(OnlyHours([])), no_needs, universe='base_timeframe = "1h"') == []


def test_a_system_describes_every_component() -> None:
    system = system_of(provider(), script())
    assert system.describe() == (
        "provider memory = memory", "scanner script = script", "sizer fixed-notional = fixed-notional",
        "broker paper = paper", "exit stop = stop",
    )  # fmt: skip


async def visit(system: Any) -> None:
    async with opened(system) as live:
        assert list(live.instruments) == ["X"]


@define
class Venue:
    """A simulated broker that writes a diary and may fail to open."""

    diary: list[str]
    fails: bool = False

    def __call__(self, options: Any, context: Context) -> Any:
        diary, fails = self.diary, self.fails

        class Keeper(PaperBroker):
            async def open(self) -> None:
                if fails:
                    raise ConnectionError("no line")
                diary.append("broker opened")

            async def close(self) -> None:
                diary.append("broker closed")
                await super().close()

        return Keeper(CostOptions(), context)


def diary_of(product: MemoryProvider | None = None, *, broker_fails: bool = False) -> tuple[list[str], Any]:
    served = product or MemoryProvider([])
    mailbox = made(offer.alerter, "mail", Mailbox(served.diary))
    broker = offer.broker("venue", Venue(served.diary, broker_fails), summary="keeps a diary", capabilities=TRADES)
    tables: dict[str, Any] = {"alerters": ['use = "mail"'], "broker": 'use = "venue"'}
    return served.diary, system_of(memory(served), script(), mailbox, broker, **tables)


def test_adapters_open_in_order_and_close_in_reverse() -> None:
    diary, system = diary_of()
    asyncio.run(visit(system))
    assert diary == ["provider opened", "broker opened", "broker closed", "provider closed"]


def test_what_was_opened_is_closed_when_a_later_adapter_does_not_open() -> None:
    diary, system = diary_of(broker_fails=True)
    with pytest.raises(ConnectionError, match="no line"):
        asyncio.run(visit(system))
    assert diary == ["provider opened", "provider closed"]


def test_the_provider_is_closed_when_it_does_not_know_an_instrument() -> None:
    class Ignorant(MemoryProvider):
        async def instruments(self, symbols: Sequence[str]) -> Any:
            raise DataError(f"expected a listed symbol, was {symbols[0]}")

    diary, system = diary_of(Ignorant([]))
    with pytest.raises(DataError, match="was X"):
        asyncio.run(visit(system))
    assert diary == ["provider opened", "provider closed"]


def test_a_broker_that_only_says_that_it_is_simulated_is_found_out() -> None:
    class Pretender:
        async def open(self) -> None: ...
        async def close(self) -> None: ...

    parts = (provider(), script(), made(offer.broker, "venue", Pretender(), *TRADES))
    with pytest.raises(ContractError, match="declares `simulated` but has no observe"):
        asyncio.run(visit(system_of(*parts, broker='use = "venue"')))


def test_an_instrument_that_the_broker_does_not_take_is_a_problem_before_anything_trades() -> None:
    shares = made(offer.broker, "venue", object(), Capability.SIMULATED, Capability.MARKET, Capability.STOCK)
    system = system_of(provider(), script(), shares, broker='use = "venue"')
    with pytest.raises(ProfileError, match=r"expected a broker that takes \w+, for X, was market, simulated, stock"):
        asyncio.run(visit(system))


@pytest.mark.parametrize("method", ["open", "instruments"])
def test_a_provider_that_never_answers_is_not_ready(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(MemoryProvider):
        async def open(self) -> None:
            await self._wait("open")

        async def instruments(self, symbols: Sequence[str]) -> Any:
            await self._wait("instruments")

        async def _wait(self, name: str) -> None:
            if name == method:
                await asyncio.Event().wait()

    _, system = diary_of(Silent([]))
    with pytest.raises(NotReady, match=f"provider memory: expected an answer within {OPEN_SECONDS:g} s"):
        run_virtual(visit(system))


def test_a_provider_that_does_not_want_to_close_is_left_behind() -> None:
    class Clinging(MemoryProvider):
        async def close(self) -> None:
            self.diary.append("closing")
            await asyncio.Event().wait()

    diary, system = diary_of(Clinging([]))
    run_virtual(visit(system))
    assert diary == ["provider opened", "broker opened", "broker closed", "closing"]


def test_gates_and_sizers_are_told_what_the_broker_of_the_profile_costs() -> None:
    contexts = Contexts(object())
    gate = offer.gate("asks", contexts, summary="keeps its context")
    costly = 'use = "paper"\ntaker_fee_bps = 7\nfee_per_contract = 0.15\nslippage_bps = 5'
    system_of(provider(), script(), gate, gates=['use = "asks"'], broker=costly)
    costs = contexts.of("asks").costs
    assert (costs.taker_fee_bps, costs.fee_per_contract, costs.slippage_bps) == (7, Decimal("0.15"), 5)


def test_a_broker_that_does_not_tell_its_costs_costs_nothing() -> None:
    contexts = Contexts(object())
    gate = offer.gate("asks", contexts, summary="keeps its context")
    silent = made(offer.broker, "silent", None, *TRADES)
    system_of(provider(), script(), gate, silent, gates=['use = "asks"'], broker='use = "silent"')
    assert not contexts.of("asks").costs.has_fees
