"""Runs a profile over history, without an event loop."""
