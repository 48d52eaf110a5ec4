"""Remembers what a session trades, so that the next one can come up while its provider cannot be reached."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from attrs import define
from loguru import logger

from atlas_core.errors import DataError
from atlas_core.model.instrument import Instrument
from atlas_core.runtime.tape_codec import plain_of, value_of
from atlas_core.statedir import write_json


class InstrumentMemory(Protocol):
    """The instruments that the session before had."""

    def recall(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return the instruments of `symbols`, nothing when one of them is not known."""

    def keep(self, instruments: Mapping[str, Instrument]) -> None:
        """Remember instruments in the place of those before; that it cannot is no reason to stop."""


@define
class InstrumentFile(InstrumentMemory):
    """A small file in the state directory of a session."""

    path: Path

    def recall(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return what the file has of `symbols`; a file that cannot be read has nothing."""
        try:
            plain = json.loads(self.path.read_text(encoding="utf-8"))
            known = {each["symbol"]: value_of(each, Instrument) for each in plain}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, DataError) as fault:
            logger.warning("the instruments in {} are not used: {}", self.path, fault)
            return {}
        return {symbol: known[symbol] for symbol in symbols} if known.keys() >= set(symbols) else {}

    def keep(self, instruments: Mapping[str, Instrument]) -> None:
        """Replace the file when it says something else."""
        if dict(self.recall(tuple(instruments))) == dict(instruments):
            return
        try:
            write_json(self.path, [plain_of(each, Instrument) for each in instruments.values()])
        except OSError as fault:
            logger.warning("the instruments were not kept: {}", fault)
