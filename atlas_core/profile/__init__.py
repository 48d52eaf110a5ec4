"""Profiles: one TOML file (with `extends`) becomes a resolved profile, or all of its problems with their addresses."""

from __future__ import annotations

from atlas_core.profile.find import available_profiles, find_profile
from atlas_core.profile.load import load_profile, lowered_mode, open_profile, plugin_filter
from atlas_core.profile.model import ComponentSource, Origin, Profile, Selection
from atlas_core.profile.secrets import secret_problems
from atlas_core.profile.sections import Limits, PluginFilter, ProfileHead, Protection, Schedule, Universe, Window

__all__ = [
    "ComponentSource",
    "Limits",
    "Origin",
    "PluginFilter",
    "Profile",
    "ProfileHead",
    "Protection",
    "Schedule",
    "Selection",
    "Universe",
    "Window",
    "available_profiles",
    "find_profile",
    "load_profile",
    "lowered_mode",
    "open_profile",
    "plugin_filter",
    "secret_problems",
]
