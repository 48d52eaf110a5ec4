"""What deciders answer, and how a signal ends."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from atlas_core.model.instrument import ONE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Outcome(StrEnum):
    """The terminal verdicts; every signal ends in exactly one of them."""

    REFUSED = "refused"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"
    VOID_GAP = "void_gap"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    CLOSED = "closed"


@frozen
class Approve:
    """A gate lets the signal pass; `value` against `threshold` says by how much."""

    reason: str = ""
    value: float | None = None
    threshold: float | None = None


@frozen
class Refuse:
    """A gate stops the signal; `value` against `threshold` says by how much it failed."""

    reason: str
    value: float | None = None
    threshold: float | None = None


@frozen
class Scale:
    """A gate lets the signal pass with `factor` (above 0, at most 1) of its size."""

    factor: Decimal
    reason: str
    value: float | None = None
    threshold: float | None = None


GateAnswer = Approve | Refuse | Scale


@frozen(eq=False)
class GateMask:
    """A stateless gate's answer for a whole signal table: which rows pass, and the value and threshold of each row.

    `threshold` and `reason` are either one for all rows or an array of one a row; NaN means that there is no number.
    """

    passed: NDArray[np.bool_]
    value: NDArray[np.float64]
    threshold: float | NDArray[np.float64]
    reason: str | NDArray[np.str_]

    def answer(self, row: int) -> Approve | Refuse:
        """Return the answer for one row."""
        threshold = self.threshold if isinstance(self.threshold, (int, float)) else float(self.threshold[row])
        reason = self.reason if isinstance(self.reason, str) else str(self.reason[row])
        answer = Approve if self.passed[row] else Refuse
        return answer(reason, finite(float(self.value[row])), finite(threshold))


def finite(value: float | None) -> float | None:
    """Return a number that a journal can hold: None for NaN and infinity."""
    return None if value is None or not isfinite(value) else float(value)


@frozen(kw_only=True)
class OrderPlan:
    """A sizer's answer: how much of which instrument; a quantity of zero means skip, for `reason`."""

    symbol: str
    quantity: Decimal
    leverage: Decimal = ONE
    reason: str = ""
    inputs: Mapping[str, Any] = field(factory=dict)


@frozen
class Exit:
    """An exit rule wants the position closed now; `value` against `threshold` says why.

    With `quantity` (units of the instrument) or `fraction` (of what is open, above 0, at most 1) only that part is
    closed, rounded down to the lot; the stop stays for the rest. Raises ValueError when both are given.
    """

    reason: str
    value: float | None = None
    threshold: float | None = None
    quantity: Decimal | None = None
    fraction: Decimal | None = None

    def __attrs_post_init__(self) -> None:
        if self.quantity is not None and self.fraction is not None:
            raise ValueError(f"expected a quantity or a fraction, were {self.quantity} and {self.fraction}")


@frozen
class PartialTarget:
    """A price at which `quantity` units of a position shall be closed; the rest stays open."""

    price: Decimal
    quantity: Decimal


@frozen
class Levels:
    """Prices at which a position shall be closed; each may be missing.

    `target` closes what the partial targets before it leave; those beyond it never count. A stop closes everything.
    """

    stop: Decimal | None = None
    target: Decimal | None = None
    parts: tuple[PartialTarget, ...] = ()


class Severity(StrEnum):
    """How loud an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@frozen(kw_only=True)
class Alert:
    """One message for people; `key` names what it is about, so that repeats can be folded."""

    ts: int
    severity: Severity
    title: str
    text: str = ""
    key: str = ""
