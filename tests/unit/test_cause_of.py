"""What was raised, told to people: also where it has no text of its own."""

from __future__ import annotations

import pytest

from atlas_core.errors import NotReady, cause_of


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("no line"), "OSError: no line"),
        (KeyError("price"), "KeyError: 'price'"),
        (TimeoutError(), "TimeoutError: no answer in time"),
        (ConnectionResetError(), "ConnectionResetError: the connection broke"),
        (MemoryError(), "MemoryError: there is no memory left"),
        (NotReady(" "), "NotReady: it says nothing more"),
        (ValueError(), "ValueError: it says nothing more"),
    ],
)
def test_an_error_is_told_with_a_cause(error: BaseException, told: str) -> None:
    assert cause_of(error) == told
