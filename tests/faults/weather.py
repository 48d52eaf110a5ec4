"""Which faults strike in one run and how often: every seed draws its own set and its own intensity.

A kind is either drawn at each opportunity (a call, a message, a bar: its rate is a probability) or comes by itself (its
rate is per simulated hour). Every kind has a stream of its own, so that taking one away shifts no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random  # noqa: TID251  (handed in, seeded)

from attrs import define, field, frozen

from tests.faults.chance import Chance
from tests.faults.trace import Trace

OPPORTUNITY: dict[str, float] = {
    # a submit: what becomes of the request, and what we hear of it
    "submit-dropped": 0.02, "submit-lost-response": 0.04, "submit-reset": 0.02, "submit-late": 0.02,
    "submit-very-late": 0.004, "submit-delivered-twice": 0.02, "submit-refused": 0.02, "submit-throttled": 0.02,
    "submit-5xx-before": 0.02, "submit-5xx-after": 0.03, "submit-hangs": 0.02, "submit-not-sent": 0.03,
    "submit-garbled": 0.02, "submit-maintenance": 0.01,
    # a cancel
    "cancel-dropped": 0.03, "cancel-lost-response": 0.03, "cancel-5xx": 0.03, "cancel-hangs": 0.02,
    "cancel-throttled": 0.02, "cancel-not-sent": 0.02, "cancel-stuck": 0.02, "cancel-raced-by-fill": 0.02,
    "cancel-late": 0.03,
    # a question about one order, and a read of the account
    "query-5xx": 0.05, "query-hangs": 0.03, "query-throttled": 0.03, "query-lags": 0.05,
    "snapshot-5xx": 0.04, "snapshot-hangs": 0.02, "snapshot-empty-positions": 0.004, "snapshot-lost-page": 0.004,
    "snapshot-lags": 0.05,
    # a message of the private stream
    "stream-drop": 0.04, "stream-duplicate": 0.05, "stream-reorder": 0.05, "stream-delay": 0.02,
    # an order at the venue
    "venue-overfill": 0.003, "venue-cuts-short": 0.02, "venue-expires": 0.01,
    # a bar on its way to us
    "bar-nan": 0.001, "bar-infinite": 0.0005, "bar-zero": 0.001, "bar-spike": 0.001, "bar-missing": 0.004,
    "bar-duplicate": 0.004, "bar-late": 0.003,
    # a component
    "scanner-raises": 0.004, "scanner-garbage": 0.002, "scanner-floods": 0.001, "gate-raises": 0.02,
    "gate-garbage": 0.02, "sizer-raises": 0.02, "sizer-garbage": 0.02, "sizer-huge": 0.01, "exit-raises": 0.004,
    "exit-garbage": 0.004, "alerter-raises": 0.1, "alerter-hangs": 0.02,
    # a commit of the journal, and the death of the process around it
    "journal-full": 0.002, "journal-locked": 0.002, "crash-before-commit": 0.002, "crash-after-commit": 0.002,
    "crash-before-call": 0.004, "crash-in-call": 0.004,
}  # fmt: skip
BY_ITSELF: dict[str, float] = {
    "stream-stall": 0.15, "stream-disconnect": 0.4, "data-stall": 0.1, "data-disconnect": 0.2,
    "venue-maintenance": 0.06, "venue-unreachable": 0.1, "manual-trade": 0.12, "manual-cancel": 0.15,
    "foreign-order": 0.1, "liquidation": 0.05, "frozen-price": 0.1, "gap": 0.1,
    "crash": 0.25, "stop-and-start": 0.1, "clock-step": 0.1, "suspend": 0.05,
    "operator-halt": 0.1, "operator-close": 0.15, "kill-file": 0.15,
}  # fmt: skip
PRICES: dict[str, float] = {
    "quote-missing": 0.01, "quote-garbage": 0.002, "quote-spike": 0.001, "quote-stale": 0.004, "quote-late": 0.003,
    "quote-reordered": 0.006, "quotes-5xx": 0.03, "quotes-hang": 0.01,
}  # fmt: skip
PRICES_BY_THEMSELVES: dict[str, float] = {"data-backlog": 0.3, "price-stall": 0.15, "price-disconnect": 0.3}
KINDS = (*OPPORTUNITY, *BY_ITSELF, *PRICES, *PRICES_BY_THEMSELVES)
"""In the order in which a seed draws them: what is added comes last, so that it shifts none of the others."""

OPPORTUNITY |= PRICES
BY_ITSELF |= PRICES_BY_THEMSELVES
INTENSITIES = (0.0, 0.3, 1.0, 3.0, 6.0)
MOST_LIKELY = 0.35
"""No fault strikes more often than this: a venue that never answers shows nothing."""


@frozen
class Plan:
    """The rate of every kind in one run; a kind that is left out never strikes."""

    rates: dict[str, float]
    intensity: float = 1.0

    @classmethod
    def drawn(cls, chance: Chance) -> Plan:
        """Draw a set: each kind is off, as usual or four times as often; all of them are weaker or stronger."""
        stream = chance.stream("plan")
        intensity = stream.choice(INTENSITIES)
        rates = {}
        for kind in KINDS:
            draw, usual = stream.random(), OPPORTUNITY.get(kind) or BY_ITSELF[kind]
            factor = 0.0 if draw < 0.3 else 1.0 if draw < 0.75 else 4.0
            rate = usual * factor * intensity
            if rate:
                rates[kind] = min(rate, MOST_LIKELY) if kind in OPPORTUNITY else rate
        return cls(rates, intensity)

    def without(self, kinds: Iterable[str]) -> Plan:
        """Return the plan without some kinds; the others strike as before."""
        gone = set(kinds)
        return Plan({kind: rate for kind, rate in self.rates.items() if kind not in gone}, self.intensity)

    def only(self, kinds: Iterable[str]) -> Plan:
        """Return the plan with these kinds alone."""
        return self.without(set(self.rates) - set(kinds))


@define
class Weather:
    """Lets the faults of a plan strike while it storms."""

    plan: Plan
    chance: Chance
    trace: Trace
    is_storm: bool = True
    struck: Counter[str] = field(factory=Counter)
    _streams: dict[str, Random] = field(factory=dict)

    def strikes(self, kind: str) -> bool:
        """Tell whether a fault strikes at this opportunity."""
        rate = self.plan.rates.get(kind)
        if rate is None:
            return False
        stream = self._streams.get(kind) or self.draws(kind)
        if stream.random() >= rate or not self.is_storm:
            return False
        self.note(kind)
        return True

    def first(self, *kinds: str) -> str:
        """Return the first of several kinds that strikes, "" for none."""
        rates = self.plan.rates
        for kind in kinds:
            if kind in rates and self.strikes(kind):
                return kind
        return ""

    def note(self, kind: str) -> None:
        """Count a fault and write it into the trace."""
        self.struck[kind] += 1
        self.trace.process("fault", what=kind)

    def missed(self, kind: str) -> None:
        """Take back from the count what came and found nothing to strike; the trace keeps that it came."""
        self.struck[kind] -= 1

    def draws(self, kind: str) -> Random:
        """Return the stream of a kind."""
        stream = self._streams.get(kind)
        if stream is None:
            stream = self._streams[kind] = self.chance.stream(f"fault/{kind}")
        return stream

    def pause(self, kind: str) -> float | None:
        """Return the seconds until a fault that comes by itself strikes next, None for never."""
        rate = self.plan.rates.get(kind)
        return None if not rate else self.draws(kind).expovariate(rate / 3600)
