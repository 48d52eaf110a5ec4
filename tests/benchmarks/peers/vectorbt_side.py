"""W1, W2 and W4 with vectorbt: `python vectorbt_side.py W1 FOLDER ROUNDS`."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common import arguments, average, crossings, data, measure


def main():
    import vectorbt as vbt

    name, folder, rounds = arguments()
    bars = data(folder, "m1")
    if name == "W4":
        bars = {key: column[:100_000] for key, column in bars.items()}
    first, high, low, close = (bars[key] for key in "ohlc")

    def shifted(marks):
        return np.concatenate([np.zeros((1, *marks.shape[1:]), dtype=bool), marks[:-1]])

    def crossover():
        entries, exits = (shifted(marks) for marks in crossings(close))
        more = {}
        if name == "W2":
            more = {"open": first, "high": high, "low": low, "sl_stop": 0.02, "tp_stop": 0.04}
        run = vbt.Portfolio.from_signals(
            close, entries, exits, price=first, size=1, fees=0.001, init_cash=1_000_000, freq="1min", **more
        )
        return {"trades": int((run.trades.records_arr["status"] == 1).sum())}

    def combinations():
        pairs = [(fast, slow) for fast in range(5, 51, 5) for slow in range(60, 241, 20)]
        means = {length: average(close, length) for length in {length for pair in pairs for length in pair}}
        lead = np.stack([means[fast] - means[slow] for fast, slow in pairs], axis=1)
        lead = np.where(np.abs(lead) < 1e-9, 0.0, lead)
        before = np.concatenate([np.full((1, len(pairs)), np.nan), lead[:-1]])
        entries, exits = shifted((lead > 0) & (before <= 0)), shifted((lead < 0) & (before >= 0))
        run = vbt.Portfolio.from_signals(
            close[:, None], entries, exits, price=first[:, None], size=1, fees=0.001, init_cash=1_000_000, freq="1min"
        )
        return {"trades": int((run.trades.records_arr["status"] == 1).sum())}

    measure(combinations if name == "W4" else crossover, rounds)


main()
