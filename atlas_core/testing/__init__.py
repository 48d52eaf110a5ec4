"""What authors of plugins test with."""

from __future__ import annotations

from atlas_core.testing.kernel import fake_entry_point, registry_of

__all__ = ["fake_entry_point", "registry_of"]
