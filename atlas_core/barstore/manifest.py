"""What is known of a series without reading it: span, gaps, origin, and the hashes of its columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, field, frozen

from atlas_core.barstore.columns import BLOCK_ROWS, TYPES
from atlas_core.barstore.keys import PriceKind, SeriesKey
from atlas_core.errors import DataError
from atlas_core.model.session import TradingSession
from atlas_core.model.timeframe import parse_timeframe

FORMAT = 1
FILE_NAME = "manifest.json"


@frozen(kw_only=True)
class Origin:
    """Where rows came from: a file or a venue, when they were written (nanoseconds UTC), and what was repaired."""

    name: str
    rows: int
    written_at: int
    repairs: tuple[str, ...] = ()


@frozen(kw_only=True)
class Manifest:
    """The facts of one series.

    Times are nanoseconds UTC, 0 in a series without rows. `missing_bars` counts what the session expected inside the
    `gaps`. `blocks` holds the SHA-256 of every 262,144 rows of each column, `folder` the name of the folder they are
    in. `instrument` is what a provider said of it, by name.
    """

    key: SeriesKey
    tick_size: Decimal
    session: TradingSession = TradingSession.ALWAYS
    rows: int = 0
    first_opened_at: int = 0
    last_available_at: int = 0
    gaps: int = 0
    missing_bars: int = 0
    folder: str = ""
    blocks: Mapping[str, tuple[str, ...]] = field(factory=dict)
    origins: tuple[Origin, ...] = ()
    instrument: Mapping[str, str] = field(factory=dict)

    @property
    def identity(self) -> str:
        """Return a hash of the bars themselves: the same bars have the same one, however they came here."""
        facts = {
            "symbol": self.key.symbol,
            "timeframe": self.key.timeframe.text,
            "price": self.key.price.value,
            "tick_size": str(self.tick_size.normalize()),
            "rows": self.rows,
            "columns": {name: list(self.blocks.get(name, ())) for name in TYPES},
        }
        return _hash(facts)

    @property
    def size_bytes(self) -> int:
        """Return the bytes of the columns."""
        return self.rows * 8 * len(TYPES)

    def with_origin(self, origin: Origin) -> Manifest:
        """Add an origin; rows that came the same way as the last ones are counted with them."""
        last = self.origins[-1] if self.origins else None
        if last is not None and (last.name, last.repairs) == (origin.name, origin.repairs):
            origin = evolve(origin, rows=last.rows + origin.rows)
            return evolve(self, origins=(*self.origins[:-1], origin))
        return evolve(self, origins=(*self.origins, origin))

    def to_text(self) -> str:
        """Return the manifest as JSON that carries its own hash."""
        facts = self._facts()
        return json.dumps({**facts, "digest": _hash(facts)}, indent=1) + "\n"

    def _facts(self) -> dict[str, Any]:
        plain = asdict(self, filter=lambda attribute, _value: attribute.name not in ("key", "tick_size", "session"))
        key = self.key
        return {
            "format": FORMAT,
            "source": key.source,
            "symbol": key.symbol,
            "timeframe": key.timeframe.text,
            "price": key.price.value,
            "tick_size": str(self.tick_size),
            "session": self.session.value,
            "block_rows": BLOCK_ROWS,
            **plain,
            "identity": self.identity,
        }


def read_manifest(path: Path) -> Manifest:
    """Return what a file says.

    Raises FileNotFoundError when there is none, DataError for one that is damaged or of a newer Atlas.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        digest = facts.pop("digest")
        if facts.get("format") != FORMAT:
            raise DataError(f"{path}: expected format {FORMAT}, was {facts.get('format')}; a newer Atlas wrote it")
        if _hash(facts) != digest:
            raise DataError(f"{path}: expected the manifest as it was written, was changed since; {_REMEDY}")
        return _manifest(facts)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as fault:
        raise DataError(f"{path}: expected a manifest, was damaged ({fault}); {_REMEDY}") from None


_REMEDY = "remove the series (atlas data remove) and import it again"


def _manifest(facts: Mapping[str, Any]) -> Manifest:
    key = SeriesKey(facts["source"], facts["symbol"], parse_timeframe(facts["timeframe"]), PriceKind(facts["price"]))
    origins = tuple(Origin(**{**origin, "repairs": tuple(origin["repairs"])}) for origin in facts["origins"])
    names = ("rows", "first_opened_at", "last_available_at", "gaps", "missing_bars", "folder", "instrument")
    return Manifest(
        key=key,
        tick_size=Decimal(facts["tick_size"]),
        session=TradingSession(facts["session"]),
        blocks={name: tuple(hashes) for name, hashes in facts["blocks"].items()},
        origins=origins,
        **{name: facts[name] for name in names},
    )


def _hash(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
