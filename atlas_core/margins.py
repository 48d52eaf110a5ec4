"""Leverage matched with what bounds it: the profile's limit, and the margin rules of each instrument."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_core.contracts import LeveragedSizer
from atlas_core.model.instrument import ONE, Instrument
from atlas_core.problem import Problem

if TYPE_CHECKING:
    from atlas_core.contracts import Sizer
    from atlas_core.profile import Profile, Selection

_ANY = Decimal(1_000)  # more than any venue gives: what a sizer asks for when no instrument holds it back
_HUNDRED = Decimal(100)


def limit_problems(profile: Profile, sizer: Sizer) -> Iterator[Problem]:
    """Yield where the sizer may ask for more leverage than the profile's limit, which would then refuse every entry."""
    instruments = [Instrument(symbol, max_leverage=_ANY) for symbol in profile.universe.symbols]
    limit, origin = profile.limits.max_leverage, profile.origins.get("limits.max_leverage")
    has_file = origin is not None and origin.line is not None
    for instrument, asked in _asked(profile.sizer, sizer, instruments):
        if isinstance(asked, Problem):
            yield asked
        elif asked > limit:
            yield Problem(
                message=f"expected at least {asked}, which [sizer] {profile.sizer.use} asks for in "
                f"{instrument.symbol}, was {limit}",
                table="limits",
                key="max_leverage",
                file=origin.source if origin is not None and has_file else profile.sizer.file,
                line=origin.line if origin is not None else None,
                suggestion="raise it, or lower the leverage of the sizer",
            )


def group_problems(profile: Profile, instruments: Mapping[str, Instrument]) -> Iterator[Problem]:
    """Yield each limit per group that would bind nobody, because no instrument has a group."""
    grouped = {symbol for symbols in profile.universe.groups.values() for symbol in symbols}
    if any(symbol in grouped or instrument.group for symbol, instrument in instruments.items()):
        return
    for key in ("max_positions_per_group", "max_exposure_pct_per_group"):
        origin = profile.origins.get(f"limits.{key}")
        if getattr(profile.limits, key) is not None:
            yield Problem(
                message="expected a group for one of the symbols, was none",
                table="limits",
                key=key,
                file=origin.source if origin is not None else str(profile.source),
                line=origin.line if origin is not None else None,
                suggestion="name groups under [universe] groups, or leave the limit out",
            )


def margin_problems(selection: Selection, sizer: Sizer, instruments: Iterable[Instrument]) -> Iterator[Problem]:
    """Yield where the sizer asks for leverage in an instrument without the margin rules for it."""
    for instrument, asked in _asked(selection, sizer, instruments):
        problem = asked if isinstance(asked, Problem) else _unruled(selection, instrument, asked)
        if problem is not None:
            yield problem


def _unruled(selection: Selection, instrument: Instrument, asked: Decimal) -> Problem | None:
    if asked <= ONE:
        return None
    say = _problems_of(selection)
    name, maintenance = instrument.symbol, instrument.maintenance_margin_pct
    rules = "give the instrument its max_leverage and maintenance_margin_pct, or lower the leverage"
    if asked > instrument.max_leverage:
        return say(f"expected at most the leverage {instrument.max_leverage} that {name} allows, was {asked}", rules)
    if maintenance <= 0:
        return say(f"expected a maintenance margin of {name} for leverage {asked}, was {maintenance} %", rules)
    if maintenance * asked >= _HUNDRED:
        initial = f"{_HUNDRED / asked:.4g} %, the initial margin of leverage {asked}"
        return say(f"expected a maintenance margin of {name} below {initial}, was {maintenance} %", rules)
    return None


def _asked(
    selection: Selection, sizer: Sizer, instruments: Iterable[Instrument]
) -> Iterator[tuple[Instrument, Decimal | Problem]]:
    """Yield the most leverage that the sizer may ask for in each instrument, or why it cannot say."""
    if not isinstance(sizer, LeveragedSizer):
        return
    for instrument in instruments:
        try:
            yield instrument, sizer.highest_leverage(instrument)
        except ValueError as error:
            yield instrument, _problems_of(selection)(str(error), "")


def _problems_of(selection: Selection) -> Callable[[str, str], Problem]:
    def say(message: str, suggestion: str) -> Problem:
        return Problem(
            message=f"{selection.use}: {message}",
            table=selection.table,
            file=selection.file,
            line=selection.line,
            suggestion=suggestion,
        )

    return say
