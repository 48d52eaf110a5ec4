"""Lines of source that look like look-ahead are told with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas_core.checking.sources import scan_source, warnings_of
from atlas_core.contracts import Kind
from tests.cheats import CHEATS

SUSPECT = {
    "shift back": ("frame.shift(-1)", "np.roll(close, -2)", "close.diff(-1)", "close.pct_change(periods=-1)"),
    "last of a column": ("frame.close.iloc[-1]", "bars.close[-1]", "close[-1]", "market.bars(s, t).high[-2]"),
    "next row": ("bars.high[row + 1]", "frame.iloc[i + 2]", "close[i + 1]"),
    "centred window": ("close.rolling(5, center=True).mean()", "np.convolve(x, k, mode='same')", "savgol_filter(x, 5)"),
    "whole column": ("(close - close.mean()) / 2", "np.std(bars.close)", "bars.high.max()", "np.percentile(prices, 5)"),
    "fill backwards": ("frame.bfill()", "frame.fillna(method='bfill')", "close.interpolate()"),
    "run backwards": ("np.maximum.accumulate(close[::-1])", "close[::-1].cumsum()"),
    "join forward": ("pd.merge_asof(a, b, direction='forward')", "frame.resample('1h', label='left')"),
    "clock": ("datetime.now()", "time.time()", "pd.Timestamp.now()", "date.today()"),
    "chance": ("np.random.rand(3)", "np.random.default_rng()", "import random", "uuid4()"),
    "outside": ("open('x')", "import requests", "pd.read_csv(path)", "path.read_text()"),
    "order of hashes": ("hash(symbol)", "[x for x in set(y)]", "for x in {1, 2}: pass"),
    "behind a view": ("bars.close.base",),
    "state of a module": (
        "SEEN = {}\ndef scan(s):\n    SEEN[s] = 1",
        "SEEN = []\ndef scan(s):\n    SEEN.append(s)",
        "def scan(s):\n    global SEEN\n    SEEN = s",
        "class S:\n    seen = {}\n    def scan(self, s):\n        self.seen.update(s)",
    ),
}
HARMLESS = (
    "frame.shift(1)", "np.roll(close, 1)", "bars.close[row]", "bars.close[row - 1]", "closes[1:] - closes[:-1]",
    "close.rolling(5).mean()", "np.convolve(x, k, mode='valid')", "window.mean(axis=1)", "np.max(window)",
    "frame.ffill()", "np.maximum.accumulate(close)", "pd.merge_asof(a, b)", "context.random('a').random(3)",
    "to_datetime(market.now)", "for x in sorted(y): pass", "NAMES = {}\ndef scan(s):\n    return NAMES[s]",
    "bars.close[-1]  # no look-ahead: these bars end at the row",
)  # fmt: skip
LINES = [(rule, text) for rule, texts in SUSPECT.items() for text in texts]


def told(tmp_path: Path, text: str, kind: Kind = Kind.SCANNER) -> set[str]:
    path = tmp_path / "part.py"
    path.write_text(text)
    return {found.rule for found in scan_source.__wrapped__(path, kind)}


@pytest.mark.parametrize(("rule", "text"), LINES, ids=[text for _, text in LINES])
def test_a_line_that_looks_like_look_ahead_is_told(rule: str, text: str, tmp_path: Path) -> None:
    assert rule in told(tmp_path, text)


@pytest.mark.parametrize("text", HARMLESS)
def test_a_line_that_looks_back_is_not_told(text: str, tmp_path: Path) -> None:
    assert told(tmp_path, text) == set()


def test_a_gate_may_take_the_last_bar_of_what_it_is_shown(tmp_path: Path) -> None:
    assert told(tmp_path, "bars.close[-1]", Kind.GATE) == set()
    assert told(tmp_path, "datetime.now()", Kind.GATE) == {"clock"}


def test_a_warning_names_file_line_and_text(tmp_path: Path) -> None:
    path = tmp_path / "part.py"
    path.write_text("import numpy as np\n\nlater = np.roll(close, -1)\n")
    (found,) = scan_source(path, Kind.SCANNER)
    assert (found.file, found.line, found.text) == (str(path), 3, "later = np.roll(close, -1)")


def test_the_sources_of_a_cheat_are_told_under_its_component() -> None:
    cheat = next(cheat for cheat in CHEATS if cheat.name == "a gate behind the view")
    rules = {warning.rule for warning in warnings_of(cheat.profile())["gate cheat"]}
    assert {"clock", "chance", "state of a module"} <= rules
