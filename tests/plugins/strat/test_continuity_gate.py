"""The gate `strat.continuity` at the moment of entry, in whole runs too."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import field, frozen

from atlas_core import (
    Account,
    Approve,
    Bars,
    EntryKind,
    FormingBar,
    Instrument,
    Kind,
    MarketNow,
    Mode,
    Portfolio,
    Refuse,
    Scale,
    Side,
    Signal,
    parse_timeframe,
)
from atlas_core.clock import SimClock
from atlas_core.contracts import Context
from atlas_core.errors import ProfileError
from atlas_core.journal import Journal
from atlas_core.model.decisions import Outcome
from atlas_core.model.records import GateAnswered, SignalDetected, VerdictReached
from atlas_core.options import Address, structure
from atlas_strat import plugin
from atlas_strat.continuity_gate import ContinuityGate
from atlas_strat.continuity_options import ContinuityMethod, ContinuityOptions, Incomplete, Requirement
from tests.systems import by_loop, by_pump, system_of

TICK = Instrument("X", tick_size=Decimal("0.01"))
NOBODY = Portfolio(account=Account(cash=Decimal(1), equity=Decimal(1)))


def bar(timeframe: str, open_: float, close: float = 105.0, before: tuple[float, float] | None = None) -> FormingBar:
    high, low = max(open_, close), min(open_, close)
    ranges = before or (None, None)
    return FormingBar("X", parse_timeframe(timeframe), 0, 1, open_, high, low, close, 1.0, *ranges)


@frozen
class Now(MarketNow):
    """A market of forming bars at one price."""

    bars_of: Mapping[str, FormingBar] = field(factory=dict)
    price: Decimal | None = Decimal(105)
    now: int = 0

    def instrument(self, symbol: str) -> Instrument:
        return TICK

    def last_price(self, symbol: str) -> Decimal | None:
        return self.price

    def bars(self, symbol: str, timeframe: str) -> Bars:
        raise AssertionError("the gate reads forming bars only")

    def forming(self, symbol: str, timeframe: str) -> FormingBar | None:
        return self.bars_of.get(timeframe)


def at_opens(**opens: float) -> Now:
    return Now({name[1:]: bar(name[1:], price) for name, price in opens.items()})


def signal(timeframe: str = "1h", side: Side = Side.LONG) -> Signal:
    return Signal(
        key="k", scanner="strat", symbol="X", timeframe=timeframe, pattern="2D-2U", side=side, entry=EntryKind.STOP,
        trigger=Decimal(105), stop=Decimal(100), target=None, available_at=0, setup_at=0, valid_until=1,
    )  # fmt: skip


def judged(options: ContinuityOptions, market: MarketNow, timeframe: str = "1h", side: Side = Side.LONG) -> object:
    return ContinuityGate(options).review(signal(timeframe, side), NOBODY, market)


FOUR_UP = at_opens(_1M=100, _1w=101, _1d=102, _1h=103)
THREE_UP = at_opens(_1M=100, _1w=101, _1d=106, _1h=103)
TWO_UP = at_opens(_1M=100, _1w=110, _1d=106, _1h=103)


def test_enough_timeframes_let_a_signal_pass_and_one_fewer_does_not() -> None:
    passed, refused = judged(ContinuityOptions(), THREE_UP), judged(ContinuityOptions(), TWO_UP)
    assert passed == Approve("3 of 4 timeframes up (1M+ 1w+ 1d- 1h+)", 3.0, 3.0)
    assert refused == Refuse("2 of 4 timeframes up (1M+ 1w- 1d- 1h+)", 2.0, 3.0)


def test_the_side_of_the_trade_counts() -> None:
    assert judged(ContinuityOptions(), FOUR_UP, side=Side.SHORT) == Refuse(
        "0 of 4 timeframes down (1M+ 1w+ 1d+ 1h+)", 0.0, 3.0
    )


@pytest.mark.parametrize(
    ("timeframe", "asked", "minimum"),
    [
        ("1h", "1M 1w 1d 1h", 3), ("4h", "1w 1d 4h 1h", 2), ("1d", "1M 1w 1d", 2), ("1w", "1M 1w", 1),
        ("1M", "1M", 1), ("15m", "1w 1d 4h 1h", 3),
    ],
)  # fmt: skip
def test_what_is_asked_depends_on_the_timeframe_of_the_signal(timeframe: str, asked: str, minimum: int) -> None:
    requirement = ContinuityOptions().requirement(timeframe)
    assert ([each.text for each in requirement.timeframes], requirement.needed) == (asked.split(), minimum)


def test_a_profile_may_ask_otherwise() -> None:
    own = Requirement(timeframes=(parse_timeframe("1d"),))
    some = ContinuityOptions(
        timeframes=(parse_timeframe("4h"), parse_timeframe("15m")), minimum_score=1, require={"1h": own}
    )
    assert some.requirement("1h") is own
    assert own.needed == 1
    assert [t.text for t in some.requirement("15m").timeframes] == ["4h", "15m"]
    assert some.requirement("15m").needed == 1
    assert ContinuityOptions(timeframes=(parse_timeframe("4h"),)).requirement("1d").needed == 1
    assert ContinuityOptions(minimum_score=2).requirement("1w").needed == 2
    assert ContinuityOptions(minimum_score=2).requirement("1M").needed == 1


def test_what_is_not_known_refuses_even_when_enough_others_agree() -> None:
    market = at_opens(_1w=101, _1d=102, _1h=103)
    assert judged(ContinuityOptions(), market) == Refuse(
        "not known: 1M; 3 of 4 timeframes up (1M? 1w+ 1d+ 1h+)", 3.0, 3.0
    )
    counting = ContinuityOptions(incomplete=Incomplete.COUNT)
    assert judged(counting, market) == Approve("3 of 4 timeframes up (1M? 1w+ 1d+ 1h+)", 3.0, 3.0)


def test_without_a_price_nothing_passes() -> None:
    assert isinstance(judged(ContinuityOptions(), Now(FOUR_UP.bars_of, price=None)), Refuse)


def test_equal_opens_can_be_too_few_facts() -> None:
    coupled = at_opens(_1M=100, _1w=103, _1d=103, _1h=103)
    assert judged(ContinuityOptions(minimum_distinct_opens=3), coupled) == Refuse(
        "2 distinct opens, 4 of 4 timeframes up (1M+ 1w+ 1d+ 1h+)", 2.0, 3.0
    )
    assert isinstance(judged(ContinuityOptions(minimum_distinct_opens=2), coupled), Approve)


def test_the_size_can_follow_the_score_relative_to_what_was_asked() -> None:
    by_score = ContinuityOptions(size_by_score=True)
    scaled = judged(by_score, THREE_UP)
    assert isinstance(scaled, Scale)
    assert scaled.factor == Decimal("0.75")
    assert isinstance(judged(by_score, FOUR_UP), Approve)
    assert isinstance(judged(by_score, at_opens(_1M=100, _1w=101), "1w"), Approve)


def test_by_bar_type_the_label_of_the_current_bar_votes() -> None:
    options = ContinuityOptions(method=ContinuityMethod.BAR_TYPE)
    red_two_up = bar("1M", 110.0, before=(109.0, 90.0))
    inside = bar("1w", 104.0, before=(120.0, 90.0))
    green_outside = bar("1d", 104.0, before=(104.5, 104.2))
    two_up = bar("1h", 104.0, before=(104.5, 103.0))
    market = Now({"1M": red_two_up, "1w": inside, "1d": green_outside, "1h": two_up})
    assert judged(options, market) == Approve("3 of 4 timeframes up (1M+ 1w= 1d+ 1h+)", 3.0, 3.0)
    unlabelled = Now({**market.bars_of, "1h": bar("1h", 104.0)})
    assert judged(options, unlabelled) == Refuse("not known: 1h; 2 of 4 timeframes up (1M+ 1w= 1d+ 1h?)", 2.0, 3.0)


def test_it_reads_what_can_be_asked_for_the_scanned_timeframes() -> None:
    assert [need.timeframe for need in ContinuityGate(ContinuityOptions(), ["1d"]).needs()] == ["1M", "1w", "1d"]
    assert [need.timeframe for need in ContinuityGate(ContinuityOptions()).needs()] == ["1M", "1w", "1d", "1h", "4h"]
    labels = ContinuityGate(ContinuityOptions(method=ContinuityMethod.BAR_TYPE), ["1M"]).needs()
    assert [(need.timeframe, need.warmup_bars) for need in labels] == [("1M", 1)]


def test_the_gate_is_offered_and_made_with_the_scanned_timeframes() -> None:
    (component,) = plugin.atlas_gates()
    assert (component.kind, component.name) == (Kind.GATE, "strat.continuity")
    context = Context(
        label="c", clock=SimClock(), log=None, random=None, share=None, scanned_timeframes=("1w",),  # type: ignore[arg-type]
    )  # fmt: skip
    made = component.factory(ContinuityOptions(), context)
    assert [need.timeframe for need in made.needs()] == ["1M", "1w"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"timeframes": ["1h", "1H"]}, "twice or more: 1h"),
        ({"timeframes": ["1h"], "minimum_score": 2}, "minimum_score of at most 1, was 2"),
        ({"minimum_score": 0}, "expected a number >= 1, was 0"),
        ({"method": "ema"}, "expected one of"),
        ({"require": {"1H": {"timeframes": ["1d"]}}}, 'spelled as in "1h", was "1H"'),
        ({"require": {"soon": {"timeframes": ["1d"]}}}, "expected a timeframe such as"),
        ({"require": {"1h": {"timeframes": []}}}, "at least one timeframe, was none"),
        ({"require": {"1h": {"timeframes": ["1d"], "minimum": 2}}}, "minimum of at most 1 timeframes, was 2"),
    ],
)
def test_a_wrong_option_is_one_problem_that_says_what_was_expected(table: dict[str, object], said: str) -> None:
    made, problems = structure(ContinuityOptions, table, Address(table="gate"))
    assert made is None
    assert len(problems) == 1
    assert said in str(problems[0])


PROFILE = """\
[profile]
name = "tiny"
seed = 5

[universe]
symbols = ["BTC-PERP", "SPY"]
start = 2026-03-09
end = 2026-03-11

[provider]
use = "sim"
start = 2026-03-02
days = 10

[[scanner]]
use = "strat"
timeframes = ["15m", "1h", "1d"]

[[gate]]
use = "strat.continuity"
GATE

[sizer]
use = "fixed-fraction"
fraction_pct = 5

[broker]
use = "paper"

[[exit]]
use = "stop"
[[exit]]
use = "target"

[limits]
max_positions = 2
"""


def written(folder: Path, gate: str, **changes: str) -> Path:
    text = PROFILE.replace("GATE", gate)
    for key, value in changes.items():
        text = text.replace(key, value)
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


def test_loop_and_pump_judge_alike_on_coins_and_shares_together(tmp_path: Path) -> None:
    path = written(tmp_path, 'timeframes = ["1w", "1d", "1h", "15m"]\nminimum_score = 3')
    seen = []
    for run in (by_loop, by_pump):
        with Journal.in_memory() as journal:
            run(system_of(path, Mode.PAPER), journal)
            seen.append(list(journal.records()))
    by_the_loop, by_the_pump = seen
    assert by_the_loop == by_the_pump
    detected = {record.key for record in by_the_loop if isinstance(record, SignalDetected)}
    verdicts = [record for record in by_the_loop if isinstance(record, VerdictReached)]
    assert {record.key for record in verdicts} >= detected - {r.key for r in by_the_loop if isinstance(r, GateAnswered)}
    refused = [record for record in verdicts if record.by == "strat.continuity"]
    approved = [record for record in by_the_loop if isinstance(record, GateAnswered)]
    assert len(refused) > 15
    assert len(approved) > 15
    assert all(record.outcome is Outcome.REFUSED and (record.value or 0) < 3 for record in refused)
    assert all((record.value or 0) >= 3 for record in approved)


def test_continuity_over_what_the_base_cannot_make_is_refused_at_the_start(tmp_path: Path) -> None:
    path = written(tmp_path, 'timeframes = ["1w", "5m"]', **{"end = 2026-03-11": 'base_timeframe = "15m"'})
    with pytest.raises(ProfileError) as caught:
        system_of(path, Mode.PAPER)
    assert str(caught.value).count("\n") == 0
    assert "tiny.toml:19 [[gate]]" in str(caught.value)
    assert "strat.continuity: expected timeframes that 15m bars can make, was 5m" in str(caught.value)
