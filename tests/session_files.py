"""The real series of the shared session cases as bars."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from atlas_core.clock import from_datetime, to_datetime
from atlas_core.model.bars import Bars
from atlas_core.model.session import TradingSession
from atlas_core.model.timeframe import parse_timeframe
from tests.shared import shared_file

NEW_YORK, UTC = ZoneInfo("America/New_York"), ZoneInfo("UTC")
_SPELLED = {"D": "1d", "W": "1w", "M": "1M", "Q": "1Q", "Y": "1Y"}


def timeframe_text(name: str) -> str:
    """Return a case's timeframe as Atlas writes it: minutes are bare numbers there."""
    return _SPELLED.get(name, f"{name}m" if name.isdigit() else name)


def session_cases() -> list[dict[str, Any]]:
    """Return the shared cases of higher timeframes."""
    cases: list[dict[str, Any]] = json.loads(shared_file("cases/strat/06_timeframes.json").read_text())["cases"]
    return cases


def session_of_file(name: str) -> TradingSession:
    """Return when the market of a file trades."""
    return TradingSession.ALWAYS if name.startswith(("btc", "eur")) else TradingSession.US_EQUITIES


def file_bars(name: str, rows_from: str | None = None) -> Bars:
    """Read a file of the shared cases; times of shares are New York's, those of coins UTC."""
    with shared_file(f"cases/data/{name}").open(newline="") as file:
        rows = [row for row in list(csv.reader(file))[1:] if rows_from is None or row[0] >= rows_from]
    zone = UTC if session_of_file(name) is TradingSession.ALWAYS else NEW_YORK
    opened = np.array([from_datetime(datetime.fromisoformat(row[0]).replace(tzinfo=zone)) for row in rows])
    timeframe = parse_timeframe("1d" if len(rows[0][0]) == 10 else "1h" if "hour" in name else "1m")
    ends = opened + timeframe.duration
    ends[:-1] = np.minimum(ends[:-1], opened[1:])  # the day on which clocks go forward has 23 hours
    columns = np.array([[float(price) for price in row[1:6]] for row in rows]).T
    return Bars(name, timeframe, opened, ends, *columns)


def local(ts: int, name: str) -> str:
    """Return a time as the cases write it."""
    zone = UTC if session_of_file(name) is TradingSession.ALWAYS else NEW_YORK
    return to_datetime(ts).astimezone(zone).strftime("%Y-%m-%d %H:%M")
