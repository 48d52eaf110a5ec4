"""`atlas backtest --fills`: a back-test under other assumptions about fills, or under all three side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from atlas_core.cli.formats import number
from atlas_core.cli.tables import Column, money, percent, print_json, print_table, say, say_parts, say_wrapped, signed
from atlas_core.simulation.scenarios import FillScenario

if TYPE_CHECKING:
    from atlas_core.cli.run import Launch
    from atlas_core.report.summary import Report
    from atlas_core.runs import RunInfo

ALL = "all"
CAUTION = (
    "Each fill of one order in one state is never better the unkinder the fills are. Whole runs are not bound to that "
    "order: later fills, other sizes and other trades follow from them. Fees, funding and quotes are the same in all."
)


def run_under(profile: str, launch: Launch, fills: str, driver: str | None) -> None:
    """Run a back-test under one scenario and show it, or under all and show them side by side.

    Only base fills are a trial of the data: the others ask how much the same system hangs on an assumption.
    """
    from atlas_core.cli.run import run_one_backtest

    reports: list[tuple[FillScenario, RunInfo, Report]] = []
    for scenario in FillScenario if fills == ALL else (FillScenario(fills),):
        launched, is_trial = under(profile, launch, scenario), scenario is FillScenario.BASE
        made = run_one_backtest(launched, driver, is_shown=fills != ALL, is_trial=is_trial)
        reports.append((scenario, made.run, made.report))
    if fills != ALL:
        return
    if launch.showing.as_json:
        print_json({scenario.value: _facts(run, report) for scenario, run, report in reports})
        return
    _print_side_by_side(reports)


def under(profile: str, launch: Launch, scenario: FillScenario) -> Launch:
    """Return the launch of the same profile under a scenario, as if the profile said so; itself where it does."""
    from atlas_core.compose import broker_for
    from atlas_core.profile import open_profile

    broker = broker_for(launch.profile, launch.mode)
    if getattr(broker.options, "fills", None) is scenario:
        return launch
    overrides = (*launch.overrides, (f"{broker.table}.fills", f'"{scenario.value}"'))
    loaded, registry = open_profile(profile, overrides=overrides, resolve_secrets=True)
    return evolve(launch, profile=loaded, registry=registry, overrides=overrides)


def _facts(run: RunInfo, report: Report) -> dict[str, Any]:
    from atlas_core.report.export import summary_of

    return {"run_id": run.run_id, "directory": run.directory, **summary_of(report)}


def _print_side_by_side(reports: list[tuple[FillScenario, RunInfo, Report]]) -> None:
    from atlas_core.cli.results import header, say_header, span_line
    from atlas_core.runs import Mode

    columns = (Column("Fills"), *(Column(scenario.value, numeric=True) for scenario, _, _ in reports))
    cells = [side_cells(report) for _, _, report in reports]
    _, _, first = reports[0]
    started = first.started
    say_header(header(started.profile, Mode(started.mode), started.synthetic, started.seed))
    say_parts(span_line(first))
    say()
    print_table("The same profile under three kinds of fills", columns, [
        [name, *(each[name] for each in cells)] for name in cells[0]
    ])  # fmt: skip
    say()
    say_wrapped(f"Note   {CAUTION}", indent=7)
    for scenario, run, _ in reports:
        say(f"Saved  {scenario.value.ljust(11)}  atlas report {run.run_id}")


def side_cells(report: Report) -> dict[str, str]:
    """Return what is compared of a run, by name."""
    figures, fills = report.figures, report.fills
    return {
        "Net result": signed(figures.net),
        "Total return": percent(figures.total_return, sign=True),
        "Max drawdown, daily": percent(-figures.drawdown.depth),
        "Trades": f"{figures.trades.count:,}",
        "Win rate": percent(figures.trades.win_rate, 1),
        "Expectancy per trade": signed(figures.trades.expectancy),
        "Expectancy per trade in R": number(figures.expectancy_r, sign=True),
        **{f"Costs: {name}": money(value) for name, value in figures.costs.parts.items()},
        "Costs in all": money(figures.costs.total),
        "Fills": f"{fills.total:,}",
        "Fills inside a bar": f"{fills.inside_bar:,}",
        "of them unclear": f"{fills.unclear:,}",
    }
