"""`atlas check`: proofs about a profile on its own market."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from atlas_core.cli.check_bar import CheckBar
from atlas_core.cli.check_screens import lookahead_facts, print_lookahead, print_warmup, warmup_facts
from atlas_core.cli.completion import complete_profile
from atlas_core.cli.run import Command, profile_options, profile_overrides
from atlas_core.cli.tables import print_json

if TYPE_CHECKING:
    from atlas_core.checking.findings import LookaheadReport
    from atlas_core.checking.market import RecordedMarket
    from atlas_core.checking.parity import ParityReport
    from atlas_core.checking.warmup import WarmupReport
    from atlas_core.profile import Profile

FOUND = 4


def driver_option(command: Command) -> Command:
    """Add the option that chooses the driver of the runs."""
    add = click.option(
        "--driver",
        type=click.Choice(["skipping", "plain"]),
        default="skipping",
        show_default=True,
        help="Pass over bars that cannot matter, or take every bar; both give the same journal.",
    )
    return add(command)


@click.group()
def check() -> None:
    """Prove that a profile sees no future and that its scanners are warm in time."""


@check.command()
@click.argument("profile", shell_complete=complete_profile)
@click.option("--cuts", type=click.IntRange(1), default=24, show_default=True, help="Histories cut for each scanner.")
@click.option("--runs", type=click.IntRange(0), default=5, show_default=True, help="Times at which whole runs are cut.")
@click.option("--fresh/--no-fresh", default=True, show_default=True, help="Repeat one cut in another process.")
@driver_option
@profile_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def lookahead(
    ctx: click.Context, /, profile: str, cuts: int, runs: int, fresh: bool, driver: str, as_json: bool, **options: Any
) -> None:
    """Cut and poison the future of PROFILE: whatever changes before it was not decided by the past alone.

    Exit code 4 when something changes, with the component, the decision and the bars that it could not have known.
    Lines of source that look like it are warnings and change no exit code.
    """
    from atlas_core.backtest.driver import DriverKind
    from atlas_core.checking.lookahead import LookaheadPlan, check_lookahead
    from atlas_core.checking.witness import in_another_process
    from atlas_core.clock import monotonic_seconds

    began = monotonic_seconds()
    with CheckBar(ctx, silent=as_json) as bar:
        loaded, market, code = recorded(profile, options)
        witness = in_another_process(loaded, profile_overrides(**options), DriverKind(driver)) if fresh else None
        plan = LookaheadPlan(
            scan_cuts=cuts, run_cuts=runs, seed=loaded.seed, driver=DriverKind(driver), witness=witness, step=bar.step
        )
        report = check_lookahead(loaded, market, plan)
    keep_result(ctx, loaded, market, report, code)
    if as_json:
        print_json(lookahead_facts(report))
    else:
        print_lookahead(report, monotonic_seconds() - began)
    ctx.exit(0 if report.is_clean else FOUND)


@check.command()
@click.argument("profile", shell_complete=complete_profile)
@click.option("--starts", type=click.IntRange(1), default=12, show_default=True, help="Beginnings of each timeframe.")
@click.option("--windows", type=click.IntRange(0), default=32, show_default=True, help="Windows of a session.")
@click.option("--runs", type=click.IntRange(0), default=1, show_default=True, help="Times from which runs begin.")
@driver_option
@profile_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def warmup(
    ctx: click.Context,
    /,
    profile: str,
    starts: int,
    windows: int,
    runs: int,
    driver: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Let the history of PROFILE begin later and measure from which bar on its signals do not notice.

    Exit code 4 when a scanner needs more bars than it declares, or something is not there in time.
    """
    from atlas_core.backtest.driver import DriverKind
    from atlas_core.checking.warmup import WarmupPlan, check_warmup
    from atlas_core.clock import monotonic_seconds

    began = monotonic_seconds()
    with CheckBar(ctx, silent=as_json) as bar:
        loaded, market, code = recorded(profile, options)
        plan = WarmupPlan(
            starts=starts, windows=windows, runs=runs, seed=loaded.seed, driver=DriverKind(driver), step=bar.step
        )
        report = check_warmup(loaded, market, plan)
    keep_result(ctx, loaded, market, report, code)
    if as_json:
        print_json(warmup_facts(report))
    else:
        print_warmup(report, monotonic_seconds() - began)
    ctx.exit(0 if report.is_clean else FOUND)


def keep_result(
    ctx: click.Context,
    profile: Profile,
    market: RecordedMarket,
    report: LookaheadReport | WarmupReport | ParityReport,
    code: str,
) -> None:
    """Keep what a check of this code found where the reports of runs of the same profile look for it."""
    from atlas_core.checking.keeping import keep_check
    from atlas_core.cli.kept import store_of
    from atlas_core.clock import LiveClock

    keep_check(store_of(ctx).home, profile, market, report, LiveClock().now(), code=code)


def recorded(profile: str, options: dict[str, Any]) -> tuple[Profile, RecordedMarket, str]:
    """Load a profile, the history of its back-test, and what tells its code from that of other times."""
    from atlas_core.checking.keeping import code_now
    from atlas_core.checking.market import record_market
    from atlas_core.profile import open_profile

    loaded, _ = open_profile(profile, overrides=profile_overrides(**options), resolve_secrets=True)
    code = code_now(loaded)
    return loaded, record_market(loaded), code
