"""Components, a registry and profiles for the tests of profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import frozen

from atlas_core.components import Component, NoOptions
from atlas_core.contracts import Capability, Kind
from atlas_core.errors import MissingExtra, PluginError
from atlas_core.model.timeframe import Timeframe, parse_timeframe
from atlas_core.options import Secret, at_least, between, each, matches, option


@frozen(kw_only=True)
class SimOptions:
    seed: int = option(7, check=at_least(0), help="makes the market")
    drift_pct: Decimal = option(Decimal("0.10"), check=between(-5, 5), unit="% a day")
    folder: Path | None = option(None)


@frozen(kw_only=True)
class CrossOptions:
    fast: int = option(20, check=at_least(1), unit="bars", help="the short average")
    slow: int = option(100, check=at_least(2), unit="bars")
    timeframes: tuple[Timeframe, ...] = option((parse_timeframe("15m"),))
    long_only: bool = option(False)

    def __attrs_post_init__(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"expected fast below slow, were {self.fast} and {self.slow}")


@frozen(kw_only=True)
class Costs:
    taker_bps: Decimal = option(Decimal(5), check=at_least(0))


@frozen(kw_only=True)
class PaperOptions:
    slippage_bps: Decimal = option(Decimal(0), check=at_least(0), unit="bps")
    costs: Costs = option(Costs())


@frozen(kw_only=True)
class ChatOptions:
    webhook: Secret = option(help="where the messages go")
    rooms: tuple[str, ...] = option((), check=each(matches("[a-z]+", "a room of small letters")))
    weight_by_room: Mapping[str, int] = option({})


@frozen(kw_only=True)
class VenueOptions:
    api_key: Secret = option()


def _never(_options: object, _context: object) -> Any:
    raise AssertionError("loading a profile makes no component")


def _part(kind: Kind, name: str, options: type[Any] = NoOptions, *abilities: Capability) -> Component[Any, Any]:
    return Component(kind=kind, name=name, factory=_never, options=options, capabilities=abilities, summary="a part")


PARTS = (
    _part(Kind.PROVIDER, "sim", SimOptions),
    _part(Kind.SCANNER, "sma-cross", CrossOptions),
    _part(Kind.GATE, "strat.continuity"),
    _part(Kind.SIZER, "fixed"),
    _part(Kind.BROKER, "paper", PaperOptions, Capability.SIMULATED),
    _part(Kind.BROKER, "venue", VenueOptions),
    _part(Kind.EXIT_RULE, "stop"),
    _part(Kind.EXIT_RULE, "target"),
    _part(Kind.ALERTER, "chat", ChatOptions),
)


class Parts:
    """A registry of the parts above; `bars` lacks its SDK."""

    def find(self, kind: Kind, name: str) -> Component[Any, Any]:
        if name == "bars":
            raise MissingExtra("provider 'bars'", ["pyarrow"], "python -m pip install 'atlas-trading[data]'")
        for part in self.components(kind):
            if part.name == name:
                return part
        raise PluginError(f"no {kind} {name!r} is installed; expected one of {', '.join(self.names(kind))}")

    def names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(part.name for part in self.components(kind))

    def components(self, kind: Kind | None = None) -> Iterable[Component[Any, Any]]:
        return [part for part in PARTS if kind in (None, part.kind)]


GOOD = """\
[profile]
name = "good"
mode = "paper"
seed = 11
starting_cash = 10000.10

[universe]
symbols = ["BTC/USD", "ETH/USD"]
start = 2022-01-01
end = "20220201T1200"
groups = { majors = ["BTC/USD"] }

[provider]
use = "sim"
drift_pct = 0.25

[[scanner]]
use = "sma-cross"
fast = 5
slow = 50
timeframes = ["15m", "1h"]

[[gate]]
use = "strat.continuity"

[sizer]
use = "fixed"

[broker]
use = "paper"
slippage_bps = 1.50

[broker.costs]
taker_bps = 6

[[exit]]
use = "stop"

[[exit]]
use = "target"

[[exit]]
use = "stop"

[[alerter]]
use = "chat"
label = "ops"
webhook = { env = "ATLAS_TEST_WEBHOOK" }
rooms = ["desk"]
weight_by_room = { desk = 3 }

[limits]
max_positions = 4
max_daily_loss_pct = 2.5
max_drawdown_pct = 10

[schedule]
maintenance = [{ weekday = "fri", start = "17:00", end = "18:00", zone = "America/New_York" }]

[plugins]
block = ["other"]
"""
