"""`atlas parity`: one profile as session and as back-test on the same bars, decision by decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from attrs import evolve, fields_dict, frozen

from atlas_core.cli.check import FOUND, driver_option, keep_result, recorded
from atlas_core.cli.check_bar import CheckBar
from atlas_core.cli.completion import complete_profile
from atlas_core.cli.journals import complete_journal, find_journal
from atlas_core.cli.parity_screens import parity_facts, print_parity
from atlas_core.cli.run import profile_options, profile_overrides
from atlas_core.cli.tables import print_json
from atlas_core.errors import UsageError

if TYPE_CHECKING:
    from atlas_core.checking.market import RecordedMarket
    from atlas_core.checking.parity import ParityReport, Told
    from atlas_core.profile import Profile


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
@driver_option
@profile_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def parity(ctx: click.Context, /, as_json: bool, **options: Any) -> None:
    """Run PROFILE as a paper session and as a back-test on the same bars and compare every decision.

    With --run the session is one that was recorded, and PROFILE may be left out. Each difference has a cause: data,
    timing, price, size, capacity or code. Exit code 4 when there is one.
    """
    from atlas_core.clock import monotonic_seconds

    asked = Asked(**{name: options.pop(name) for name in fields_dict(Asked)})
    asked.require_sense()
    began = monotonic_seconds()
    with CheckBar(ctx, silent=as_json) as bar:
        report = _of_profile(ctx, asked, options, bar) if asked.run_name is None else _of_run(ctx, asked, options, bar)
    if as_json:
        print_json(parity_facts(report))
    else:
        print_parity(report, monotonic_seconds() - began)
    ctx.exit(0 if report.is_equal else FOUND)


@frozen(kw_only=True)
class Asked:
    """What is to be compared, as it was typed."""

    profile: str | None
    run_name: str | None
    session: int | None
    history: bool
    tolerance: float
    driver: str

    def require_sense(self) -> None:
        """Raise UsageError for options that do not fit together."""
        if self.profile is None and self.run_name is None:
            raise UsageError("expected a profile, or a recorded session with --run")
        if self.run_name is None and (self.session is not None or self.history):
            raise UsageError("--session and --history are for a recorded session: name it with --run")

    def compare(self, profile: Profile, market: RecordedMarket, session: Told, bar: CheckBar) -> ParityReport:
        """Make the back-test of a market and hold a session against it."""
        from atlas_core.backtest.driver import DriverKind
        from atlas_core.checking.parity import backtest_told, compared
        from atlas_core.model.timeframe import SECOND

        backtest = backtest_told(profile, market, driver=DriverKind(self.driver), watch=bar.watch("back-test"))
        return compared(profile, market, session, backtest, tolerance=round(self.tolerance * SECOND))


def _of_profile(ctx: click.Context, asked: Asked, options: dict[str, Any], bar: CheckBar) -> ParityReport:
    from atlas_core.checking.parity import session_told

    profile, market, code = recorded(str(asked.profile), options)
    report = asked.compare(profile, market, session_told(profile, market, bar.watch("session")), bar)
    if not asked.tolerance:  # what was let pass is no proof
        keep_result(ctx, profile, market, report, code)
    return report


def _of_run(ctx: click.Context, asked: Asked, options: dict[str, Any], bar: CheckBar) -> ParityReport:
    """Compare a recorded session: on its own bars, or on those that the provider delivers for its span today."""
    from atlas_core.checking.market import record_market
    from atlas_core.checking.parity import Told
    from atlas_core.checking.running import until_the_end
    from atlas_core.checking.taped import taped_market
    from atlas_core.cli.replay import profile_of, tape_of
    from atlas_core.journal import JournalReader
    from atlas_core.options import Moment
    from atlas_core.runtime.recording import read_head

    named = find_journal(ctx, asked.run_name)
    tape = tape_of(named, asked.session)
    head, market = read_head(tape), taped_market(tape)
    profile = profile_of(head, asked.profile, profile_overrides(**options), resolve_secrets=asked.history)
    with JournalReader.open(named.path) as reader:
        records = until_the_end(list(reader.records(after=int(head["first_seq"]) - 1)))
    session = Told(records=records, bars=market.bars)
    if asked.history:
        span = evolve(profile.universe, start=Moment(market.start), end=Moment(market.end))
        market = record_market(evolve(profile, universe=span))
    return asked.compare(profile, market, session, bar)
