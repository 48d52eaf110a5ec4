"""What the global options say, and where logs go."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from attrs import define


class Verbosity(StrEnum):
    """The least severe level that is logged."""

    QUIET = "ERROR"
    NORMAL = "WARNING"
    VERBOSE = "INFO"
    DEBUG = "DEBUG"


@define
class Settings:
    """The global options of one call of `atlas`; commands find it with `ctx.find_object(Settings)`."""

    home: Path | None = None
    verbosity: Verbosity = Verbosity.NORMAL
    color: bool = True

    @property
    def debug(self) -> bool:
        """Whether tracebacks are shown."""
        return self.verbosity is Verbosity.DEBUG

    @property
    def quiet(self) -> bool:
        """Whether progress is left out."""
        return self.verbosity is Verbosity.QUIET

    def apply(self) -> None:
        """Set the environment that the run store and rich read, and send logs to stderr."""
        if self.home is not None:
            os.environ["ATLAS_HOME"] = str(self.home)
        if not self.color:
            os.environ["NO_COLOR"] = "1"
        self._log_to_stderr(_write)

    def log_without_waiting(self) -> None:
        """From now on leave out log lines that stderr does not take at once, as a session needs it."""
        from atlas_core.cli.unread import UnwaitedLog

        self._log_to_stderr(UnwaitedLog())

    def _log_to_stderr(self, write: Callable[[str], None]) -> None:
        from loguru import logger

        logger.remove()
        logger.add(
            write,
            level=self.verbosity.value,
            format="<dim>{time:YYYY-MM-DD HH:mm:ss!UTC}Z</dim> <level>{level: <7}</level> {message}",
            colorize=sys.stderr.isatty() and "NO_COLOR" not in os.environ,
            # Values of variables may be secrets: no diagnosis, and no frames beyond the one that caught the fault.
            diagnose=False,
            backtrace=False,
        )


def _write(message: str) -> None:
    sys.stderr.write(message)
