"""Times in a profile: TOML dates and times, or texts such as `20260101T1500`, as nanoseconds UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any, NewType

from atlas_core.clock import from_datetime
from atlas_core.options.problems import shown

Moment = NewType("Moment", int)

_TEXT = re.compile(
    r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d))?)?Z?"
)


def _parse(text: str) -> datetime:
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError
    return datetime(*(int(part or 0) for part in match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]


def read_moment(value: Any) -> Moment:
    """Return a TOML date, time with date, or text as nanoseconds since 1970; a time without a zone is UTC.

    Raises ValueError with the forms that are understood.
    """
    try:
        if isinstance(value, datetime):
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        elif isinstance(value, date):
            moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
        elif isinstance(value, str):
            moment = _parse(value)
        else:
            raise ValueError
    except ValueError:
        forms = "2022-01-01, 20220101 or 20260101T1500 (UTC)"
        raise ValueError(f"expected a time such as {forms}, was {shown(value)}") from None
    return Moment(from_datetime(moment))
