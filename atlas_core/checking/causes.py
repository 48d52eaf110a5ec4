"""Why a decision of a session and of a back-test differ: one of six causes, found from what the two sides say."""

from __future__ import annotations

from enum import StrEnum

from atlas_core.checking.decisions import Decision, DecisionKind
from atlas_core.model.decisions import Outcome

TIME = "time"
"""The field that differs where the same thing was decided at another time."""


class Cause(StrEnum):
    """Why two tellings of a run differ.

    data: they were given other bars. timing: the same at another time. price, size: the same at another price or in
    another quantity. capacity: a limit or the account took the one and not the other. code: from the same inputs
    something else was decided.
    """

    DATA = "data"
    TIMING = "timing"
    PRICE = "price"
    SIZE = "size"
    CAPACITY = "capacity"
    CODE = "code"


PRICES = {
    "price", "reference_price", "limit_price", "stop_price", "trail_offset", "entry_price", "exit_price", "stop",
    "target", "part_prices", "fee", "fees", "liquidation_fee", "spread", "slippage", "impact", "gross", "net",
    "r_multiple", "initial_risk", "realised", "entry_cost", "funding", "amount", "rate", "highest", "lowest",
    "liquidity", "ambiguous", "basis",
}  # fmt: skip
SIZES = {"quantity", "cumulative_quantity", "part_quantities", "leverage", "factor", "inputs"}
_DECIDED_BY_COMPONENTS = {DecisionKind.SIGNAL, DecisionKind.GATE, DecisionKind.FAILURE}


def cause_of(one: Decision | None, other: Decision | None, fields: tuple[str, ...], *, had_other_bars: bool) -> Cause:
    """Return why two sides differ in `fields`; a side that is None did not decide.

    `had_other_bars` tells that the two sides were not given the same bars until then.
    """
    sides = [side for side in (one, other) if side is not None]
    if had_other_bars:
        return Cause.DATA
    if len(sides) == 1 or _is_other_end(fields):
        is_full = any(map(_is_about_capacity, sides)) and not any(map(_is_refused_by_component, sides))
        return Cause.CAPACITY if is_full else Cause.CODE
    if TIME in fields:
        return Cause.TIMING
    return Cause.CODE if sides[0].kind in _DECIDED_BY_COMPONENTS else _by_numbers(set(fields))


def _by_numbers(fields: set[str]) -> Cause:
    if PRICES & fields:
        return Cause.PRICE
    return Cause.SIZE if SIZES & fields else Cause.CODE


def _is_other_end(fields: tuple[str, ...]) -> bool:
    """Tell whether a verdict, or the end of an order, came out another way."""
    return bool({"outcome", "by", "status", "state"} & set(fields))


def _is_about_capacity(decision: Decision) -> bool:
    facts = decision.facts
    if decision.kind is DecisionKind.VERDICT:
        return str(facts["by"]).startswith("limit ") or facts["outcome"] in (Outcome.REJECTED, Outcome.CANCELLED)
    return decision.kind is DecisionKind.STATE or facts.get("status") == "rejected"


def _is_refused_by_component(decision: Decision) -> bool:
    is_refusal = decision.facts.get("outcome") in (Outcome.REFUSED, Outcome.SKIPPED)
    return is_refusal and not _is_about_capacity(decision)
