"""W1 with nautilus_trader: `python nautilus_side.py W1 FOLDER ROUNDS`."""

import sys
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common import arguments, crossings, data, measure


def main():
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig, StrategyConfig
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.data import Bar, BarType
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
    from nautilus_trader.model.instruments import Equity
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.trading.strategy import Strategy

    _, folder, rounds = arguments()
    arrays = data(folder, "m1")
    venue = Venue("SIM")
    instrument = Equity(
        instrument_id=InstrumentId(Symbol("M1"), venue),
        raw_symbol=Symbol("M1"),
        currency=USD,
        price_precision=4,
        price_increment=Price.from_str("0.0001"),
        lot_size=Quantity.from_int(1),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
        ts_event=0,
        ts_init=0,
    )
    kind = BarType.from_str("M1.SIM-1-MINUTE-LAST-EXTERNAL")
    above, below = (marks.tolist() for marks in crossings(arrays["c"]))
    columns = (arrays[key].tolist() for key in ("o", "h", "l", "c", "ts"))
    minute, size = 60_000_000_000, Quantity.from_int(1_000)
    bars = [
        Bar(
            kind,
            Price(o, 4),
            Price(h, 4),
            Price(low, 4),
            Price(c, 4),
            size,
            ts + minute,
            ts + minute,
        )
        for o, h, low, c, ts in zip(*columns, strict=True)
    ]

    class Crossover(Strategy):
        def __init__(self):
            super().__init__(StrategyConfig())
            self.row = -1

        def on_start(self):
            self.subscribe_bars(kind)

        def on_bar(self, bar):
            self.row += 1
            is_flat = self.portfolio.is_flat(instrument.id)
            if above[self.row] and is_flat:
                self.submit_order(self.order_factory.market(instrument.id, OrderSide.BUY, Quantity.from_int(1)))
            elif below[self.row] and not is_flat:
                self.close_all_positions(instrument.id)

    def work():
        engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
        engine.add_venue(venue, OmsType.NETTING, AccountType.CASH, [Money(1_000_000, USD)], base_currency=USD)
        engine.add_instrument(instrument)
        engine.add_data(bars)
        engine.add_strategy(Crossover())
        engine.run()
        closed = len(engine.cache.positions_closed()) + sum(len(engine.cache.position_snapshots()) for _ in (1,))
        engine.dispose()
        return {"trades": closed}

    measure(work, rounds)


main()
