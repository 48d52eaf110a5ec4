"""The projection tables: what the events amount to, derived from them alone and rebuilt from them at any time.

Money and prices are decimal text. A type with `?` may be empty. The first column is the primary key.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from attrs import field, frozen


@frozen
class Table:
    """A projection table: its name and the type of each column."""

    name: str
    types: Mapping[str, str]
    columns: tuple[str, ...] = field(init=False)
    blank: Mapping[str, Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.types))
        object.__setattr__(self, "blank", dict.fromkeys(self.types))

    @property
    def key(self) -> str:
        """Return the primary key's column."""
        return self.columns[0]

    @property
    def create_sql(self) -> str:
        """Return the statement that creates the table."""
        lines = [f'"{name}" {_column_type(kind)}' for name, kind in self.types.items()]
        lines[0] = lines[0].replace(" NOT NULL", " NOT NULL PRIMARY KEY")
        return f'CREATE TABLE "{self.name}" ({", ".join(lines)}) STRICT, WITHOUT ROWID'

    @cached_property
    def write_sql(self) -> str:
        """Return the statement that writes one row, replacing the one with the same key."""
        marks = ", ".join("?" * len(self.columns))
        return f'INSERT OR REPLACE INTO "{self.name}" VALUES ({marks})'  # noqa: S608  (names of this module)

    @cached_property
    def selection(self) -> str:
        """Return all columns with the table's name, as a SELECT lists them."""
        return ", ".join(f'"{self.name}"."{column}"' for column in self.columns)

    @cached_property
    def read_sql(self) -> str:
        """Return the statement that reads all columns, to be continued with a condition or an order."""
        return f'SELECT {self.selection} FROM "{self.name}"'  # noqa: S608  (names of this module)

    @cached_property
    def find_sql(self) -> str:
        """Return the statement that reads the row with a given key."""
        return f'{self.read_sql} WHERE "{self.key}" = ?'


def _column_type(kind: str) -> str:
    return kind.removesuffix("?") if kind.endswith("?") else f"{kind} NOT NULL"


def _table(name: str, **types: str) -> Table:
    return Table(name, types)


SIGNAL = _table(
    "signal",
    key="TEXT", seq="INTEGER", ts="INTEGER", scanner="TEXT", symbol="TEXT", timeframe="TEXT", pattern="TEXT",
    side="TEXT", entry="TEXT", setup_at="INTEGER", valid_until="INTEGER", trigger="TEXT?", stop="TEXT?",
    target="TEXT?", score="REAL", state="TEXT", outcome="TEXT?", verdict_by="TEXT?", reason="TEXT?", value="REAL?",
    threshold="REAL?", verdict_ts="INTEGER?", trade_id="INTEGER?", context="TEXT",
)  # fmt: skip
ORDER = _table(
    "order",
    client_order_id="TEXT", seq="INTEGER", ts="INTEGER", signal_key="TEXT", role="TEXT", symbol="TEXT", action="TEXT",
    kind="TEXT", quantity="TEXT", limit_price="TEXT?", stop_price="TEXT?", status="TEXT", cumulative_quantity="TEXT",
    average_price="TEXT?", fee="TEXT", reason="TEXT",
)  # fmt: skip
FILL = _table(
    "fill",
    seq="INTEGER", ts="INTEGER", client_order_id="TEXT", symbol="TEXT", quantity="TEXT", price="TEXT", fee="TEXT",
    slippage="TEXT", liquidity="TEXT", ambiguous="INTEGER",
)  # fmt: skip
TRADE = _table(
    "trade",
    trade_id="INTEGER", signal_key="TEXT", symbol="TEXT", timeframe="TEXT", pattern="TEXT", side="TEXT",
    quantity="TEXT", leverage="TEXT?", entry_price="TEXT", opened_at="INTEGER", closed_at="INTEGER?",
    exit_price="TEXT?", gross="TEXT?", fees="TEXT?", slippage="TEXT?", funding="TEXT", net="TEXT?",
    r_multiple="REAL?", initial_risk="TEXT?", reason="TEXT?", rule="TEXT?", stop="TEXT?", stop_rule="TEXT?",
    target="TEXT?", target_rule="TEXT?", highest="TEXT?", lowest="TEXT?", ambiguous="INTEGER", state="TEXT",
)  # fmt: skip
EQUITY = _table("equity", ts="INTEGER", cash="TEXT", equity="TEXT", exposure="TEXT")
ALERT = _table("alert", seq="INTEGER", ts="INTEGER", severity="TEXT", title="TEXT", text="TEXT", key="TEXT")
RUN = _table(
    "run",
    id="INTEGER", started_at="INTEGER", profile="TEXT", mode="TEXT", synthetic="INTEGER", seed="INTEGER",
    starting_cash="TEXT", quote="TEXT", base_timeframe="TEXT", symbols="TEXT", profile_digest="TEXT",
    components="TEXT", sessions="INTEGER", finished_at="INTEGER?", finish_reason="TEXT?", cash="TEXT?",
    equity="TEXT?",
)  # fmt: skip
SESSION = _table(
    "session",
    number="INTEGER", seq="INTEGER", started_at="INTEGER", after_crash="INTEGER", profile_digest="TEXT",
    components="TEXT", state="TEXT", ended_at="INTEGER?", reason="TEXT?",
)  # fmt: skip

TABLES = (ALERT, EQUITY, FILL, ORDER, RUN, SESSION, SIGNAL, TRADE)
"""All projections, by name."""

INDEXES = (
    'CREATE INDEX order_signal ON "order" (signal_key)',
    "CREATE INDEX fill_order ON fill (client_order_id)",
)
