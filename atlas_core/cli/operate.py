"""The acting commands of a session: close, pause, resume, kill, stop. They go through its inbox and show its answer."""

from __future__ import annotations

import getpass
import os
import threading
from collections.abc import Callable
from typing import Any

import click

from atlas_core.cli.sessions import SeenSession, find_session, look_at, session_arguments, session_options
from atlas_core.cli.tables import print_json, say
from atlas_core.clock import LiveClock
from atlas_core.control.commands import VERBS, Argument, checked
from atlas_core.control.file import ControlFile
from atlas_core.control.inbox import DONE, Inbox, Request
from atlas_core.control.kill_switch import KillSwitch
from atlas_core.errors import AtlasError, NotFound, VenueError
from atlas_core.runs import Mode

ANSWER_SECONDS = 10.0
ENDED_FIRST = "not done: the session ended before it took this"
STOP_SECONDS = 40.0
_LOOK_SECONDS = 0.1
_ASKS_FIRST = ("close", "kill", "stop")


class NoAnswer(VenueError):
    """The session did not answer in time."""

    exit_code = 8


def _acting(name: str) -> click.Command:
    """Make an acting command from its row in the table."""
    verb = VERBS[name]

    def act(ctx: click.Context, profile: str | None, mode: str | None, yes: bool, as_json: bool, **given: Any) -> None:
        arguments = checked(name, given)
        seen = find_session(ctx, profile, mode)
        if str(arguments.get("symbol", "")).isdigit():
            arguments["symbol"] = _symbol_of(seen, int(arguments["symbol"]))
        if seen.state.mode is Mode.LIVE and name in _ASKS_FIRST and not yes:
            click.confirm(f"{name} on {seen.state.title}?", abort=True, err=True)
        answer = _obeyed(name, arguments, seen)
        if name == "stop":
            _wait_for_the_end(seen)
        if as_json:
            print_json({"profile": seen.state.profile, "mode": seen.state.mode.value, "answer": answer})
        else:
            say(answer)

    command: Callable[..., Any] = click.pass_context(act)
    for argument in reversed(verb.arguments):
        command = _SUBJECTS.get(argument.name, _option)(argument)(command)
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
    command = click.option("--yes", is_flag=True, help="Do not ask first on a live session.")(command)
    has_subject = any(argument.name in _SUBJECTS for argument in verb.arguments)
    which = session_options if has_subject else session_arguments
    return click.command(name, help=verb.summary)(which(command))


def _subject(argument: Argument) -> Callable[[Any], Any]:
    return click.argument(argument.name, required=False)


_SUBJECTS = {"symbol": _subject, "key": _subject}


def _option(argument: Argument) -> Callable[[Any], Any]:
    name = f"--{argument.name.replace('_', '-')}"
    if argument.is_switch:
        return click.option(name, argument.name, is_flag=True, help=argument.help.capitalize() + ".")
    help_text = argument.help.capitalize() + "."
    return click.option(name, argument.name, required=argument.required, help=help_text)


def _symbol_of(seen: SeenSession, trade_id: int) -> str:
    """Return the symbol of a trade by its number; raises NotFound."""
    from atlas_core.journal import JournalReader

    with JournalReader.open(seen.require_journal()) as reader:
        return reader.trade(trade_id).symbol


def _obeyed(name: str, arguments: dict[str, Any], seen: SeenSession) -> str:
    if name == "kill":
        _engage(seen, arguments["reason"])  # before anybody is asked: it must not wait for an answer
    try:
        answer = _without_session(name, arguments, seen)
        return _asked(name, arguments, seen) if answer is None else answer
    except AtlasError:
        if name == "kill":
            click.echo("the kill switch is engaged all the same", err=True)
        raise


def _engage(seen: SeenSession, reason: str) -> None:
    """Engage the kill switch; where the disk takes no note of why, an empty file has to do. Raises OSError."""
    switch = KillSwitch(seen.state.kill_file)
    try:
        switch.engage(actor(), reason, LiveClock().now())
    except OSError:
        switch.path.touch()


def _without_session(name: str, arguments: dict[str, Any], seen: SeenSession) -> str | None:
    """Do what needs no session: the kill switch is a file. Return None where the session must be asked."""
    switch, now = KillSwitch(seen.state.kill_file), LiveClock().now()
    if seen.is_running:
        return None
    if name == "kill":
        answer = "killed: the next session enters nothing until atlas resume --after-kill"
        if arguments.get("flatten"):
            answer += "; it is not running, so nothing was closed"
    elif name == "resume" and arguments.get("after_kill"):
        note = switch.note()
        switch.clear()
        answer = f"cleared: {note}" if note else "the kill switch was not engaged"
        if note and seen.state.journal.is_file():
            answer += "; a session that had seen it stays halted until atlas resume"
    else:
        raise NotFound(f"{seen.state.title} is not running; start it: atlas run {seen.state.profile}")
    with ControlFile(seen.state.control) as file:
        Inbox(file).note(_key(now), name, arguments, actor(), answer, now)
    return answer


def _asked(name: str, arguments: dict[str, Any], seen: SeenSession) -> str:
    """Send a command to the running session and wait for its answer; raises what it refuses, NotFound, and NoAnswer."""
    now = LiveClock().now()
    with ControlFile(seen.state.control) as file:
        inbox = Inbox(file)
        request = inbox.send(_key(now), name, arguments, actor(), now)
        request = _wait_for(inbox, request, seen)
        if not request.is_answered and not look_at(seen.state).is_running:
            request = inbox.withdraw(request.id, ENDED_FIRST, LiveClock().now())
    if request.status == DONE:
        return request.answer
    if request.answer == ENDED_FIRST:
        return _ended_first(name, arguments, look_at(seen.state))
    if request.is_answered:
        raise AtlasError(request.answer)
    holder = f"pid {seen.holder.pid}" if seen.holder else "its process"
    if not look_at(seen.state).is_running:
        raise NoAnswer(f"{seen.state.title} ({holder}) ended before it answered, {name} may be done; look: atlas logs")
    raise NoAnswer(
        f"{seen.state.title} ({holder}) did not answer within {ANSWER_SECONDS:g} s, the command is {request.status}; "
        "look at it: atlas status"
    )


def _ended_first(name: str, arguments: dict[str, Any], seen: SeenSession) -> str:
    """Do what can be done after the session ended before it took a command; raises as without a session."""
    if name == "stop":
        return f"{seen.state.title} ended by itself first" + (f": {seen.beat.ended}" if seen.beat else "")
    return _obeyed(name, arguments, seen)


def _wait_for(inbox: Inbox, request: Request, seen: SeenSession) -> Request:
    """Return a command when it is answered, when nobody is left to answer, or when the time is over."""
    for _ in range(int(ANSWER_SECONDS / _LOOK_SECONDS)):
        is_running = look_at(seen.state).is_running  # before the look: whoever ended since may have answered
        request = inbox.request(request.id)
        if request.is_answered or not is_running:
            return request
        _pause()
    return request


def _wait_for_the_end(seen: SeenSession) -> None:
    """Wait until the process has let go of its lock; raises NoAnswer."""
    for _ in range(int(STOP_SECONDS / _LOOK_SECONDS)):
        if not look_at(seen.state).is_running:
            return
        _pause()
    raise NoAnswer(f"{seen.state.title} still runs after {STOP_SECONDS:g} s; look at it: atlas status")


def _pause() -> None:
    threading.Event().wait(_LOOK_SECONDS)


def actor() -> str:
    """Return who types: the name of the system's user."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"cli:{os.getuid()}"


def _key(now: int) -> str:
    return f"cli-{os.getpid()}-{now}"


close, pause, resume, kill, ack, stop = (_acting(name) for name in ("close", "pause", "resume", "kill", "ack", "stop"))
