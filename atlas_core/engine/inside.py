"""What finer bars tell inside a base bar: triggers, and levels that no order watches. They decide nothing else."""

from __future__ import annotations

from decimal import Decimal

from attrs import define, field

from atlas_core.engine.protection import ProtectionDesk
from atlas_core.engine.signals import SignalDesk
from atlas_core.engine.state import State
from atlas_core.model.events import BarPart


@define
class InsideDesk:
    """Takes the parts of base bars one by one, and knows which base bars were told so."""

    state: State
    signals: SignalDesk
    protection: ProtectionDesk
    _closes: dict[str, Decimal] = field(factory=dict)

    def take(self, part: BarPart) -> None:
        """Look at the waiting signals and at the position of a symbol after one part of its base bar."""
        symbol, exact = part.symbol, self.state.instruments[part.symbol].exact
        low, high, close = exact(part.low), exact(part.high), exact(part.close)
        self._closes[symbol] = close
        position = self.state.positions.get(symbol)
        self.signals.bar_closed(symbol, part.opened_at, exact(part.open), low, high, is_part=True)
        if position is not None:
            position.saw(part.opened_at, low, high, close, bars=0)
            self.protection.check(position)
            self.protection.watch(position, low, high)

    def last_price(self, symbol: str) -> Decimal | None:
        """Return the close of the last part of the base bar that is going on."""
        return self._closes.get(symbol)

    def ends(self, symbol: str) -> bool:
        """Tell whether the base bar that closes was told in parts, and forget them."""
        return self._closes.pop(symbol, None) is not None
