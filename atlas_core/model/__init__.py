"""Immutable values: what flows between the components and the engine."""
