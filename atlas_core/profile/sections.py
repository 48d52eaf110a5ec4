"""The kernel's own tables of a profile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from attrs import Factory, frozen

from atlas_core.model.session import TradingSession
from atlas_core.model.timeframe import Timeframe, parse_timeframe
from atlas_core.options import (
    Check,
    Moment,
    above,
    at_least,
    between,
    each,
    matches,
    not_empty,
    one_of,
    option,
    time_of_day,
    time_zone,
)
from atlas_core.runs import Mode

_NAME = matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of letters, digits, '.', '_' and '-'")
_SYMBOL = matches(r"[^\s\x00-\x1f]+", 'a symbol without spaces, such as "BTC/USD"')
_UNIQUE = Check("no value twice", lambda values: len(set(values)) == len(values), {"uniqueItems": True})


@frozen(kw_only=True)
class ProfileHead:
    """The table `[profile]`."""

    name: str = option(check=_NAME, help="names the profile, and with it where its runs are kept")
    mode: Mode = option(Mode.PAPER, help="how the profile runs; a command line may only lower the risk")
    description: str = option("", help="one sentence for people")
    extends: str | None = option(None, help="a file, relative to this one, that this profile is put over")
    seed: int = option(7, check=at_least(0), help="makes every random stream of a run")
    starting_cash: Decimal = option(Decimal(10_000), check=above(0), help="money at the start of a simulated account")
    quote: str = option("USD", check=_NAME, help="the currency that results are counted in")


@frozen(kw_only=True)
class Universe:
    """The table `[universe]`: `start` and `end` are nanoseconds UTC."""

    symbols: tuple[str, ...] = option(
        check=[not_empty(), each(_SYMBOL), _UNIQUE], help="what may be traded, in the order of decisions"
    )
    base_timeframe: Timeframe = option(parse_timeframe("1m"), help="the bars that everything is built from")
    detail_timeframe: Timeframe | None = option(
        None, help="finer bars of the provider that tell, in a back-test, what happened inside the base bars"
    )
    session: TradingSession | None = option(
        None, help="when the symbols trade; none: US hours for shares and options in USD, around the clock for the rest"
    )
    sessions: Mapping[str, TradingSession] = option(
        Factory(dict), help="sessions of single symbols, before what `session` says"
    )
    start: Moment | None = option(None, help="first time of a back-test; none: all there is")
    end: Moment | None = option(None, help="last time of a back-test (a date is its first instant); none: all there is")
    groups: Mapping[str, tuple[str, ...]] = option(
        Factory(dict), help="named groups of symbols that the limits per group count"
    )


@frozen(kw_only=True)
class Limits:
    """The table `[limits]`: owned by the kernel, checked before every entry."""

    max_positions: int = option(6, check=at_least(1), help="open positions at once; a symbol holds one at most")
    count_closing: bool = option(True, help="whether a position whose exit was sent still takes a place")
    max_positions_per_group: int | None = option(None, check=at_least(1), help="open positions in one group")
    max_long_positions: int | None = option(None, check=at_least(0), help="open long positions")
    max_short_positions: int | None = option(None, check=at_least(0), help="open short positions; 0: none are opened")
    max_exposure_pct: Decimal = option(Decimal(100), check=above(0), unit="% of equity", help="value of all positions")
    max_exposure_pct_per_group: Decimal | None = option(
        None, check=above(0), unit="% of equity", help="value of the positions in one group"
    )
    max_long_exposure_pct: Decimal | None = option(
        None, check=above(0), unit="% of equity", help="value of all long positions"
    )
    max_short_exposure_pct: Decimal | None = option(
        None, check=above(0), unit="% of equity", help="value of all short positions"
    )
    max_leverage: Decimal = option(Decimal(1), check=between(1, 200), help="leverage of any position")
    max_daily_loss_pct: Decimal | None = option(
        None, check=[above(0), between(0, 100)], unit="% of equity", help="loss in one trading day that stops entries"
    )
    max_drawdown_pct: Decimal | None = option(
        None,
        check=[above(0), between(0, 100)],
        unit="% of equity",
        help="loss from the highest equity that stops entries",
    )
    max_orders_per_minute: int = option(60, check=at_least(1), help="entries sent within one minute")
    stale_data_seconds: int | None = option(
        None, check=at_least(1), unit="seconds", help="age of the newest bar beyond which nothing is entered"
    )


@frozen(kw_only=True)
class Window:
    """One weekly maintenance window; an `end` before the `start` lies on the next day."""

    weekday: str = option(check=one_of("mon", "tue", "wed", "thu", "fri", "sat", "sun"), help="the day it begins")
    start: str = option(check=time_of_day(), help="local time of day")
    end: str = option(check=time_of_day(), help="local time of day")
    zone: str = option("UTC", check=time_zone(), help="the time zone of start and end")

    def __attrs_post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError(f"expected a window that ends after it starts, was {self.start} to {self.end}")


RELATIVE_TIME = re.compile(r"(open|close)([+-]\d{1,3}m)?")


def _is_line(text: str) -> bool:
    from cronsim import CronSim, CronSimError

    if RELATIVE_TIME.fullmatch(text):
        return True
    try:
        CronSim(text, datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return len(text.split()) == 5


_LINE = Check('a cron line such as "35 9 * * 1-5", or a time such as open+5m or close-10m', _is_line)


@frozen(kw_only=True)
class Schedule:
    """The table `[schedule]`."""

    zone: str = option("UTC", check=time_zone(), help="the time zone of `scan_at` and of the times given to a session")
    scan_every: Timeframe | None = option(
        None, help="scanners look only when a bar of this timeframe (UTC) closes; none: when any bar they need closes"
    )
    scan_at: tuple[str, ...] = option(
        (), check=each(_LINE), help="scanners look only at these times: cron lines in `zone`, open+5m, close-10m"
    )
    close_at: tuple[str, ...] = option(
        (), check=each(_LINE), help="positions are closed and waiting signals ended at these times, as in `scan_at`"
    )
    entry_poll_seconds: int = option(
        60, check=between(1, 3600), unit="seconds", help="between two prices of signals that wait, in a live session"
    )
    position_poll_seconds: int = option(
        60, check=between(1, 3600), unit="seconds", help="between two prices of open positions, in a live session"
    )
    maintenance: tuple[Window, ...] = option((), help="windows in which nothing is entered")


@frozen(kw_only=True)
class Protection:
    """The table `[protection]`."""

    waiver: str = option("", help="why positions may be without a stop; empty: every position must have one")
    without_exit_rule: str = option(
        "hold",
        check=one_of("hold", "flatten"),
        help="what a session does with open positions while an exit rule that failed is benched: keep their stops, "
        "or close them",
    )


_SEVERITY = one_of("info", "warning", "critical")


@frozen(kw_only=True)
class Alerts:
    """The table `[alerts]`: what a session tells its alerters, and how often."""

    min_severity: str = option("info", check=_SEVERITY, help="what is less severe stays in the journal")
    min_severity_by_alerter: Mapping[str, str] = option(
        Factory(dict), check=each(_SEVERITY), help="the same for single alerters, by their label"
    )
    max_per_minute: int = option(
        10,
        check=between(3, 60),
        help="messages to one alerter within any minute; half of them are kept for critical ones",
    )
    digest_seconds: int = option(
        60, check=between(1, 3600), unit="seconds", help="time between two messages that sum up many alerts"
    )
    fold_seconds: int = option(
        300, check=between(0, 86400), unit="seconds", help="repeats of an alert within this time are told together"
    )
    repeat_critical_seconds: int = option(
        900,
        check=between(0, 86400),
        unit="seconds",
        help="time after which a critical alert that nobody acknowledged is told again, doubling; 0: never",
    )
    fallback: tuple[str, ...] = option(
        (), check=[each(_NAME), _UNIQUE], help="labels of alerters that are told only what the others could not deliver"
    )


@frozen(kw_only=True)
class Live:
    """The table `[live]`: the second switch of a live session, beside `mode`."""

    account: str = option(
        "", help="the account that a live session may trade on, as the venue names it; keys of another one are refused"
    )


@frozen(kw_only=True)
class PluginFilter:
    """The table `[plugins]`: which installed plugins are looked at."""

    block: tuple[str, ...] = option((), check=each(_NAME), help="plugins that are never imported")
    only: tuple[str, ...] | None = option(None, check=each(_NAME), help="the only plugins that are imported")
