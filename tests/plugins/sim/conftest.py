"""Fixtures for the tests of atlas_sim."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest

from atlas_core import Context, SimClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlas_core import Instrument


class MemoryLog:
    """Keeps what was logged."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, message: str, *args: object) -> None:
        """Forget it."""

    def info(self, message: str, *args: object) -> None:
        """Forget it."""

    def warning(self, message: str, *args: object) -> None:
        """Keep it."""
        self.warnings.append(message.format(*args))

    def error(self, message: str, *args: object) -> None:
        """Forget it."""


@pytest.fixture
def log() -> MemoryLog:
    """Return a log that a test can read."""
    return MemoryLog()


@pytest.fixture
def make_context(log: MemoryLog) -> Callable[..., Context]:
    """Return a maker of contexts; arguments are the instruments and the seed."""

    def make(instruments: Mapping[str, Instrument] | None = None, seed: int = 0) -> Context:
        return Context(
            label="test",
            clock=SimClock(),
            log=log,
            random=lambda name: np.random.default_rng(len(name)),
            share=lambda key, maker: maker(),
            instruments=instruments or {},
            starting_cash=Decimal(10_000),
            seed=seed,
        )

    return make
