# ruff: noqa: PLC0414  (screens take the writing of numbers from here)
"""JSON as machines read it, beside numbers, money and times as people do."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from atlas_core.report.writing import NOTHING as NOTHING
from atlas_core.report.writing import compact as compact
from atlas_core.report.writing import held as held
from atlas_core.report.writing import money as money
from atlas_core.report.writing import number as number
from atlas_core.report.writing import percent as percent
from atlas_core.report.writing import plain as plain
from atlas_core.report.writing import price as price
from atlas_core.report.writing import signed as signed
from atlas_core.report.writing import when as when


def print_json(value: object) -> None:
    """Print one JSON document to stdout; Decimals become text so that no digit is lost."""
    sys.stdout.write(to_json(value) + "\n")


def print_json_line(value: object) -> None:
    """Print one JSON document in one line, and let it be seen at once."""
    sys.stdout.write(json.dumps(_plain_value(value), ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def to_json(value: object) -> str:
    """Return strict JSON (no NaN) in a stable layout."""
    return json.dumps(_plain_value(value), indent=2, ensure_ascii=False, allow_nan=False)


def _plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain_value(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_plain_value(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
