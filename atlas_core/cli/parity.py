"""`atlas parity`: one profile as session and as back-test on the same bars, decision by decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from atlas_core.cli.check import FOUND, recorded
from atlas_core.cli.check_screens import CheckBar
from atlas_core.cli.completion import complete_profile
from atlas_core.cli.journals import complete_journal, find_journal
from atlas_core.cli.parity_screens import parity_facts, print_parity
from atlas_core.cli.run import profile_options
from atlas_core.cli.settings import Settings
from atlas_core.cli.tables import print_json
from atlas_core.errors import UsageError

if TYPE_CHECKING:
    from atlas_core.checking.parity import ParityReport


@click.command()
@click.argument("profile", required=False, shell_complete=complete_profile)
@click.option(
    "--run", "run_name", metavar="RUN", shell_complete=complete_journal, help="Compare this recorded session."
)
@click.option(
    "--session", type=int, metavar="EVENT", help="Of a continuing one, the session that begins with this event."
)
@click.option("--history", is_flag=True, help="With --run: back-test what the provider delivers today, not the tape.")
@click.option(
    "--tolerance", type=click.FloatRange(0), default=0, metavar="SECONDS", help="Later by so much is the same time."
)
@profile_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def parity(
    ctx: click.Context, /, profile: str | None, run_name: str | None, session: int | None, history: bool,
    tolerance: float, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Run PROFILE as a paper session and as a back-test on the same bars and compare every decision.

    With --run the session is one that was recorded, and PROFILE may be left out. Each difference has a cause: data,
    timing, price, size, capacity or code. Exit code 4 when there is one.
    """
    from atlas_core.clock import monotonic_seconds

    if profile is None and run_name is None:
        raise UsageError("expected a profile, or a recorded session with --run")
    if run_name is None and (session is not None or history):
        raise UsageError("--session and --history are for a recorded session: name it with --run")
    began, settings = monotonic_seconds(), ctx.find_object(Settings)
    with CheckBar(is_shown=not (as_json or (settings is not None and settings.quiet))) as bar:
        if run_name is None:
            report = _of_profile(str(profile), options, bar, tolerance)
        else:
            report = _of_run(ctx, run_name, session, profile, options, tolerance, is_fresh=history)
    if as_json:
        print_json(parity_facts(report))
    else:
        print_parity(report, monotonic_seconds() - began)
    ctx.exit(0 if report.is_equal else FOUND)


def _of_profile(profile: str, options: dict[str, Any], bar: CheckBar, tolerance: float) -> ParityReport:
    from atlas_core.checking.parity import backtest_told, compared, session_told
    from atlas_core.model.timeframe import SECOND

    loaded, market = recorded(profile, options)
    session = session_told(loaded, market, bar.watch("session"))
    backtest = backtest_told(loaded, market, watch=bar.watch("back-test"))
    return compared(loaded, market, session, backtest, tolerance=round(tolerance * SECOND))


def _of_run(
    ctx: click.Context, name: str, first_seq: int | None, profile: str | None, options: dict[str, Any],
    tolerance: float, *, is_fresh: bool,
) -> ParityReport:  # fmt: skip
    from attrs import evolve

    from atlas_core.checking.market import record_market
    from atlas_core.checking.parity import Told, backtest_told, compared
    from atlas_core.checking.running import until_the_end
    from atlas_core.checking.taped import taped_market
    from atlas_core.cli.replay import profile_of, tape_of
    from atlas_core.cli.run import profile_overrides
    from atlas_core.journal import JournalReader
    from atlas_core.model.timeframe import SECOND
    from atlas_core.options import Moment
    from atlas_core.runtime.recording import read_head

    named = find_journal(ctx, name)
    tape = tape_of(named, first_seq)
    head, market = read_head(tape), taped_market(tape)
    loaded = profile_of(head, profile, profile_overrides(**options), resolve_secrets=is_fresh)
    with JournalReader.open(named.path) as reader:
        records = until_the_end(list(reader.records(after=int(head["first_seq"]) - 1)))
    session = Told(records=records, bars=market.bars)
    if is_fresh:
        span = evolve(loaded.universe, start=Moment(market.start), end=Moment(market.end))
        market = record_market(evolve(loaded, universe=span))
    backtest = backtest_told(loaded, market)
    return compared(loaded, market, session, backtest, tolerance=round(tolerance * SECOND))
