"""Where a running session hears people: a file KILL in its state directory, and the commands in its inbox."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import define, field
from loguru import logger

from atlas_core.clock import Clock
from atlas_core.control.file import Busy, ControlFile
from atlas_core.control.inbox import DONE, REFUSED, Inbox
from atlas_core.errors import AtlasError
from atlas_core.runtime.operator import Operator

STOP = "stop"


@define(eq=False)
class Reception:
    """Looks for what people want, lets the operator obey, and answers; `wall` is the machine's clock.

    An answer is given once what was obeyed is in the journal, for which `when_written` waits: no crash takes back what
    a person was told.
    """

    control: ControlFile
    operator: Operator
    wall: Clock
    when_written: Callable[[Callable[[], None]], None]
    _answers: list[tuple[int, str, str]] = field(factory=list)
    _is_deaf: bool = False

    def look(self) -> None:
        """Take a file KILL into the journal, and obey the commands that wait; a file in use waits for the next look."""
        self.operator.notice_kill()
        has_answered, has_obeyed = self._try(self._answer), self._try(self._obey)
        if self._is_deaf and has_answered and has_obeyed:
            logger.info("commands are taken again")
            self._is_deaf = False

    def _try(self, act: Callable[[], None]) -> bool:
        """Tell whether the file did what was asked; each of its outages is logged once."""
        try:
            act()
        except Busy:
            return False
        except AtlasError as fault:
            if not self._is_deaf:
                logger.error("commands cannot be taken, the session goes on without them: {}", fault)
            self._is_deaf = True
            return False
        return True

    def _obey(self) -> None:
        for request in Inbox(self.control).take(self.wall.now()):
            try:
                status, answer = DONE, self.operator.obey(request)
            except (AtlasError, OSError) as fault:
                status, answer = REFUSED, str(fault)
            tell = partial(self._tell, request.id, status, answer)
            if request.name == STOP:
                tell()  # there may be no further turn, and nothing of it is kept
            else:
                self.when_written(tell)

    def _tell(self, request: int, status: str, answer: str) -> None:
        self._answers.append((request, status, answer))
        self._try(self._answer)

    def _answer(self) -> None:
        """Write the answers that are to be told; those that cannot be written now wait for the next look."""
        while self._answers:
            Inbox(self.control).answer(*self._answers[0], self.wall.now())
            del self._answers[0]
