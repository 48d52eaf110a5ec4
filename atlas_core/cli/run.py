"""`atlas run` and `atlas backtest`: one profile through the engine, then its results."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import frozen

from atlas_core import __version__
from atlas_core.cli.completion import complete_profile
from atlas_core.cli.settings import Settings
from atlas_core.cli.viewing import View, view_options
from atlas_core.clock import LiveClock
from atlas_core.errors import UsageError
from atlas_core.runs import COLUMNS, Mode, RunInfo, RunSummary

if TYPE_CHECKING:
    from atlas_core.backtest.columnar.outcome import Outcome
    from atlas_core.backtest.foretelling import Spared
    from atlas_core.cli.live_screen import LiveScreen
    from atlas_core.cli.run_session import SessionFlags
    from atlas_core.compose import System
    from atlas_core.journal import Journal
    from atlas_core.plugins import Registry
    from atlas_core.profile import Profile
    from atlas_core.report.equity import EquityPoint
    from atlas_core.report.evidence import Evidence
    from atlas_core.report.orders import OrderRow
    from atlas_core.report.summary import Report
    from atlas_core.runstore import RunStore

Command = TypeVar("Command", bound=Callable[..., Any])
Override = tuple[str, str]
USAGE = 2
_TIMERANGE = re.compile(r"(\d{8}(?:T\d{4,6})?)?-(\d{8}(?:T\d{4,6})?)?")


def profile_options(command: Command) -> Command:
    """Add the options that change values of a profile."""
    for option in reversed(
        (
            click.option("--symbol", "symbols", multiple=True, metavar="SYMBOL", help="Trade only this; repeatable."),
            click.option("--from", "start", metavar="TIME", help="First time (UTC): 2026-01-01 or 20260101T1500."),
            click.option("--to", "end", metavar="TIME", help="Last time (UTC); a date is its first instant."),
            click.option("--seed", type=int, help="Seed of every random stream."),
            click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Any value; repeatable."),
        )
    ):
        command = option(command)
    return command


def result_options(command: Command) -> Command:
    """Add the options that say what is shown."""
    command = view_options(command)
    for option in (
        click.option("-q", "--quiet", is_flag=True, help="Show no events and no progress."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
    ):
        command = option(command)
    return command


def session_options(command: Command) -> Command:
    """Add the options that say how long and how fast a session runs."""
    for option in reversed(
        (
            click.option("--speed", metavar="SPEED", help="Pace of a market of the past: 1x, 60x or max (default)."),
            click.option("--for", "lasting", metavar="DURATION", help="End after 10m, 1h30m or 2d."),
            click.option("--until", metavar="TIME", help="End at 16:00 (in [schedule] zone) or an ISO time (UTC)."),
            click.option("--once", is_flag=True, help="End after one scan."),
            click.option("--arm", is_flag=True, help="Really trade: the last switch of a live session."),
            click.option("--take-account", is_flag=True, help="Take over an account that another session traded last."),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("profile", required=False, shell_complete=complete_profile)
@click.option(
    "--mode", type=click.Choice([mode.value for mode in Mode]), help="A mode of lower risk than the profile's."
)
@session_options
@profile_options
@result_options
@click.pass_context
def run(ctx: click.Context, /, profile: str | None, mode: str | None, **options: Any) -> None:
    """Run a profile in its mode; `atlas run demo` needs no key and no network.

    Without a profile: list those that come with Atlas.
    """
    if profile is None:
        from atlas_core.cli.profile_list import list_profiles

        list_profiles(as_json=options["as_json"])
        ctx.exit(USAGE)
    from atlas_core.cli.run_session import SessionFlags

    flags = SessionFlags(**{name: options.pop(name) for name in SessionFlags.names()})
    _run(ctx, profile, Mode(mode) if mode else None, flags, **options)


@click.command()
@click.argument("profile", shell_complete=complete_profile)
@click.option("--timerange", metavar="FROM-TO", help="Such as 20240101-20240301; either side may be left out.")
@click.option(
    "--driver",
    type=click.Choice([COLUMNS, "skipping", "plain"]),
    help="How it is done; all come to the same. Default: columns where they are proved to, else skipping.",
)
@click.option(
    "--fills",
    type=click.Choice(["optimistic", "base", "pessimistic", "all"]),
    help="How kind the market is assumed to be; all: the three side by side.",
)
@profile_options
@result_options
@click.pass_context
def backtest(
    ctx: click.Context, /, profile: str, timerange: str | None, driver: str | None, fills: str | None, **options: Any
) -> None:
    """Run a profile over its history and show what it would have done."""
    if timerange is not None:
        if options["start"] or options["end"]:
            raise click.UsageError("--timerange contradicts --from and --to")
        options["start"], options["end"] = read_timerange(timerange)
    _run(ctx, profile, Mode.BACKTEST, None, driver=driver, fills=fills, **options)


def read_timerange(text: str) -> tuple[str | None, str | None]:
    """Return both sides of `20240101-20240301`; raises UsageError."""
    match = _TIMERANGE.fullmatch(text)
    if match is None or text == "-":
        raise UsageError(f"expected a range such as 20240101-20240301, 20240101- or -20240301, was {text!r}")
    return match.group(1), match.group(2)


def profile_overrides(
    symbols: Sequence[str], start: str | None, end: str | None, seed: int | None, changes: Sequence[str]
) -> tuple[Override, ...]:
    """Return the values that the command line puts over the profile, as keys and TOML texts."""
    made: list[Override] = []
    if symbols:
        made.append(("universe.symbols", f"[{', '.join(map(_toml_text, symbols))}]"))
    made += [(key, _toml_text(text)) for key, text in (("universe.start", start), ("universe.end", end)) if text]
    if seed is not None:
        made.append(("profile.seed", str(seed)))
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"expected --set KEY=VALUE such as limits.max_positions=3, was {change!r}")
        made.append((key.strip(), value.strip()))
    return tuple(made)


def _toml_text(text: str) -> str:
    from json import dumps

    return dumps(text)  # a JSON string is a TOML basic string


def prepare(profile: str, mode: Mode | None, overrides: Sequence[Override]) -> tuple[Profile, Registry, System]:
    """Read a profile and compose its system; raises ProfileError with every problem there is."""
    from atlas_core.compose import compose
    from atlas_core.profile import lowered_mode, open_profile

    loaded, registry = open_profile(profile, overrides=overrides, resolve_secrets=True)
    return loaded, registry, compose(loaded, lowered_mode(loaded, mode))


def _run(
    ctx: click.Context,
    profile: str,
    mode: Mode | None,
    flags: SessionFlags | None,
    *,
    quiet: bool,
    as_json: bool,
    driver: str | None = None,
    fills: str | None = None,
    **options: Any,
) -> None:
    from atlas_core.profile import lowered_mode, open_profile
    from atlas_core.runstore import RunStore

    view = View.taken_from(options)
    overrides = profile_overrides(**options)
    loaded, registry = open_profile(profile, overrides=overrides, resolve_secrets=True)
    settings = ctx.find_object(Settings) or Settings()
    showing = Showing(quiet=quiet or as_json or settings.quiet, as_json=as_json, view=view)
    launch = Launch(loaded, registry, lowered_mode(loaded, mode), RunStore.at(settings.home), overrides, showing)
    if launch.mode is Mode.BACKTEST:
        if flags is not None:
            flags.forbid(launch.mode)
        if fills is None:
            run_one_backtest(launch, driver)
        else:
            from atlas_core.cli.fills import run_under

            run_under(profile, launch, fills, driver)
        return
    from atlas_core.cli.run_session import SessionFlags, run_in_process

    settings.log_without_waiting()
    run_in_process(launch, flags or SessionFlags())


@frozen(kw_only=True)
class Showing:
    """What is shown of a run."""

    quiet: bool
    as_json: bool
    view: View


@frozen
class Made:
    """A run that ended: its report beside that of buy and hold, how it ended, and its manifest."""

    run: RunInfo
    report: Report
    summary: RunSummary
    manifest: dict[str, Any]


@frozen
class Launch:
    """What is about to run, where it is kept, and what is shown of it."""

    profile: Profile
    registry: Registry
    mode: Mode
    store: RunStore
    overrides: Sequence[Override]
    showing: Showing

    def begin(self, system: System, run: RunInfo, *, with_header: bool = True) -> LiveScreen:
        """Say what begins; return what shows it."""
        from atlas_core.cli.live_screen import LiveScreen
        from atlas_core.cli.results import header, say_header

        with_events = not self.showing.quiet and system.mode is not Mode.BACKTEST
        keeps, with_bar = not system.is_real_time, not self.showing.quiet
        screen = LiveScreen(run.run_id, with_events=with_events, with_bar=with_bar, keeps=keeps)
        if with_header and not self.showing.as_json:
            with screen.while_somebody_reads():
                say_header(header(self.profile.name, system.mode, system.synthetic, self.profile.seed, run.run_id))
        return screen

    def made_of(self) -> dict[str, Any]:
        """Return what the run is made of beside its data."""
        from atlas_core.report.provenance import composition_of

        return composition_of(self.profile, self.registry, self.overrides)

    def keep(self, run: RunInfo, screen: LiveScreen, execute: Callable[[Journal], RunSummary]) -> Made:
        """Make a run of a market that ends in a journal of its own, and keep its results beside it."""
        from atlas_core.journal import Journal
        from atlas_core.report.orders import order_rows
        from atlas_core.report.summary import report_of
        from atlas_core.runstore import JOURNAL_NAME

        made_of = self.made_of()
        try:
            with Journal.create(run.directory / JOURNAL_NAME) as journal:
                self.registry.run_started(run)
                with screen:
                    summary = execute(journal)
                records = screen.kept or list(journal.records())
            self.registry.run_finished(run, summary)
        except BaseException:
            if not screen.kept:  # nothing was decided: there is no run to keep
                self.store.discard(run)
            else:
                click.echo(_kept_so_far(run), err=True)
            raise
        report = report_of(records, risk_free=self.showing.view.risk_free)
        return self._write_beside(report, order_rows(records), run, summary, screen, made_of)

    def keep_columns(self, run: RunInfo, screen: LiveScreen, execute: Callable[[], Outcome | Spared]) -> Made:
        """Make a run without a journal, which is written when it is asked for, and keep its results.

        Raises NotSimple where the engine has to decide.
        """
        from atlas_core.backtest.columnar.simple import NotSimple

        made_of = self.made_of()
        try:
            with screen:
                outcome = execute()
        except NotSimple:
            raise
        except BaseException:
            self.store.discard(run)
            raise
        self.registry.run_started(run)
        self.registry.run_finished(run, outcome.summary)
        report, more = outcome.report(self.showing.view.risk_free), {"trades_digest": outcome.digest}
        return self._write_beside(report, None, run, outcome.summary, screen, made_of, more)

    def show(self, made: Made) -> None:
        """Show a run that was made, beside what is known of its profile and its data."""
        from atlas_core.cli.evidence import known_of_run
        from atlas_core.cli.manifests import same_composition

        earlier = same_composition(made.run, made.manifest)
        digest = made.report.started.profile_digest
        evidence = known_of_run(self.store.home, made.run.run_id, made.manifest, digest)
        if self.showing.as_json:
            _print_json(made, self.showing.view, earlier, evidence)
        else:
            _print_screens(made, self.showing.view, earlier, evidence)

    def _write_beside(
        self,
        report: Report,
        orders: Sequence[OrderRow] | None,
        run: RunInfo,
        summary: RunSummary,
        screen: LiveScreen,
        made_of: dict[str, Any],
        more: Mapping[str, str] | None = None,
    ) -> Made:
        """Write what a run leaves beside its journal, and `more` into its manifest.

        What was ordered is told by the journal: without one there are no `orders` yet.
        """
        from atlas_core.report.benchmark import BENCHMARK_NAME
        from atlas_core.report.export import equity_csv, export_files, manifest_of

        benchmark = self._benchmark(run, screen, report)
        report = report.beside(benchmark)
        data = [{"provider": self.profile.provider.use, **row} for row in screen.data_rows()]
        manifest = manifest_of(report, run.run_id, summary.digest, __version__) | {"made_of": made_of, "data": data}
        manifest |= more or {}
        if summary.driver:
            manifest["driver"] = summary.driver
        files: dict[str, Iterable[str]] = {BENCHMARK_NAME: [equity_csv(benchmark)]} if benchmark else {}
        files |= export_files(report, orders, manifest)  # the manifest last: with it a run has ended
        for name, pieces in files.items():
            with (run.directory / name).open("w", encoding="utf-8", newline="") as file:
                file.writelines(pieces)
        return Made(run, report, summary, manifest)

    def _benchmark(self, run: RunInfo, screen: LiveScreen, report: Report) -> Sequence[EquityPoint]:
        """Return buy and hold beside a run: on the bars of a back-test, or on those that a session has on its tape."""
        from atlas_core.cli.report_market import taped_benchmark
        from atlas_core.compose import compose
        from atlas_core.report.benchmark import buy_and_hold

        if screen.market is not None:
            return buy_and_hold(screen.market, report.curve)
        return taped_benchmark(run.directory, compose(self.profile, self.mode).costs, report.curve)


def run_one_backtest(launch: Launch, driver: str | None, *, is_shown: bool = True, is_trial: bool = True) -> Made:
    """Make one back-test, keep it and, where it is one, note it among the trials of its data; show its results."""
    from atlas_core.compose import compose
    from atlas_core.search.data import origin_of
    from atlas_core.search.noting import note_back_test

    system = compose(launch.profile, launch.mode)
    run = launch.store.create(launch.profile.name, system.mode, system.synthetic, began=LiveClock().now())
    screen = launch.begin(system, run, with_header=is_shown)
    made = _in_columns(launch, system, run, screen, driver) or _through_the_engine(launch, run, screen, driver)
    data = screen.data_set(origin_of(system))
    if data is not None and is_trial:
        note_back_test(launch.store.home, run.run_id, system, launch.overrides, made.report.results, data)
    if is_shown:
        launch.show(made)  # it counts before anybody has seen it: who reads no further has tried it all the same
    return made


def _in_columns(launch: Launch, system: System, run: RunInfo, screen: LiveScreen, driver: str | None) -> Made | None:
    """Work a back-test out in columns unless another driver is asked for; return None where the engine has to decide.

    Who asked for columns is told why.
    """
    if driver not in (None, COLUMNS):
        return None
    gc.disable()  # records hold no cycles, and looking for them takes a quarter of the time
    try:
        return _all_in_columns(launch, system, run, screen) or _foretold(launch, run, screen, driver)
    finally:
        gc.freeze()
        gc.unfreeze()  # all of it counts as old now: the next small collection does not look through the whole run
        gc.enable()


def _all_in_columns(launch: Launch, system: System, run: RunInfo, screen: LiveScreen) -> Made | None:
    from loguru import logger

    from atlas_core.backtest.columnar.outcome import run_in_columns
    from atlas_core.backtest.columnar.simple import NotSimple

    try:
        return launch.keep_columns(run, screen, partial(run_in_columns, system, screen))
    except NotSimple as reason:
        logger.debug("the engine decides what can trade: {}", reason)
        return None


def _foretold(launch: Launch, run: RunInfo, screen: LiveScreen, driver: str | None) -> Made | None:
    """Leave to the engine only what can trade, where columns are asked for or there are very many signals."""
    from loguru import logger

    from atlas_core.backtest.columnar.simple import NotSimple
    from atlas_core.backtest.foretelling import SPARED_FROM, run_foretold
    from atlas_core.compose import compose

    system, fewest = compose(launch.profile, launch.mode), 0 if driver == COLUMNS else SPARED_FROM
    execute = partial(run_foretold, system, screen, fewest=fewest)
    try:
        return launch.keep_columns(run, screen, execute)
    except NotSimple as reason:
        logger.debug("the engine decides: {}", reason)
        if driver == COLUMNS:
            click.echo(f"not worked out in columns, the engine decides: {reason}", err=True)
        return None


def _through_the_engine(launch: Launch, run: RunInfo, screen: LiveScreen, driver: str | None) -> Made:
    from atlas_core.backtest.driver import DriverKind, run_backtest
    from atlas_core.compose import compose

    system = compose(launch.profile, launch.mode)
    kind = DriverKind(driver) if driver in list(DriverKind) else DriverKind.SKIPPING

    def execute(journal: Journal) -> RunSummary:
        summary = run_backtest(system, journal, watch=screen, driver=kind)
        if driver is not None and summary.every_bar_because:
            screen.note(f"no bar was passed over: {summary.every_bar_because}")
        return summary

    return launch.keep(run, screen, execute)


def _kept_so_far(run: RunInfo) -> str:
    return f"run {run.run_id} is kept as far as it went: atlas report {run.run_id}"


def _print_json(made: Made, view: View, earlier: tuple[RunInfo, bool] | None, evidence: Evidence) -> None:
    from atlas_core.cli.tables import print_json
    from atlas_core.report.export import TRADE_COLUMNS, compat_of, json_rows, summary_of

    print_json(
        {
            "run_id": made.run.run_id,
            "directory": made.run.directory,
            "journal_digest": made.summary.digest,
            "earlier": None if earlier is None else {"run_id": earlier[0].run_id, "is_equal": earlier[1]},
            **({"driver": made.summary.driver} if made.summary.driver else {}),
            **summary_of(made.report),
            **compat_of(made.report, view.metrics_compat),
            **{name: fact for name, fact in evidence.facts().items() if name != "searches"},
            "trades": json_rows(TRADE_COLUMNS, made.report.trades),
        }
    )


def _print_screens(made: Made, view: View, earlier: tuple[RunInfo, bool] | None, evidence: Evidence) -> None:
    from atlas_core.cli.results import print_earlier, print_next, print_report

    print_report(made.report, made.run, view, evidence=evidence, with_header=False)
    if earlier is not None:
        print_earlier(*earlier)
    print_next(made.report, made.run)
