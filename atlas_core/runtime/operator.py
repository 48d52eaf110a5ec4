"""Does what an operator's command says: judges it, hands it to the session, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from attrs import define

from atlas_core.clock import Clock
from atlas_core.control.commands import checked
from atlas_core.control.inbox import Request
from atlas_core.control.kill_switch import EntryPermit
from atlas_core.errors import UsageError

HALT, RESUME, CLOSE, WIND_DOWN, ACKNOWLEDGE = "halt", "resume", "close", "wind-down", "acknowledge"
KILL = "kill switch"


@define
class Operator:
    """Obeys commands.

    `positions` gives the symbols in which the session holds something now, `send` takes a command to it, `end` stops
    it.
    """

    permit: EntryPermit
    wall: Clock
    positions: Callable[[], Collection[str]]
    send: Callable[[str, str, dict[str, Any]], None]
    end: Callable[[str], None]
    _kill_told: bool = False
    _killed_without_file: str = ""

    def obey(self, request: Request) -> str:
        """Do what a command says and return what came of it; raises UsageError with why it is not done."""
        arguments = checked(request.name, request.arguments)
        act = _ACTS[request.name]
        return act(self, request.actor, arguments)

    def notice_kill(self) -> None:
        """Take a newly engaged kill switch into the journal, once for each engagement."""
        note = self.permit.switch.note()
        if note is not None and not self._kill_told:
            self.send(HALT, note.actor, {"reason": f"kill switch: {note.reason}"})
        self._kill_told = note is not None

    def _close(self, actor: str, arguments: Mapping[str, Any]) -> str:
        held = sorted(self.positions())
        symbol = arguments.get("symbol")
        if symbol is not None and symbol not in held:
            raise UsageError(
                f"expected a symbol with a position ({', '.join(held) or 'there is none'}), was {symbol!r}"
            )
        wanted = held if symbol is None else [symbol]
        reason = arguments.get("reason", "closed by a person")
        for each in wanted:
            self.send(CLOSE, actor, {"symbol": each, "reason": reason})
        return f"closing {', '.join(wanted)} at the market" if wanted else "no position is open"

    def _pause(self, actor: str, arguments: Mapping[str, Any]) -> str:
        self.send(HALT, actor, {"reason": arguments.get("reason", "paused by a person")})
        return "entries are stopped, exits go on; allow them again: atlas resume"

    def _resume(self, actor: str, arguments: Mapping[str, Any]) -> str:
        switch = self.permit.switch
        note = switch.note() or self._killed_without_file
        if note and not arguments.get("after_kill"):
            raise UsageError(f"{note}; clear it with: atlas resume --after-kill --reason TEXT")
        if note:
            switch.clear()
            self._kill_told = False  # one that is engaged before the next look is another one
            self._killed_without_file = ""
            self.permit.thaw(KILL)
        was_safe = self.permit.safe_mode
        self.permit.safe_mode = ""
        self.send(RESUME, actor, {"reason": arguments.get("reason", "resumed by a person")})
        cleared = [f"cleared: {note}"] if note else []
        left = [f"left safe mode ({was_safe})"] if was_safe else []
        return "; ".join(["entries are allowed again", *cleared, *left])

    def _kill(self, actor: str, arguments: Mapping[str, Any]) -> str:
        reason, killed = arguments["reason"], "killed: no entry until atlas resume --after-kill"
        try:
            self.permit.switch.engage(actor, reason, self.wall.now())
            self.notice_kill()
        except OSError as fault:
            self._kill_without_file(actor, reason)
            killed += f" (in this session and its journal only, the file KILL cannot be written: {fault})"
        if not arguments.get("flatten"):
            return f"{killed}; positions stay, with their stops"
        self.send(WIND_DOWN, actor, {"reason": reason, "close_positions": True})
        return f"{killed}; every position is being closed at the market"

    def _kill_without_file(self, actor: str, reason: str) -> None:
        """Stop entries where the disk takes no file: that a kill is obeyed does not depend on it."""
        self._killed_without_file = f"killed by {actor}: {reason}"
        self.permit.freeze(KILL, self._killed_without_file)
        self.send(HALT, actor, {"reason": f"kill switch: {reason}"})

    def _ack(self, actor: str, arguments: Mapping[str, Any]) -> str:
        key = arguments.get("key", "")
        self.send(ACKNOWLEDGE, actor, {"key": key})
        return f"alerts about {key} are not repeated" if key else "alerts that have been told are not repeated"

    def _stop(self, actor: str, arguments: Mapping[str, Any]) -> str:
        reason = arguments.get("reason", "")
        self.end(f"stopped by {actor}" + (f": {reason}" if reason else ""))
        return "stopping in good order"


_ACTS: Mapping[str, Callable[[Operator, str, Mapping[str, Any]], str]] = {
    "close": Operator._close,
    "pause": Operator._pause,
    "resume": Operator._resume,
    "kill": Operator._kill,
    "ack": Operator._ack,
    "stop": Operator._stop,
}
