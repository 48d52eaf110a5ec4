"""W1 and W2 with backtesting.py: `python backtesting_side.py W1 FOLDER ROUNDS`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common import arguments, crossings, data, measure


def main():
    import pandas as pd
    from backtesting import Backtest, Strategy

    name, folder, rounds = arguments()
    bars = data(folder, "m1")
    frame = pd.DataFrame(
        {key: bars[short] for key, short in zip(("Open", "High", "Low", "Close", "Volume"), "ohlcv", strict=True)}
    )
    frame.index = pd.to_datetime(bars["ts"])
    above, below = crossings(bars["c"])

    class Crossover(Strategy):
        def init(self):
            self.above = self.I(lambda: above, plot=False)
            self.below = self.I(lambda: below, plot=False)

        def next(self):
            if self.above[-1] and not self.position:
                levels = {"sl": self.data.Close[-1] * 0.98, "tp": self.data.Close[-1] * 1.04} if name == "W2" else {}
                self.buy(size=1, **levels)
            elif self.below[-1] and self.position:
                self.position.close()

    def work():
        found = Backtest(frame, Crossover, cash=1_000_000, commission=0.001).run()
        return {"trades": len(found["_trades"])}

    measure(work, rounds)


main()
