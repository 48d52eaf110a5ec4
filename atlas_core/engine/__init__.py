"""The engine: `process(event) -> commands`, a few small state machines side by side, without I/O and without a clock.

`state` holds what replaying the journal gives; `entries`, `protection`, `exits` and `limits` decide; `engine` passes
events to them in a fixed order.
"""
