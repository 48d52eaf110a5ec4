"""W1 with backtrader: `python backtrader_side.py W1 FOLDER ROUNDS`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common import arguments, data, measure


def main():
    import backtrader as bt
    import pandas as pd

    _, folder, rounds = arguments()
    bars = data(folder, "m1")
    frame = pd.DataFrame(
        {key: bars[short] for key, short in zip(("open", "high", "low", "close", "volume"), "ohlcv", strict=True)}
    )
    frame.index = pd.to_datetime(bars["ts"])

    class Crossover(bt.Strategy):
        def __init__(self):
            self.cross = bt.ind.CrossOver(bt.ind.SMA(period=20), bt.ind.SMA(period=100))
            self.closed = 0

        def next(self):
            if self.cross[0] > 0 and not self.position:
                self.buy(size=1)
            elif self.cross[0] < 0 and self.position:
                self.close()

        def notify_trade(self, trade):
            self.closed += trade.isclosed

    def work():
        engine = bt.Cerebro(stdstats=False)
        engine.adddata(bt.feeds.PandasData(dataname=frame))
        engine.addstrategy(Crossover)
        engine.broker.setcash(1_000_000)
        engine.broker.setcommission(commission=0.001)
        return {"trades": engine.run()[0].closed}

    measure(work, rounds)


main()
