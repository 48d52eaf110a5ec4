"""`atlas sweep` and `atlas sweeps`: try many settings of one profile, and look at what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from atlas_core.cli.completion import complete_profile
from atlas_core.cli.kept import store_of
from atlas_core.cli.run import profile_overrides, read_timerange
from atlas_core.cli.settings import Settings
from atlas_core.errors import AlreadyRunning, AtlasError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from atlas_core.plugins import Registry
    from atlas_core.search.ledger import Ledger
    from atlas_core.search.plan import Plan, Sweep, SweepStore
    from atlas_core.search.sweeping import Outcome, Search, Staff

TOP = 10


def search_options(command: Any) -> Any:
    """Add the options that say what is tried and what counts."""
    for option in reversed(
        (
            click.option("--set", "changes", multiple=True, metavar="KEY=VALUES",
                         help="What to try: 0.5,1,2 or 5:50:5 or 1:64:log7; @KEY follows another key. Repeatable."),
            click.option("--where", "conditions", multiple=True, metavar="TEXT",
                         help='Try only what fulfils it, such as "fast < slow". Repeatable.'),
            click.option("--method", type=click.Choice(["grid", "random", "tpe"]),
                         help="All combinations, some drawn evenly, or some that Optuna chooses."),
            click.option("--trials", type=click.IntRange(1), metavar="N", help="How many combinations are drawn."),
            click.option("--walk-forward", metavar="TRAIN/TEST", default="",
                         help="Choose on 60d, try on the next 15d, step by step: 60d/15d."),
            click.option("--anchored", is_flag=True, help="Let every window of a walk-forward begin with the data."),
            click.option("--gap", metavar="DURATION", default="", help="Time left out between choosing and trying."),
            click.option("--sampler-seed", type=int, default=1, show_default=True, help="Seed of the drawing."),
            click.option("--objective", metavar="METRIC", default="sharpe", show_default=True,
                         help="The metric that ranks, by its name."),
            click.option("--min-trades", type=click.IntRange(0), default=1, show_default=True,
                         help="Closed trades below which a trial does not count."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def staff_options(command: Any) -> Any:
    """Add the options that say who works and how long."""
    for option in reversed(
        (
            click.option("--workers", type=click.IntRange(1), metavar="N",
                         help="Processes; without it as many as pay."),
            click.option("--cluster", metavar="ADDRESS", help="A Dask scheduler, such as tcp://host:8786."),
            click.option("--timeout", metavar="DURATION", help="Hand out no trial after 10m or 2h; resumable."),
            click.option("--trial-timeout", metavar="DURATION",
                         help="Give up a trial that takes longer than 30s or 10m; its process is replaced."),
            click.option("--resume", metavar="ID", help="Go on with a sweep that was cut off."),
            click.option("--new", is_flag=True, help="Begin again, also where the same sweep was cut off."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def shown_options(command: Any) -> Any:
    """Add the options that say what is shown."""
    for option in reversed(
        (
            click.option("--top", type=click.IntRange(1), default=TOP, show_default=True, help="Rows of the table."),
            click.option("--map", "mapped", metavar="KEY,KEY", help="The two keys of the map."),
            click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."),
            click.option("--csv", "as_csv", is_flag=True, help="Print every trial as CSV and nothing else."),
            click.option("-q", "--quiet", is_flag=True, help="Show no progress."),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("profile", required=False, shell_complete=complete_profile)
@search_options
@click.option("--timerange", metavar="FROM-TO", help="Such as 20240101-20240301; either side may be left out.")
@click.option("--symbol", "symbols", multiple=True, metavar="SYMBOL", help="Trade only this; repeatable.")
@click.option("--from", "start", metavar="TIME", help="First time (UTC): 2026-01-01 or 20260101T1500.")
@click.option("--to", "end", metavar="TIME", help="Last time (UTC); a date is its first instant.")
@click.option("--seed", type=int, help="Seed of every random stream of the profile.")
@staff_options
@shown_options
@click.pass_context
def sweep(ctx: click.Context, /, profile: str | None, **options: Any) -> None:
    """Try many settings of a profile; every trial counts in a ledger, and a sweep that is cut off goes on.

    atlas sweep my.toml --set sizer.risk_pct=0.5,1,2 --set scanner.0.fast=5:50:5
    """
    from atlas_core.plugins import discover
    from atlas_core.search.ledger import Ledger
    from atlas_core.search.plan import SweepStore

    settings = ctx.find_object(Settings) or Settings()
    showing = Showing.of(options, is_quiet=settings.quiet)
    staff = _staff(options)
    registry = discover()
    with Ledger.at(store_of(ctx).home) as ledger:
        launch = _launch(ctx, profile, options, registry)
        try:
            outcome = _run(launch, registry, ledger, staff, showing)
        except AtlasError as fault:
            if not isinstance(fault, AlreadyRunning) and not ledger.count(launch.sweep.sweep_id):
                SweepStore(store_of(ctx).home).discard(launch.sweep)
            raise
        ctx.exit(_show(launch, outcome, ledger, showing))


@click.command()
@click.argument("sweep_id", required=False)
@click.option("--objective", metavar="METRIC", help="Rank by another metric than the sweep did.")
@click.option("--min-trades", type=click.IntRange(0), help="Closed trades below which a trial does not count.")
@shown_options
@click.pass_context
def sweeps(ctx: click.Context, /, sweep_id: str | None, **options: Any) -> None:
    """List the sweeps that are kept, or show one of them: an id, a number or `latest`."""
    from atlas_core.cli.sweep_screen import print_sweeps
    from atlas_core.search.conducting import Ending
    from atlas_core.search.ledger import Ledger
    from atlas_core.search.plan import SweepStore
    from atlas_core.search.sweeping import Outcome

    home = store_of(ctx).home
    store = SweepStore(home)
    with Ledger.at(home) as ledger:
        if sweep_id is None:
            if options["as_csv"]:
                raise UsageError(
                    "expected the id of a sweep with --csv, which prints its trials: atlas sweeps ID --csv"
                )
            print_sweeps(store.all(), ledger, as_json=options["as_json"])
            return
        found = store.find(sweep_id)
        launch = Launch(found, understood(found.plan, options["objective"], options["min_trades"]))
        ending = Ending.COMPLETE if found.is_complete else Ending.INTERRUPTED
        outcome = Outcome(ledger.trials(found.sweep_id), ending, found.windows)
        _show(launch, outcome, ledger, Showing.of(options, is_quiet=True))


@frozen(kw_only=True)
class Showing:
    """What is shown of a sweep."""

    top: int
    mapped: str | None
    as_json: bool
    as_csv: bool
    quiet: bool

    @classmethod
    def of(cls, options: dict[str, Any], *, is_quiet: bool) -> Showing:
        """Take what the options of a command say out of them; raises UsageError for two forms at once."""
        if options["as_json"] and options["as_csv"]:
            raise UsageError("expected one of --json and --csv, were both")
        names = ("top", "mapped", "as_json", "as_csv")
        return cls(**{name: options[name] for name in names}, quiet=options["quiet"] or is_quiet)

    @property
    def for_machines(self) -> bool:
        """Tell whether nothing but one document goes to stdout."""
        return self.as_json or self.as_csv


@frozen
class Launch:
    """A sweep that is about to run or to be shown, and its plan as it was understood; `note` says how it began."""

    sweep: Sweep
    search: Search
    note: str = ""


def _staff(options: dict[str, Any]) -> Staff:
    from atlas_core.runtime.ending import read_duration
    from atlas_core.search.sweeping import Staff

    if options["workers"] is not None and options["cluster"]:
        raise UsageError("expected one of --workers and --cluster, were both")
    timeout, longest = (
        read_duration(options[name]) if options[name] else None for name in ("timeout", "trial_timeout")
    )
    return Staff(
        processes=options["workers"], cluster=options["cluster"] or "", timeout_seconds=timeout, trial_seconds=longest
    )


def _launch(ctx: click.Context, profile: str | None, options: dict[str, Any], registry: Registry) -> Launch:
    """Find the sweep to go on with, or make a new one; raises UsageError and what reading the plan does."""
    from atlas_core.clock import LiveClock
    from atlas_core.search.plan import SweepStore
    from atlas_core.search.sweeping import expect_keys

    store = SweepStore(store_of(ctx).home)
    if options["resume"]:
        if profile is not None or options["changes"]:
            raise UsageError("expected --resume ID alone: the sweep knows its profile and what it tries")
        return _resumed(store, options["resume"], registry)
    if profile is None:
        raise UsageError("expected a profile: atlas sweep PROFILE --set KEY=VALUES, or --resume ID")
    plan = _plan(profile, options, registry)
    search = understood(plan)
    expect_keys(search, registry)
    unfinished = None if options["new"] else store.unfinished(plan)
    if unfinished is not None:
        return Launch(unfinished, search, "goes on: the same sweep was cut off (another one: --new)")
    return Launch(store.create(plan, LiveClock().now()), search)


def _resumed(store: SweepStore, sweep_id: str, registry: Registry) -> Launch:
    from atlas_core.search.plan import code_digest, profile_base

    found = store.find(sweep_id)
    if found.is_complete:
        return Launch(found, understood(found.plan), "is complete: nothing is left to try")
    for what, now, then in (
        ("the profile", profile_base(found.plan.profile)[1], found.plan.base),
        ("the code of Atlas or of a plugin", code_digest(registry), found.plan.code),
    ):
        if now != then:
            raise UsageError(
                f"expected {what} to be what it was when {found.sweep_id} began: its trials would not compare; "
                "start a new sweep with --new"
            )
    return Launch(found, understood(found.plan), "goes on")


def _plan(profile: str, options: dict[str, Any], registry: Registry) -> Plan:
    from atlas_core.search.plan import Plan, code_digest, profile_base

    start, end = options["start"], options["end"]
    if options["timerange"] is not None:
        if start or end:
            raise UsageError("--timerange contradicts --from and --to")
        start, end = read_timerange(options["timerange"])
    path, base = profile_base(profile)
    fixed = profile_overrides(options["symbols"], start, end, options["seed"], ())
    method = options["method"] or ("random" if options["trials"] is not None else "grid")
    return Plan(
        profile=str(path),
        name=_name(path),
        base=base,
        code=code_digest(registry),
        changes=(*(f"{key}={text}" for key, text in fixed), *options["changes"]),
        conditions=options["conditions"],
        method=method,
        trials=options["trials"],
        seed=options["sampler_seed"],
        walk_forward=options["walk_forward"],
        anchored=options["anchored"],
        gap=options["gap"],
        objective=options["objective"],
        min_trades=options["min_trades"],
    )


def _name(path: Path) -> str:
    from atlas_core.profile.document import read_document

    head = read_document(path).data.get("profile")
    name = head.get("name") if isinstance(head, dict) else None
    return name if isinstance(name, str) and name else path.stem


def understood(plan: Plan, objective: str | None = None, min_trades: int | None = None) -> Search:
    """Return a plan as it is understood, ranked by another metric where one is named; raises UsageError."""
    from attrs import evolve

    from atlas_core.search.sweeping import understand

    return understand(
        evolve(
            plan,
            objective=objective or plan.objective,
            min_trades=plan.min_trades if min_trades is None else min_trades,
        )
    )


def _run(launch: Launch, registry: Registry, ledger: Ledger, staff: Staff, showing: Showing) -> Outcome:
    from atlas_core.cli.sweep_progress import SweepProgress, say_start
    from atlas_core.errors import JournalError
    from atlas_core.journal.lock import WriterLock
    from atlas_core.search.sweeping import Sweeping

    try:
        lock = WriterLock(launch.sweep.directory / "sweep")
    except JournalError as fault:
        raise AlreadyRunning(f"{launch.sweep.sweep_id} is at work: {fault}") from None
    try:
        if not showing.for_machines:
            say_start(launch)
        with SweepProgress(launch.search.objective, launch.search.space.keys, with_bar=not showing.quiet) as watch:
            return Sweeping(launch.sweep, launch.search, ledger, registry, watch, staff).run()
    except KeyboardInterrupt:
        click.echo(f"go on with: atlas sweep --resume {launch.sweep.sweep_id}", err=True)
        raise
    finally:
        lock.release()


def _show(launch: Launch, outcome: Outcome, ledger: Ledger, showing: Showing) -> int:
    """Print what was found; return the exit code."""
    from atlas_core.cli.main import INTERRUPTED
    from atlas_core.cli.sweep_screen import found_of, print_csv, print_found, print_json_of
    from atlas_core.search.conducting import Ending

    found = found_of(launch, outcome, ledger)
    if showing.as_json:
        print_json_of(found)
    elif showing.as_csv:
        print_csv(found)
    else:
        print_found(found, top=showing.top, mapped=showing.mapped)
    codes: dict[Any, int] = {Ending.INTERRUPTED: INTERRUPTED, Ending.TIME_OUT: 8}
    return codes.get(outcome.ending, 0 if found.has_result else 4)


def keys_of_map(text: str | None, keys: Sequence[str]) -> tuple[str, str] | None:
    """Return the two keys of the map: those that are named, or the only two there are; raises UsageError."""
    if text is None:
        return (keys[0], keys[1]) if len(keys) == 2 else None
    named = tuple(_key(part.strip(), keys) for part in text.split(","))
    if len(named) != 2 or named[0] == named[1]:
        raise UsageError(f"expected --map with two of {', '.join(keys)}, was {text!r}")
    return named[0], named[1]


def _key(name: str, keys: Sequence[str]) -> str:
    found = [key for key in keys if key == name or key.endswith(f".{name}")]
    if len(found) != 1:
        raise UsageError(f"expected --map with two of {', '.join(keys)}, was {name!r}")
    return found[0]
