"""Bars on disk: memory-mapped columns with a manifest, written so that a reader sees the old or the new ones, whole."""
