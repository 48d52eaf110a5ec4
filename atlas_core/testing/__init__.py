"""What authors of plugins test with."""

from __future__ import annotations

from atlas_core.testing.kernel import fake_entry_point, registry_of
from atlas_core.testing.proofs import Proof, assert_profile_holds, prove
from atlas_core.testing.virtual_time import Deadlock, Livelock, VirtualClock, VirtualLoop, VirtualTimeError, run_virtual

__all__ = [
    "Deadlock",
    "Livelock",
    "Proof",
    "VirtualClock",
    "VirtualLoop",
    "VirtualTimeError",
    "assert_profile_holds",
    "fake_entry_point",
    "prove",
    "registry_of",
    "run_virtual",
]
