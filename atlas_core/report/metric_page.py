"""The page docs/metrics.md, made from the definitions themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from atlas_core.report.account_metrics import ACCOUNT_METRICS
from atlas_core.report.metric import Metric
from atlas_core.report.peers import PEERS, peer_metrics
from atlas_core.report.trade_metrics import TRADE_METRICS

HEAD = """\
# Metrics

This page is made by `atlas explain metric --markdown`; a test compares it. `atlas explain metric NAME` prints one of
them, `atlas report --json` gives all of a run under `metrics`, and objectives of a search and comparisons use the
same names.

## What they are computed from

- **Equity** is marked to the market at the end of every day: of each calendar day in UTC where the market trades at
  week-ends, of each session where it does not. Days without an event are days with the account as it was. The last
  mark may be a part of a day. `r` is the simple return from each mark to the next, `N` how many there are.
- **T**, the periods in a year, is 365 where a mark falls on a week-end and 252 elsewhere. N, T, the risk-free rate
  `rf` (a yearly rate, 0 unless set), the cost model and the fill model stand under every table.
- **Trades** are closed trades. Money is in the quote currency of the run, after fees and funding; slippage is within
  it.
- **R** is the result of a trade divided by the money between its entry and its first stop. A trade without a stop has
  none.
- Fractions are not in percent: 0.05 is 5 %.

## What does not exist

A figure that does not exist is no number: `n/a` on screens and in Markdown, `null` in JSON, an empty field in CSV. It
is never 0, never -100 and never infinite. Each definition says when that is. Ratios that are annualised need 30 daily
returns, CAGR needs 30 days and SQN 30 trades: below that they would be noise.

## Intervals

The 95 % interval of the expectancy comes from 2,000 bootstrap samples, drawn with the seed of the run, so that the
same run has the same interval. Trades that were open at the same time share a market and are drawn in blocks of
neighbours; trades that followed one another are drawn one by one. An interval that holds zero shows no edge, and the
screen says so. Where the winner was chosen from many trials, `deflated_sharpe` asks whether it is better than the
best that luck alone would give.

## Buy and hold

The starting cash is split into equal parts, one for each symbol of the universe. Each part buys at the open of its
symbol's first bar in the run, pays slippage, impact and fee of the cost model once, and is held to the end. It has
the metrics of the curve, at the same marks; those that need trades do not exist. A run keeps it as `benchmark.csv`.
Funding, dividends and interest are left out.
"""
PEERS_HEAD = """\
## What other systems would have reported

`atlas backtest --metrics-compat NAME` and `atlas report --metrics-compat NAME` add the figures of another system, by
its own definitions and with its own stand-ins, labelled as its own and never instead of ours. They are computed from
Atlas's trades and its daily marks, also where the other system marks every bar. The definitions were read from its
code, and all but LEAN's were compared with what that code gives (tests/unit/peer_vectors.json).
"""


def metric_page() -> str:
    """Return the page as Markdown."""
    parts = [HEAD, _section("## The account", ACCOUNT_METRICS), _section("## The trades", TRADE_METRICS), PEERS_HEAD]
    for peer in PEERS:
        parts.append(_peer_section(peer, peer_metrics(peer)))
    return "\n".join(parts)


def _section(title: str, metrics: Iterable[Metric]) -> str:
    rows = ["| name | what | unit | better | formula | edges | source |", "|---|---|---|---|---|---|---|"]
    rows += [
        _row(f"`{each.name}`", each.title, each.unit, each.better, _code(each.formula), each.edges, each.source)
        for each in metrics
    ]
    return "\n".join([title, "", *rows, ""])


def _peer_section(peer: str, metrics: Sequence[Metric]) -> str:
    rows = ["| theirs | unit | formula | edges |", "|---|---|---|---|"]
    rows += [_row(each.title, each.unit, _code(each.formula), each.edges) for each in metrics]
    return "\n".join([f"### {peer}", "", f"Source: {metrics[0].source}.", "", *rows, ""])


def _row(*cells: str) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _code(text: str) -> str:
    return f"`{text}`"
