"""Plugin discovery: every installed entry point ends as a record, every usable component in the registry."""

from __future__ import annotations

from atlas_core.plugins.discovery import GROUPS, SHIPPED_DISTRIBUTION, discover
from atlas_core.plugins.records import PluginRecord, Status
from atlas_core.plugins.registry import Registry

__all__ = ["GROUPS", "SHIPPED_DISTRIBUTION", "PluginRecord", "Registry", "Status", "discover"]
