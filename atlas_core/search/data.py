"""What identifies the data of a trial, and where they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from atlas_core.compose import System
from atlas_core.model.bars import Bars
from atlas_core.report.provenance import bars_digest
from atlas_core.search.ledger import DataOfSymbol, DataSet


def origin_of(system: System) -> str:
    """Return the digest of where the history comes from: the provider with its options, and the universe."""
    profile = system.profile
    universe, provider = profile.universe, profile.provider
    facts = (
        provider.use, repr(provider.options), profile.seed, universe.symbols, universe.base_timeframe.text,
        universe.session, sorted(universe.sessions.items()),
    )  # fmt: skip
    return _digest(facts)


def data_of(bars: Iterable[Bars], origin: str, digests: Mapping[str, str] = MappingProxyType({})) -> DataSet:
    """Return what identifies the base bars of a run, bit by bit, with the span of each symbol that has any.

    `digests` holds what `bars_digest` gave of these bars before, by symbol.
    """
    identity, parts = [], []
    for of_symbol in bars:
        digest = digests.get(of_symbol.symbol) or bars_digest(of_symbol)
        identity.append((of_symbol.symbol, of_symbol.timeframe.text, digest))
        if len(of_symbol):
            begins, ends = int(of_symbol.opened_at[0]), int(of_symbol.available_at[-1])
            parts.append(DataOfSymbol(symbol=of_symbol.symbol, begins=begins, ends=ends))
    return DataSet(identity=_digest(identity), origin=origin, symbols=tuple(parts))


def _digest(facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
