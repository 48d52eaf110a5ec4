"""What stands behind a result beside its own figures: what was proved about its profile, and what was tried before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import asdict, field, frozen

from atlas_core.report.writing import when


class CheckState(StrEnum):
    """What is known of a check: with the code of the run, on its bars, on others, or on some where its own are unknown.

    Those of a session are: they came one by one.
    """

    OK = "ok"
    OK_ELSEWHERE = "ok on other bars"
    OK_BEFORE = "ok on bars of the past"
    FAILED = "failed"
    FAILED_ELSEWHERE = "failed on other bars"
    FAILED_BEFORE = "failed on bars of the past"
    TOO_LITTLE = "too little to tell"
    NOT_CHECKED = "not checked"


@frozen(kw_only=True)
class Check:
    """One check of the profile of a run: `told` is its result in words, `command` makes it or makes it again."""

    name: str
    state: CheckState
    command: str
    told: str = ""
    made_at: int | None = None

    @property
    def sentence(self) -> str:
        """Return the result with its time, or how to come by one."""
        made = f", checked {when(self.made_at)}" if self.made_at is not None else ""
        return f"{self.told}{made}" if self.told else "nobody has checked it"


@frozen(kw_only=True)
class Searched:
    """One sweep over the data of a run: how it searched, what came of it, and what that is worth after so many."""

    sweep_id: str
    method: str
    trials: int
    result: str
    worth: str
    state: str


@frozen(kw_only=True)
class Evidence:
    """Checks in the order in which they are shown; how many `systems` were tried on the same data, also in words."""

    checks: Sequence[Check] = ()
    systems: int = 0
    tried: str = ""
    searches: Sequence[Searched] = field(default=())

    def notes(self) -> tuple[str, ...]:
        """Return what a reader should know before believing the figures, as lines for a screen."""
        known = [f"{check.name} {check.state}" for check in self.checks if check.state is not CheckState.NOT_CHECKED]
        missing = [check for check in self.checks if check.state is CheckState.NOT_CHECKED]
        lines = [f"checked: {', '.join(known)}"] if known else []
        if missing:
            names = ", ".join(check.name for check in missing)
            lines.append(f"not checked: {names}; begin with  {missing[0].command}")
        return (*lines, self.tried) if self.tried and self.systems != 1 else tuple(lines)

    def facts(self) -> dict[str, Any]:
        """Return the evidence as JSON values."""
        return {
            "checks": [
                {**asdict(check), "state": check.state.value, "made_at": _time(check.made_at)} for check in self.checks
            ],
            "systems_tried": self.systems,
            "tried": self.tried,
            "searches": [asdict(searched) for searched in self.searches],
        }


def _time(ts: int | None) -> str | None:
    from atlas_core.report.export import iso

    return None if ts is None else iso(ts)


NOTHING_KNOWN = Evidence()


def has_evidence(evidence: Evidence) -> bool:
    """Tell whether there is anything to show."""
    return bool(evidence.checks or evidence.tried or evidence.searches)


def made_of_code(manifest: Mapping[str, Any], version: str) -> str:
    """Return what tells the code of two runs apart, empty for one that does not tell it."""
    code = (manifest.get("made_of") or {}).get("code")
    return "" if not code else " ".join([version, *(f"{name}:{digest}" for name, digest in sorted(code.items()))])
