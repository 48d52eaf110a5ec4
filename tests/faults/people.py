"""What people do to a session from outside: they stop entries by every way in, pause, close, and allow entries again.

They use the files that the command line and a chat use. Where the real session looks for them twice a second, this one
is told that there is something and looks within half a second.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from attrs import define, field

from atlas_core.clock import Clock
from atlas_core.control.file import ControlFile
from atlas_core.control.inbox import DONE, Inbox
from atlas_core.control.kill_switch import KillSwitch
from tests.faults.trace import Trace

WAYS = ("file", "command line", "inbox")
PATIENCE = 10
"""Seconds until a person gives up waiting for an answer, and asks again."""


@define
class Files:
    """The part of a state directory that people reach; `stirred` is set when they have changed anything."""

    folder: Path
    trace: Trace
    stirred: asyncio.Event = field(factory=asyncio.Event)
    _opened: ControlFile | None = None
    _is_known: bool = False

    @property
    def switch(self) -> KillSwitch:
        """The kill switch."""
        return KillSwitch(self.folder / "KILL")

    @property
    def control(self) -> Path:
        """The file of the inbox."""
        return self.folder / "control.db"

    def notice(self) -> None:
        """Write into the trace that the kill file has come or gone."""
        is_there = self.switch.path.exists()
        if is_there != self._is_known:
            self._is_known = is_there
            self.trace.process("kill_file", present=is_there)

    def send(self, name: str, arguments: dict[str, Any], clock: Clock, number: int) -> int:
        """Put a command into the inbox; return its number there."""
        now = clock.now()
        request = Inbox(self._file()).send(f"person-{number}", name, arguments, "anna", now)
        self.stirred.set()
        return request.id

    def answer(self, request: int) -> str:
        """Return what has become of a command."""
        return Inbox(self._file()).request(request).status

    def close(self) -> None:
        """Close what people have open."""
        if self._opened is not None:
            self._opened.close()

    def _file(self) -> ControlFile:
        """Return the file as people have it open: one of them, who does not go away between two looks."""
        if self._opened is None:
            self._opened = ControlFile(self.control)
        return self._opened


@define
class People:
    """The people beside one machine, whose clock is `clock`; `is_running` tells whether a session runs."""

    files: Files
    clock: Any
    is_running: Any
    _sent: int = 0

    def ask(self, name: str, **arguments: Any) -> int:
        """Give a command."""
        self.files.trace.process("command", name=name)
        self._sent += 1
        return self.files.send(name, arguments, self.clock(), self._sent)

    def kill(self, way: str, *, flatten: bool) -> None:
        """Stop entries for good by one of the ways in."""
        reason = {"reason": f"by {way}"}
        if way == "file":
            self.files.switch.path.touch()
        elif way == "command line":
            self.files.switch.engage("cli:anna", reason["reason"], self.clock().now())
        self.files.notice()
        self.files.stirred.set()
        if way != "file" and self.is_running():
            self.ask("kill", **reason, **({"flatten": True} if flatten else {}))
        elif way == "inbox":  # nobody answers a chat while no session runs
            self.kill("command line", flatten=flatten)

    async def release(self) -> None:
        """Clear the kill switch and allow entries again; ask until a session has done it."""
        while True:
            while not self.is_running():
                await asyncio.sleep(1)
            if await self.is_done(self.ask("resume", after_kill=True, reason="looked at")):
                self.files.trace.process("released")
                return
            await asyncio.sleep(PATIENCE)

    async def is_done(self, request: int) -> bool:
        """Wait for the answer to a command; tell whether it was done."""
        for _ in range(PATIENCE):
            await asyncio.sleep(1)
            if self.files.answer(request) == DONE:
                return True
        return False
