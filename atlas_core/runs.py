"""What the outside learns about a run: where it is kept, and its summary at the end."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from attrs import field, frozen

COLUMNS = "columns"
"""What a run says of its driver when it was worked out in columns, and its journal is not written yet."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class Mode(StrEnum):
    """How a profile runs; ordered by what can go wrong."""

    BACKTEST = "backtest"
    REPLAY = "replay"
    PAPER = "paper"
    LIVE = "live"

    @property
    def risk(self) -> int:
        """Return the rank by risk: a command line may lower it, never raise it."""
        return list(Mode).index(self)

    @property
    def word(self) -> str:
        """Return the word that stands on every screen."""
        return "LIVE" if self is Mode.LIVE else str(self.value)


def directory_name(profile: str) -> str:
    """Return the name of a profile's directories: its own, without what a file system could take amiss."""
    return _UNSAFE.sub("-", profile).strip("-.") or "profile"


@frozen(kw_only=True)
class RunInfo:
    """A run and the directory that keeps its journal, tables and manifest.

    `began` is when its directory was made (nanoseconds UTC), which is no part of what it decides.
    """

    run_id: str
    profile: str
    mode: Mode
    synthetic: bool
    directory: Path
    began: int = 0


@frozen(kw_only=True)
class RunSummary:
    """How a run ended, in the quote currency.

    `driver` is what took a back-test through its bars; `every_bar_because` says why none was passed over although that
    was asked for.
    """

    signals: int
    trades: int
    open_positions: int
    net: Decimal
    equity: Decimal
    digest: str
    reason: str
    driver: str = field(default="", eq=False)
    every_bar_because: str = field(default="", eq=False)
