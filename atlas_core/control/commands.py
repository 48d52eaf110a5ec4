"""The one table of operator commands. The command line, chat and a dashboard are faces of it.

A command that reads is answered from the journal and the heartbeat by whoever asks; one that acts goes through the
inbox to the running session, which judges it and answers. `raises_risk` marks what a face must guard with more than a
name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from atlas_core.errors import UsageError


@frozen(kw_only=True)
class Argument:
    """One argument of a command; a required one must not be empty."""

    name: str
    help: str
    required: bool = False
    is_switch: bool = False


@frozen(kw_only=True)
class Verb:
    """One operator command."""

    name: str
    summary: str
    reads: bool = False
    raises_risk: bool = False
    arguments: tuple[Argument, ...] = ()


_REASON = Argument(name="reason", help="why; it stands in the journal")
_WHY = Argument(name="reason", help="why; it stands in the journal", required=True)

VERBS: Mapping[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(name="status", summary="Show whether a session runs, how it is, and how old that news is.", reads=True),
        Verb(name="positions", summary="Show open positions with their stops and targets.", reads=True),
        Verb(name="orders", summary="Show working orders.", reads=True),
        Verb(name="trades", summary="Show closed trades, the latest first.", reads=True),
        Verb(name="errors", summary="Show alerts and failed components, the latest first.", reads=True),
        Verb(name="jobs", summary="Show what the schedule does next, and what it did.", reads=True),
        Verb(
            name="close",
            summary="Close the position in a symbol at the market, or all of them.",
            arguments=(
                Argument(name="symbol", help="the symbol of the position, or the number of its trade"),
                Argument(name="all", help="every position", is_switch=True),
                _REASON,
            ),
        ),
        Verb(name="pause", summary="Stop entries; exits and stops go on.", arguments=(_REASON,)),
        Verb(
            name="resume",
            summary="Allow entries again.",
            raises_risk=True,
            arguments=(
                Argument(name="after_kill", help="also clear the kill switch", is_switch=True),
                _REASON,
            ),
        ),
        Verb(
            name="kill",
            summary="Stop entries until a person clears the kill switch; works without a session too.",
            arguments=(Argument(name="flatten", help="close every position too", is_switch=True), _WHY),
        ),
        Verb(
            name="ack",
            summary="Stop repeating critical alerts that have been told: those about one matter, or all.",
            arguments=(Argument(name="key", help="the matter, as the alert names it; all without it"),),
        ),
        Verb(name="stop", summary="End the session in good order; stops stay at the venue.", arguments=(_REASON,)),
    )
}


def checked(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a command that acts, held to the table; raises UsageError."""
    verb = VERBS.get(name)
    if verb is None or verb.reads:
        acting = ", ".join(verb.name for verb in VERBS.values() if not verb.reads)
        raise UsageError(f"expected one of {acting}, was {name!r}")
    known = {argument.name: argument for argument in verb.arguments}
    strangers = sorted(set(arguments) - set(known))
    if strangers:
        raise UsageError(f"{name}: expected {', '.join(known) or 'no arguments'}, was {', '.join(strangers)}")
    held = {key: _held(name, known[key], value) for key, value in arguments.items() if value not in (None, "", False)}
    missing = [argument.name for argument in verb.arguments if argument.required and argument.name not in held]
    if missing:
        raise UsageError(f"{name}: expected {', '.join(missing)}, was missing")
    if name == "close" and ("symbol" in held) == ("all" in held):
        raise UsageError("close: expected a symbol or --all")
    if held.get("after_kill") and "reason" not in held:
        raise UsageError("resume: expected a reason to clear the kill switch, was missing")
    return held


def _held(verb: str, argument: Argument, value: Any) -> Any:
    expected: type = bool if argument.is_switch else str
    if not isinstance(value, expected):
        kind = "true or false" if argument.is_switch else "a text"
        raise UsageError(f"{verb}: expected {kind} for {argument.name}, was {value!r}")
    if isinstance(value, str) and (len(value) > 500 or not value.isprintable()):
        raise UsageError(f"{verb}: expected at most 500 printable signs for {argument.name}, were {len(value)}")
    return value
