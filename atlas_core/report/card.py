"""A run as a picture of 1200 x 675 pixels, for a chat: equity, drawdown and six figures; needs the extra `charts`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from atlas_core.errors import MissingExtra
from atlas_core.report.key_figures import headline
from atlas_core.report.summary import Report
from atlas_core.report.verdict import money_span
from atlas_core.report.writing import percent, when

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from atlas_core.report.results import Times

WIDTH, HEIGHT, DOTS = 1200, 675, 100
INK, SOFT, RULE, PAPER = "#1c2128", "#5c6670", "#e3e0da", "#fdfcfa"
ACCOUNT, HELD, GAIN, LOSS = "#1f5fa8", "#a07414", "#0d7f64", "#c2452d"
REMEDY = "pip install 'atlas-trading[charts]'"


def png_card(report: Report, run_id: str, version: str) -> bytes:
    """Return the card as PNG; raises MissingExtra without matplotlib."""
    figure = _figure()
    _head(figure, report)
    _tiles(figure, headline(report))
    _curves(figure, report)
    foot = (
        f"run {run_id} · seed {report.started.seed} · atlas {version} · results of the past tell nothing of the future"
    )
    _say(figure, 0.035, 0.03, foot, size=10, color=SOFT)
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=DOTS, metadata={"Software": None})
    return target.getvalue()


def _figure() -> Figure:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("the PNG card", ["matplotlib"], REMEDY) from None
    figure = Figure(figsize=(WIDTH / DOTS, HEIGHT / DOTS), dpi=DOTS, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def _say(figure: Figure, x: float, y: float, text: str, **style: Any) -> None:
    """Write text as it is: a dollar sign in a name begins no formula."""
    figure.text(x, y, text, parse_math=False, **style)


def _head(figure: Figure, report: Report) -> None:
    started = report.started
    market = "SYNTHETIC MARKET" if started.synthetic else "real market data"
    _say(figure, 0.035, 0.915, _cut(started.profile, 34), size=26, weight="bold", color=INK)
    symbols = _cut(", ".join(started.symbols), 60)
    days = f"{when(started.ts)[:10]} → {when(report.ended_at)[:10]}"
    span = f"{days} · {symbols} · {money_span(report.figures, started.quote)}"
    _say(figure, 0.035, 0.868, span, size=12, color=SOFT)
    badge = f"{started.mode.upper()} · {market}"
    live = started.mode == "live"
    box = {"boxstyle": "round,pad=0.5", "facecolor": LOSS if live else "#f4d77c" if started.synthetic else "#cfe3f8",
           "edgecolor": "none"}  # fmt: skip
    _say(figure, 0.963, 0.925, badge, size=11, ha="right", color="#ffffff" if live else INK, bbox=box)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _tiles(figure: Figure, pairs: Sequence[tuple[str, str]]) -> None:
    for index, (name, value) in enumerate(pairs):
        x = 0.035 + index * 0.157
        color = GAIN if value.startswith("+") else LOSS if value.startswith("-") else INK
        _say(figure, x, 0.80, name, size=11, color=SOFT)
        _say(figure, x, 0.74, value, size=20, weight="bold", color=color)


def _curves(figure: Figure, report: Report) -> None:
    results = report.results
    if len(results.marked_at) < 2:
        _say(figure, 0.5, 0.4, "no day of this run was marked", size=14, ha="center", color=SOFT)
        return
    top = figure.add_axes((0.035, 0.30, 0.865, 0.355))
    days = _times(results.marked_at)
    top.plot(days, results.equity, color=ACCOUNT, linewidth=2, label="account")
    if report.benchmark is not None:
        held = report.benchmark
        top.plot(_times(held.marked_at), held.equity, color=HELD, linewidth=1.4, label="buy and hold")
        above = {"loc": "lower left", "bbox_to_anchor": (0.0, 0.99), "borderaxespad": 0.0, "ncols": 2}
        top.legend(**above, frameon=False, fontsize=10, labelcolor=SOFT)
    below = figure.add_axes((0.035, 0.10, 0.865, 0.15))
    depth = np.asarray(results.underwater)
    below.fill_between(days, depth, 0.0, color=LOSS, alpha=0.22, linewidth=0)
    below.plot(days, depth, color=LOSS, linewidth=1.2)
    _dress(top, lambda value: f"{value:,.0f}", with_dates=False)
    _dress(below, lambda value: percent(value, 1), with_dates=True)


def _times(stamps: Times) -> NDArray[np.datetime64]:
    return stamps.astype("datetime64[ns]")


def _dress(axes: Axes, form: Any, *, with_dates: bool) -> None:
    """Take away what is no data; values stand at the right."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_facecolor(PAPER)
    axes.margins(x=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.grid(axis="y", color=RULE, linewidth=1)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_locator(MaxNLocator(4 if not with_dates else 2))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))
    axes.yaxis.tick_right()
    axes.tick_params(axis="y", length=0, labelsize=10, labelcolor=SOFT, pad=8)
    locator = AutoDateLocator(minticks=4, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.tick_params(axis="x", length=0, labelsize=10, labelcolor=SOFT, labelbottom=with_dates)
