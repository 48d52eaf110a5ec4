"""What authors of plugins test with."""

from __future__ import annotations

from atlas_core.testing.kernel import fake_entry_point, registry_of
from atlas_core.testing.virtual_time import Deadlock, Livelock, VirtualClock, VirtualLoop, VirtualTimeError, run_virtual

__all__ = [
    "Deadlock",
    "Livelock",
    "VirtualClock",
    "VirtualLoop",
    "VirtualTimeError",
    "fake_entry_point",
    "registry_of",
    "run_virtual",
]
