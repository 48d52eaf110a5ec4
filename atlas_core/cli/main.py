"""`atlas`: the table of commands, the global options, and what a failure looks like."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from traceback import print_exception
from typing import TYPE_CHECKING, Any, NoReturn

import click

from atlas_core import __version__
from atlas_core.cli.group import LazyCommand, LazyGroup
from atlas_core.cli.settings import Settings, Verbosity
from atlas_core.errors import AtlasError, ProfileError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_CODES = {
    0: "ok",
    1: "failed",
    2: "usage",
    3: "profile, plugin or extra",
    4: "check failed or data",
    5: "not found",
    6: "venue or network",
    7: "stopped by a safety limit",
    8: "time-out",
    9: "already running",
    10: "ended by the watchdog",
    130: "interrupted",
}
INTERRUPTED = 130
_YOUNG_OBJECTS = 50_000
"""So many new objects let the collector look for cycles: importing makes nearly as many, and all of them stay."""

COMMANDS = {
    "run": LazyCommand("atlas_core.cli.run:run", "Run a profile in its mode."),
    "backtest": LazyCommand("atlas_core.cli.run:backtest", "Run a profile over its history."),
    "sweep": LazyCommand("atlas_core.cli.sweep:sweep", "Try many settings of a profile; say what the best is worth."),
    "sweeps": LazyCommand("atlas_core.cli.sweep:sweeps", "List the sweeps that are kept, and show one."),
    "scan": LazyCommand("atlas_core.cli.scan:scan", "Show the signals of the latest bars and what each gate says."),
    "explain": LazyCommand("atlas_core.cli.explain:explain", "Say why a trade was made, or a signal refused."),
    "report": LazyCommand("atlas_core.cli.report:report", "Show the trades, figures and refusals of a run."),
    "pnl": LazyCommand("atlas_core.cli.pnl:pnl", "Show what a run earned, by pattern, timeframe, score and more."),
    "runs": LazyCommand("atlas_core.cli.runs:runs", "List the runs that are kept."),
    "data": LazyCommand("atlas_core.cli.data:data", "Keep bars on disk: import, download, list, verify, export."),
    "compare": LazyCommand("atlas_core.cli.compare:compare", "Show runs side by side, and what differs in them."),
    "reproduce": LazyCommand("atlas_core.cli.reproduce:reproduce", "Make a run again and compare it with its journal."),
    "status": LazyCommand("atlas_core.cli.status:status", "Show how a session is, and how old that news is."),
    "positions": LazyCommand("atlas_core.cli.status:positions", "Show the open positions of a session."),
    "orders": LazyCommand("atlas_core.cli.status:orders", "Show the working orders of a session."),
    "trades": LazyCommand("atlas_core.cli.status:trades", "Show the closed trades of a session."),
    "logs": LazyCommand("atlas_core.cli.logs:logs", "Show what happened in a session, and follow it."),
    "errors": LazyCommand("atlas_core.cli.status:errors", "Show what went wrong in a session."),
    "jobs": LazyCommand("atlas_core.cli.status:jobs", "Show what the schedule of a session does and did."),
    "close": LazyCommand("atlas_core.cli.operate:close", "Close a position of a session, or all of them."),
    "pause": LazyCommand("atlas_core.cli.operate:pause", "Stop the entries of a session."),
    "resume": LazyCommand("atlas_core.cli.operate:resume", "Allow the entries of a session again."),
    "kill": LazyCommand("atlas_core.cli.operate:kill", "Stop entries until a person clears the kill switch."),
    "ack": LazyCommand("atlas_core.cli.operate:ack", "Stop repeating critical alerts of a session."),
    "stop": LazyCommand("atlas_core.cli.operate:stop", "End a session in good order."),
    "audit": LazyCommand("atlas_core.cli.audit:audit", "Check whether a journal can be believed."),
    "replay": LazyCommand("atlas_core.cli.replay:replay", "Decide a recorded session again and compare."),
    "backup": LazyCommand("atlas_core.cli.backup:backup", "Copy a journal and check the copy."),
    "restore": LazyCommand("atlas_core.cli.backup:restore", "Put a backup in the place of a journal."),
    "check": LazyCommand("atlas_core.cli.check:check", "Prove that a profile sees no future."),
    "parity": LazyCommand("atlas_core.cli.parity:parity", "Compare a profile's session with its back-test."),
    "config": LazyCommand("atlas_core.cli.config:config", "Check, show and explain profiles."),
    "plugins": LazyCommand("atlas_core.cli.plugins:plugins", "List plugins and show what they offer."),
    "doctor": LazyCommand("atlas_core.cli.doctor:doctor", "Check this installation."),
    "completion": LazyCommand("atlas_core.cli.completion:completion", "Print the completion script of a shell."),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: " + " · ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()),
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where runs are kept, instead of $ATLAS_HOME or the user's data directory.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log what happens.")
@click.option("-q", "--quiet", is_flag=True, help="Log errors only and show no progress.")
@click.option("--debug", is_flag=True, help="Log everything and show tracebacks.")
@click.option("--no-color", is_flag=True, help="Print without colours (as does NO_COLOR).")
@click.version_option(__version__, prog_name="atlas")
@click.pass_context
def atlas(ctx: click.Context, home: Path | None, verbose: bool, quiet: bool, debug: bool, no_color: bool) -> None:
    """Run a whole trading system that is one TOML profile.

    Results go to stdout, logs to stderr.
    """
    if quiet and (verbose or debug):
        raise click.UsageError("--quiet contradicts --verbose and --debug")
    settings = ctx.ensure_object(Settings)
    settings.home = home.expanduser() if home else None
    settings.verbosity = _verbosity(verbose, quiet, debug)
    settings.color = not no_color
    if no_color:
        ctx.color = False
    settings.apply()


def _verbosity(verbose: bool, quiet: bool, debug: bool) -> Verbosity:
    if debug:
        return Verbosity.DEBUG
    if verbose:
        return Verbosity.VERBOSE
    return Verbosity.QUIET if quiet else Verbosity.NORMAL


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `atlas` with the arguments of the process, or with `arguments`, and exit with the documented code."""
    gc.set_threshold(_YOUNG_OBJECTS)
    try:
        sys.exit(run_command_line(arguments))
    finally:
        gc.freeze()  # the process ends: looking for cycles in all it holds would free what is freed anyway


def run_command_line(arguments: Sequence[str] | None = None) -> int:
    """Run `atlas` and return its exit code; failures are reported on stderr."""
    settings = Settings()
    _open_closed_streams()
    try:
        answer = _call(settings, arguments)
        sys.stdout.flush()  # a reader that went away is noticed here, not while Python shuts down
    except BrokenPipeError:
        return _stop_writing()
    except BaseException as fault:
        if isinstance(fault, SystemExit):
            raise
        return _report(_single(fault), settings)
    return answer if isinstance(answer, int) else 0


def _open_closed_streams() -> None:
    """Write nowhere where the caller has closed stdout or stderr: nothing else may get their numbers."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (open for life)


def _call(settings: Settings, arguments: Sequence[str] | None) -> Any:
    return atlas.main(
        args=None if arguments is None else list(arguments), prog_name="atlas", standalone_mode=False, obj=settings
    )


def _single(fault: BaseException) -> BaseException:
    """Return the one exception inside a group of one, as task groups raise it."""
    while isinstance(fault, BaseExceptionGroup) and len(fault.exceptions) == 1:
        fault = fault.exceptions[0]
    return fault


def _stop_writing() -> int:
    """Send what is still buffered nowhere; the code says that the output is incomplete."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _report(fault: BaseException, settings: Settings) -> int:
    if isinstance(fault, (KeyboardInterrupt, click.Abort)):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    if isinstance(fault, click.ClickException):
        fault.show()
        return fault.exit_code
    if settings.debug:
        print_exception(fault)
    if isinstance(fault, AtlasError):
        click.echo(_message(fault), err=True)
        return fault.exit_code
    if isinstance(fault, OSError):  # a full disk or a missing right is the machine's fault, not one to report
        click.echo(f"error: the machine refused: {fault}", err=True)
        return AtlasError.exit_code
    click.echo(f"error: internal: {type(fault).__name__}: {fault}; please report it", err=True)
    if not settings.debug:
        click.echo("run again with --debug for the traceback: atlas --debug ...", err=True)
    return 1


def _message(fault: AtlasError) -> str:
    if not isinstance(fault, ProfileError):
        return f"error: {fault}"
    count = len(fault.problems)
    lines = [str(problem) for problem in fault.problems]
    return "\n".join([*lines, f"{count} problem{'' if count == 1 else 's'}. Nothing was started."])


if __name__ == "__main__":
    main()
