"""Where a running session hears people: a file KILL in its state directory, and the commands in its inbox."""

from __future__ import annotations

from attrs import define
from loguru import logger

from atlas_core.clock import Clock
from atlas_core.control.file import Busy, ControlFile
from atlas_core.control.inbox import DONE, REFUSED, Inbox
from atlas_core.errors import AtlasError
from atlas_core.runtime.operator import Operator


@define(eq=False)
class Reception:
    """Looks for what people want, lets the operator obey, and answers; `wall` is the machine's clock."""

    control: ControlFile
    operator: Operator
    wall: Clock
    _is_deaf: bool = False

    def look(self) -> None:
        """Take a file KILL into the journal, and obey the commands that wait; a file in use waits for the next look."""
        self.operator.notice_kill()
        try:
            self._answer(Inbox(self.control))
        except Busy:
            return
        except AtlasError as fault:
            if not self._is_deaf:
                logger.error("commands cannot be taken, the session goes on without them: {}", fault)
            self._is_deaf = True

    def _answer(self, inbox: Inbox) -> None:
        for request in inbox.take(self.wall.now()):
            try:
                status, answer = DONE, self.operator.obey(request)
            except AtlasError as fault:
                status, answer = REFUSED, str(fault)
            inbox.answer(request.id, status, answer, self.wall.now())
