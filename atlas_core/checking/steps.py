"""Exit rules that answer a whole history as steps, held to what was known at each step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from atlas_core.checking.findings import moment
from atlas_core.checking.market import RecordedMarket
from atlas_core.checking.masks import Texts
from atlas_core.checking.running import ScanRoom
from atlas_core.columnar import ExitSteps, SteppedExit
from atlas_core.errors import ContractError
from atlas_core.profile import Profile
from atlas_core.wiring import timetable_of

CUTS = 8
"""So many times the steps are worked out again without the bars behind a close."""

_CHANGES = ("long", "short")


def step_differences(profile: Profile, market: RecordedMarket) -> Iterator[tuple[str, Texts, int]]:
    """Yield label, texts and time of the first step of each exit rule that depends on bars behind it.

    Raises ContractError when one fails on the whole history.
    """
    for label, rule in ScanRoom.of(profile, market).system.parts.exits:
        if isinstance(rule, SteppedExit):
            found = _first_difference(profile, market, label)
            if found is not None:
                yield label, *found


def _first_difference(profile: Profile, market: RecordedMarket, label: str) -> tuple[Texts, int] | None:
    closes = market.closes()[:-1]
    cuts = closes[np.unique(np.linspace(0, len(closes) - 1, CUTS, dtype=int))].tolist()
    for symbol in profile.universe.symbols:
        whole = _steps(profile, market, label, symbol)
        for cut in cuts:
            try:
                known = _steps(profile, market.until(cut), label, symbol)
            except ContractError as error:
                return (f"the steps of {symbol} until {moment(cut)}", (), "steps", str(error)), cut
            row = _first_other(whole, known, cut)
            if row is not None:
                ts = int(whole.at[row]) if row < len(whole.at) else cut
                what = f"step of {symbol} at {moment(ts)}"
                return (what, (), _told(whole, row), _told(known, row)), cut
    return None


def _steps(profile: Profile, market: RecordedMarket, label: str, symbol: str) -> ExitSteps:
    """Return the steps of a rule that has seen nothing but this market; raises ContractError when it fails."""
    room = ScanRoom.of(profile, market)
    rule = dict(room.system.parts.exits)[label]
    assert isinstance(rule, SteppedExit)
    data = market.data(timetable_of(room.system.profile, market.instruments))
    try:
        return rule.steps(data, symbol)
    except Exception as error:
        raise ContractError(f"exit rule {label} failed: {type(error).__name__}: {error}") from error


def _first_other(whole: ExitSteps, known: ExitSteps, cut: int) -> int | None:
    """Return the first step until `cut` that is another one, or that only one side has."""
    counts = [int(np.searchsorted(steps.at, cut, side="right")) for steps in (whole, known)]
    rows = min(counts)
    wrong = whole.at[:rows] != known.at[:rows]
    for name in _CHANGES:
        wrong |= getattr(whole, name)[:rows] != getattr(known, name)[:rows]
    if wrong.any():
        return int(np.argmax(wrong))
    return rows if counts[0] != counts[1] else None


def _told(steps: ExitSteps, row: int) -> str:
    if row >= len(steps.at):
        return "no such step"
    sides = [name for name in _CHANGES if getattr(steps, name)[row]]
    return f"closes {' and '.join(sides) or 'nothing'}"
